//! Measures how different the words of documents are.
//!
//! A measurement draws one token from each of two documents and takes the distance of the two words. Many
//! such pairs give a mean, a standard deviation and a histogram. The pairs depend only on the seed and the
//! documents, and all sums are whole numbers, so the result is the same on every machine and with any number
//! of threads. In reading order:
//!
//! * [`measure`]: **the distance of two words**, a plain function;
//! * [`token_sample`]: the tokens of a document, or a sample of them;
//! * [`random_numbers`]: random numbers that never change; [`pair_sampling`]: the pairs of documents to
//!   compare;
//! * [`accumulator`]: adds distances up; [`summary`]: their mean, deviation and histogram; [`histogram`]: its
//!   text;
//! * [`comparer`]: compares two or many documents on all cores;
//! * [`documents`]: the documents of a blob store, found by their ids, and compared;
//! * [`suggestions`]: similar ids for one that does not exist.

pub mod accumulator;
pub mod comparer;
pub mod documents;
pub mod error;
pub mod histogram;
pub mod measure;
pub mod pair_sampling;
pub mod random_numbers;
pub mod suggestions;
pub mod summary;
pub mod token_sample;
