//! How far the words of one document are from those of another.
//!
//! Two tokens are drawn, one of each document, and the distance of these two words is measured; so many pairs of tokens
//! give a mean, a standard deviation and a histogram. What is drawn depends on the seed and the documents alone, and all that is added
//! up is whole numbers, so the result is the same on every machine, whatever the threads. In reading order:
//!
//! * [`measure`]: **how far two words are from each other**, as a plain function;
//! * [`words`]: the tokens of a document as they are held, and how much of a huge one;
//! * [`draws`]: the random numbers, fixed for good; [`choice`]: which pairs of many documents;
//! * [`tally`], [`spread`]: distances added up, and what is said of them;
//! * [`comparer`]: two documents, or many, over all cores;
//! * [`close`]: ids that may have been meant.

pub mod choice;
pub mod close;
pub mod comparer;
pub mod draws;
pub mod error;
pub mod measure;
pub mod spread;
pub mod tally;
pub mod words;
