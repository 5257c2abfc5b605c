//! Counts beyond those of the single tokens of a text ([`uax29::token_counts`]).
//!
//! * `ngrams`: the counts of several tokens in a row;
//! * [`vocabulary`]: totals over all documents.

pub(crate) mod ngrams;
pub mod vocabulary;
