//! Stage 3: a text becomes tokens, counts and measures.
//!
//! The text is read in windows, a window is split into chunks, a pool of threads works on chunks of one
//! document and on several documents at a time, and what the chunks yield is merged in the order of the text.
//! So the bytes that come out depend on the text and the processor only, never on threads, chunks or crashes.
//! In reading order:
//!
//! * [`config`]: how many threads, and how a document is cut into pieces of work;
//! * [`processor`]: **what is done with a text**, as a plain function of a chunk:
//!   [`Processor`](processor::Processor);
//! * [`words`], [`tokens`]: the built-in one, and how to swap its tokeniser for a function of one's own;
//! * [`options`], [`tokenizer`], [`stop_words`] (from a `word_list`): the parts of it that the user may
//!   choose; `prepare` and `filter`: the steps before and after it;
//! * [`uax29`]: the words of UAX #29 by bits, exactly and fast; `spgc`: another definition; `hf`: tokenizers
//!   of Hugging Face;
//! * [`word_counts`]: the counts of the built-in one alone, without files;
//! * `tally`, `ngrams`, `spare`: what it counts with; [`measures`]: what it measures, with `extent`,
//!   `sentences`, `sentence_rules`, `succession` and `language`;
//! * [`window`]: where a text may be cut, with the proof;
//! * `dispatch`, `pool`: which document is next, and the threads with their busy time; [`plan`]: what another
//!   way to cut the work would come to;
//! * `document`, `results`, `output`, [`stats`]: one document from the text to its staged results;
//! * [`exec`]: a command of the user's in place of a processor;
//! * [`stage`]: the stage that the worker runs; [`vocabulary`]: totals over all documents.

mod choice;
pub mod config;
pub mod counts;
mod document;
pub mod error;
pub mod exec;
pub mod measures;
pub mod options;
pub mod processor;
pub mod schedule;
pub mod stage;
pub mod stats;
pub mod tokens;
pub mod words;
