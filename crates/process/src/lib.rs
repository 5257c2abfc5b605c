//! Stage 3: turns a text into tokens, counts and measures.
//!
//! A text is read in windows, and a window is split into chunks. A pool of threads processes the chunks of
//! one document, and several documents at the same time. The results of the chunks are merged in the order of
//! the text. So the bytes of the results depend only on the text and the processor, never on threads, chunks
//! or crashes. In reading order:
//!
//! * [`config`]: the number of threads, and how documents are divided into pieces of work;
//! * [`processor`]: **the interface of a processor**, [`Processor`](processor::Processor): a plain function
//!   of a chunk;
//! * [`words`]: the built-in processor, and how to replace its tokenizer by a function; [`options`]: its
//!   options; [`stop_word_warnings`]: a list of stop words that does nothing;
//! * [`tokens`]: from text to tokens; the words of UAX #29 are found by the crate [`uax29`], which also
//!   counts tokens;
//! * [`counts`]: n-grams, and totals over all documents; [`measures`]: lengths, sentences, readability,
//!   vocabulary, language;
//! * [`schedule`]: the division of the work over threads;
//! * `document`: one document, from the text to its staged results;
//! * [`stage`]: the stage that the worker runs;
//! * [`exec`]: a command of the user in place of the built-in tokenizer.

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
pub mod stop_word_warnings;
pub mod tokens;
pub mod words;
