//! From bytes to text as the stage does it, without a store: the door of the fuzz target.
//!
//! There only with the feature `fuzzing`, which nothing but `fuzz/` asks for. Nothing is decided here: the code that the
//! stage runs is.

use std::io;

use corpus::{
    boilerplate::{RemovedSpan, Strip},
    meta::Confidence,
};

use crate::text::{
    boilerplate::trim::{Limits, Trimmer},
    decode::{DecodeBuffers, decode},
    encoding::{EncodingDecision, SourceHints, decide},
    scan::Scan,
};

/// How bytes are read.
#[derive(Debug, Clone, Copy)]
pub struct ReadOptions<'a> {
    /// The encoding that the source list gives.
    pub listed: Option<&'a str>,
    /// The one that HTTP declares.
    pub http: Option<&'a str>,
    /// The language that the source list gives.
    pub language: Option<&'a str>,
    /// What is cut.
    pub strip: Strip,
    /// How many bytes are read at a time; at least 1.
    pub window: usize,
    /// Whether the head and tail that are held are so small that short texts stream through them.
    pub holds_little: bool,
}

/// What came of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadText {
    /// The encoding that was used.
    pub encoding: &'static str,
    /// The certainty of that encoding.
    pub confidence: Confidence,
    /// All of the text, decoded.
    pub decoded: String,
    /// What is left of it.
    pub text: String,
    /// What was cut.
    pub cuts: Vec<RemovedSpan>,
}

/// Reads them; none where they are no text.
///
/// # Panics
/// Where reading from memory fails, which it does not.
#[must_use]
pub fn read(bytes: &[u8], options: ReadOptions<'_>) -> Option<ReadText> {
    let ReadOptions { listed, http, language, strip, window, holds_little } = options;
    let survey = Scan::of(bytes, window);
    let said = SourceHints { listed, http, language, host: None };
    let decided = decide(&survey, said, &|| Ok(Box::new(bytes))).ok()?;
    let decode_to = |sink: &mut dyn FnMut(&str)| {
        let sink = |piece: &str| {
            sink(piece);
            Ok::<(), io::Error>(())
        };
        let room = &mut DecodeBuffers::of(window);
        decode(bytes, decided.used, decided.bom_bytes, room, sink).expect("memory can be read");
    };
    let mut decoded = String::new();
    decode_to(&mut |piece| decoded.push_str(piece));
    let limits = if holds_little { Limits::SMALL } else { Limits::default() };
    let mut text = String::new();
    let mut held = String::new();
    let mut trimmer = Trimmer::new(limits, strip, &mut held, |piece: &str| {
        text.push_str(piece);
        Ok::<(), io::Error>(())
    });
    decode_to(&mut |piece| trimmer.push(piece).expect("memory can be written"));
    let trimmed = trimmer.finish().expect("memory can be written");
    let EncodingDecision { used, confidence, .. } = decided;
    Some(ReadText { encoding: used.name(), confidence, decoded, text, cuts: trimmed.removed })
}
