//! The interface of a processor, which computes the results of a text.
//!
//! A processor is synchronous code. It receives chunks of a document, never the whole, and defines how the
//! results of the chunks are merged. The stage is responsible for threads, files, hashes and crashes.
//!
//! The ends of the chunks depend on the configuration. A processor that returns the same bytes for every
//! configuration treats every line by itself, or merges what reaches over an end in
//! [`merge`](Processor::merge), as the built-in one does for sentences. Chunks end at line ends; only a line
//! of 8 MiB or more is cut elsewhere, between a space and an ASCII letter or digit.
//! [`Words`](crate::words::Words) makes a processor of a function that splits a text into tokens.

use std::io::{self, Write};

use corpus::stats::ProcessorIdentity;
use serde::Serialize;

/// Computes the results of a text.
pub trait Processor: Send + Sync + 'static {
    /// The result of one chunk. It is kept until its turn in the order of the text.
    type Part: Send;
    /// The merged result of the chunks so far.
    type Whole: Send;
    /// The measures of the document for `stats/`: a struct or map, whose keys are written among those of the
    /// stage.
    type Measures: Serialize;

    /// Returns the identity of the processor, with everything that influences its results. Results of another
    /// identity are computed again.
    fn identity(&self) -> ProcessorIdentity;

    /// Begins a document.
    fn begin(&self) -> Self::Whole;

    /// Processes one chunk. It is called on any thread, for many chunks at the same time. A panic fails the
    /// document, not the program. It should not wait or use rayon itself, because all its time counts as
    /// busy.
    fn chunk(&self, text: &str) -> Self::Part;

    /// Merges a part, in the order of the text, and writes its tokens to `tokens`: one per line.
    ///
    /// # Errors
    /// Returns the errors of `tokens`.
    fn merge(&self, whole: &mut Self::Whole, part: Self::Part, tokens: &mut dyn Write) -> io::Result<()>;

    /// Ends the document: writes the counts to `counts` (`token<TAB>n`, by n descending, then by token
    /// ascending) and returns the measures.
    ///
    /// # Errors
    /// Returns the errors of `counts`.
    fn finish(&self, whole: Self::Whole, counts: &mut dyn Write) -> io::Result<Self::Measures>;
}
