//! Reads bytes as the stage does, without a store, for the fuzz target.
//!
//! It exists only with the feature `fuzzing`, which nothing but `fuzz/` enables. It decides nothing by
//! itself: it calls the code that the stage calls.

use std::io;

use corpus::{
    boilerplate::{RemovedSpan, Strip},
    meta::Confidence,
};

use crate::text::{
    boilerplate::trim::{Limits, Trimmer},
    decode::{DecodeBuffers, decode},
    encoding::{SourceHints, decide},
    scan::Scan,
};

/// The options with which bytes are read.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions<'a> {
    /// The encoding that the source list gives.
    pub listed: Option<&'a str>,
    /// The encoding that HTTP declares.
    pub http: Option<&'a str>,
    /// The language that the source list gives.
    pub language: Option<&'a str>,
    /// The share of the boilerplate that is removed.
    pub strip: Strip,
    /// The number of bytes read at a time; at least 1.
    pub window: usize,
    /// Holds so little of the text that short texts stream.
    pub holds_little: bool,
}

/// A text that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadText {
    /// The encoding that was used.
    pub encoding: &'static str,
    /// The certainty of that encoding.
    pub confidence: Confidence,
    /// All of the text, decoded.
    pub decoded: String,
    /// The text without what was removed.
    pub text: String,
    /// The removed lines.
    pub cuts: Vec<RemovedSpan>,
}

/// Reads bytes as a text. Returns `None` if they are no text.
///
/// # Panics
/// Panics if reading from memory fails, which it does not.
#[must_use]
pub fn read(bytes: &[u8], options: ReadOptions<'_>) -> Option<ReadText> {
    let ReadOptions { listed, http, language, strip, window, holds_little } = options;
    let hints = SourceHints { listed, http, language, host: None };
    let decision = decide(&Scan::of(bytes, window), hints, &|| Ok(Box::new(bytes))).ok()?;
    let limits = if holds_little { Limits::SMALL } else { Limits::default() };
    let (mut decoded, mut text, mut held) = (String::new(), String::new(), String::new());
    let mut trimmer = Trimmer::new(limits, strip, &mut held, |piece: &str| {
        text.push_str(piece);
        Ok::<(), io::Error>(())
    });
    let buffers = &mut DecodeBuffers::of(window);
    let read = decode(bytes, decision.used, decision.bom_bytes, buffers, |piece| {
        decoded.push_str(piece);
        trimmer.push(piece)
    });
    read.expect("memory can be read");
    let trimmed = trimmer.finish().expect("memory can be written");
    let (encoding, confidence) = (decision.used.name(), decision.confidence);
    Some(ReadText { encoding, confidence, decoded, text, cuts: trimmed.removed })
}
