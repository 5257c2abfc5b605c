//! What is done with a text.
//!
//! A processor is plain synchronous code. It never sees a document, only chunks of it, and says how what the chunks
//! yield is put together. Threads, files, hashes and crashes are the business of the stage.
//!
//! Where a chunk ends depends on the configuration, so a processor that shall give the same bytes for every
//! configuration must not care: it treats every line by itself, or (like the built-in one does for sentences) settles
//! what reaches over the edge in [`merge`](Processor::merge). Edges are line ends; only a line of 8 MiB or more is cut
//! elsewhere, between a space and an ASCII letter or digit. [`Words`](crate::words::Words) turns a function that
//! gives the tokens of a text into a processor.

use std::io::{self, Write};

use corpus::stats::ProcessorIdentity;
use serde::Serialize;

/// What is done with a text.
pub trait Processor: Send + Sync + 'static {
    /// What one chunk yields. Kept until its turn in the order of the text comes.
    type Part: Send;
    /// What the chunks so far add up to.
    type Whole: Send;
    /// What `stats/` says of the document: a struct or map, whose keys stand beside those of the stage.
    type Measures: Serialize;

    /// Which processor this is, with all that influences its results. Results of another identity are made anew.
    fn identity(&self) -> ProcessorIdentity;

    /// A document begins.
    fn begin(&self) -> Self::Whole;

    /// Works on one chunk, on any thread, many at a time. A panic is a failure of the document, not of the program.
    /// Should not wait or use rayon itself: all its time is counted as busy.
    fn chunk(&self, text: &str) -> Self::Part;

    /// Adds a part, in the order of the text, and writes what `tokens/` gets of it: one token a line.
    ///
    /// # Errors
    /// Those of `tokens`.
    fn merge(&self, whole: &mut Self::Whole, part: Self::Part, tokens: &mut dyn Write) -> io::Result<()>;

    /// The document ends: writes what `counts/` gets (`token<TAB>n`, n falling, then token rising), gives the
    /// measures.
    ///
    /// # Errors
    /// Those of `counts`.
    fn finish(&self, whole: Self::Whole, counts: &mut dyn Write) -> io::Result<Self::Measures>;
}
