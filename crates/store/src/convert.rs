//! Converts the bytes of one document to its text, and records facts about both.
//!
//! The bytes are read twice. If there are few, the second reading is from memory.

use std::io::{self, Read, Write};

use corpus::meta::{EncodingFacts, Meta, RawFacts, TextFacts};
use flow::{
    blobs::{BlobError, BlobName, BlobStore, StagedBlob},
    failure::Reason,
    payload::StoreJob,
};
use url::Url;

use crate::{
    config::StoreConfig,
    error::StoreError,
    meta::{listed_language, new_meta},
    text::{
        boilerplate::trim::{Limits, Trimmer},
        count::line_ends,
        decode::{DecodeBuffers, DecodeCounts, decode, decode_held},
        encoding::{EncodingDecision, SourceHints, decide},
        error::TextError,
        scan::{Scan, Scanner},
        window::read_window,
    },
};

/// The number of bytes read at a time.
const WINDOW_BYTES: usize = 256 * 1024;
/// The maximum length in bytes of a download that is read only once.
const HELD_BYTES_MAX: usize = 1 << 20;

/// The buffers in which one text after another is converted. New memory for each would take longer than much
/// of the work.
#[derive(Debug)]
pub(crate) struct WorkBuffers {
    /// The first reading: all of a download that is not large, the last windows of another.
    bytes: Vec<u8>,
    decode: DecodeBuffers,
    /// The part of the text that is held back.
    held: String,
}

impl Default for WorkBuffers {
    fn default() -> Self {
        Self { bytes: vec![0; HELD_BYTES_MAX], decode: DecodeBuffers::of(WINDOW_BYTES), held: String::new() }
    }
}

/// A download that has been read once and has the expected hash.
#[derive(Debug)]
pub(crate) struct Download {
    pub(crate) name: BlobName,
    scan: Scan,
}

impl Download {
    /// Reads a blob for the first time.
    ///
    /// # Errors
    /// [`StoreError::Blob`] if it cannot be read, [`StoreError::Changed`] if it is not what was downloaded.
    pub(crate) fn open(
        blobs: &dyn BlobStore,
        name: BlobName,
        job: &StoreJob,
        buffers: &mut WorkBuffers,
    ) -> Result<Self, StoreError> {
        let scan = scan(blobs.open(&name)?, &mut buffers.bytes)
            .map_err(|error| BlobError::at(&name.relative_path(), error))?;
        check_hash(job, scan.blake3)?;
        Ok(Self { name, scan })
    }

    /// Reads it for the second time, writes its text to `into`, and returns the meta. `buffers` must be those
    /// of the first time.
    ///
    /// # Errors
    /// [`StoreError::NotText`] or [`StoreError::Refused`] if the bytes contain no text,
    /// [`StoreError::Changed`] if they have changed since the first time, [`StoreError::Blob`] if reading or
    /// writing fails.
    pub(crate) fn convert(
        &self,
        blobs: &dyn BlobStore,
        job: &StoreJob,
        config: StoreConfig,
        buffers: &mut WorkBuffers,
        into: &mut StagedBlob,
    ) -> Result<Meta, StoreError> {
        let WorkBuffers { bytes, decode: decode_buffers, held } = buffers;
        let bytes = bytes.get(..self.scan.counts.bytes as usize);
        let decision = self.decide(blobs, job, bytes)?;
        let mut text = TextWriter::new(into);
        let mut trimmer =
            Trimmer::new(Limits::default(), config.strip, held, |piece: &str| text.write(piece));
        let sink = |piece: &str| trimmer.push(piece);
        let (codec, skip) = (decision.used, decision.bom_bytes);
        let failed = |error| self.store_error(error);
        let counts = match bytes {
            Some(bytes) => decode_held(bytes, codec, skip, decode_buffers, sink).map_err(failed)?,
            None => {
                let mut raw = HashingReader { inner: blobs.open(&self.name)?, hasher: blake3::Hasher::new() };
                let counts = decode(&mut raw, codec, skip, decode_buffers, sink).map_err(failed)?;
                // The text must be that of the bytes that were scanned.
                check_hash(job, raw.hasher.finalize())?;
                counts
            }
        };
        let trimmed = trimmer.finish().map_err(failed)?;
        // Only the whole text shows that it does not decode. Its staged file is removed when it is dropped.
        if counts.is_garbage() {
            let (bad, characters) = (counts.replacements + counts.controls, counts.characters);
            let message =
                format!("{bad} of {characters} characters do not decode as {}", decision.used.name());
            return Err(StoreError::Refused { reason: Reason::Undecodable, message });
        }
        if text.is_blank {
            let cut = trimmed.removed.iter().map(|removed| removed.bytes).sum::<u64>();
            let message = format!("no text is left after {cut} bytes of boilerplate were removed");
            return Err(StoreError::Refused { reason: Reason::Empty, message });
        }
        let raw = RawFacts {
            bytes: self.scan.counts.bytes,
            blake3: self.scan.blake3.to_hex().to_string(),
            fate: config.raw,
        };
        Ok(new_meta(job, config.strip, raw, text.finish(), encoding_facts(decision, counts, job), trimmed))
    }

    /// Decides on the encoding of the bytes. This may read them once more.
    fn decide(
        &self,
        blobs: &dyn BlobStore,
        job: &StoreJob,
        held: Option<&[u8]>,
    ) -> Result<EncodingDecision, StoreError> {
        let reopen = || -> Result<Box<dyn Read + '_>, BlobError> {
            match held {
                Some(bytes) => Ok(Box::new(bytes)),
                None => Ok(Box::new(blobs.open(&self.name)?)),
            }
        };
        let url = Url::parse(&job.fetched.url).ok();
        let hints = SourceHints {
            listed: job.listed.encoding.as_deref(),
            http: job.fetched.charset.as_deref(),
            language: listed_language(&job.listed),
            host: url.as_ref().and_then(Url::host_str),
        };
        decide(&self.scan, hints, &reopen).map_err(|error| self.store_error(error))
    }

    fn store_error(&self, error: TextError) -> StoreError {
        match error {
            TextError::NotText(error) => error.into(),
            TextError::Blob(error) => error.into(),
            TextError::Reading(error) => BlobError::at(&self.name.relative_path(), error).into(),
        }
    }
}

/// Scans all bytes, window by window. Bytes that fit into `bytes` are there afterwards.
fn scan(mut reader: impl Read, bytes: &mut [u8]) -> io::Result<Scan> {
    let mut scanner = Scanner::default();
    let mut filled = 0;
    loop {
        // A download that is too large for the buffer overwrites it, and is read again.
        if filled == bytes.len() {
            filled = 0;
        }
        let window = filled..bytes.len().min(filled + WINDOW_BYTES);
        let length = read_window(&mut reader, &mut bytes[window])?;
        if length == 0 {
            return Ok(scanner.finish());
        }
        scanner.take(&bytes[filled..filled + length]);
        filled += length;
    }
}

fn check_hash(job: &StoreJob, found: blake3::Hash) -> Result<(), StoreError> {
    let found = found.to_hex();
    if found.as_str().eq_ignore_ascii_case(&job.fetched.blake3) {
        return Ok(());
    }
    Err(StoreError::Changed {
        document: job.document.clone(),
        expected: job.fetched.blake3.clone(),
        found: found.to_string(),
    })
}

fn encoding_facts(decision: EncodingDecision, counts: DecodeCounts, job: &StoreJob) -> EncodingFacts {
    EncodingFacts {
        given: job.listed.encoding.clone(),
        declared_http: job.fetched.charset.clone(),
        declared_text: decision.declared_text,
        detected: decision.detected.map(|codec| codec.name().to_owned()),
        used: decision.used.name().to_owned(),
        confidence: Some(decision.confidence),
        bom: decision.bom_bytes > 0,
        replacements: counts.replacements,
    }
}

/// Writes a text, and counts and hashes it.
struct TextWriter<'a> {
    into: &'a mut StagedBlob,
    hasher: blake3::Hasher,
    bytes: u64,
    line_ends: u64,
    ends_line: bool,
    is_blank: bool,
}

impl<'a> TextWriter<'a> {
    fn new(into: &'a mut StagedBlob) -> Self {
        Self { into, hasher: blake3::Hasher::new(), bytes: 0, line_ends: 0, ends_line: true, is_blank: true }
    }

    fn write(&mut self, piece: &str) -> Result<(), TextError> {
        self.into.write_all(piece.as_bytes()).map_err(|error| BlobError::at(&self.into.path(), error))?;
        self.hasher.update(piece.as_bytes());
        self.bytes += piece.len() as u64;
        self.line_ends += line_ends(piece);
        self.ends_line = piece.ends_with('\n');
        self.is_blank = self.is_blank && piece.trim().is_empty();
        Ok(())
    }

    /// Returns the facts of the whole text.
    fn finish(self) -> TextFacts {
        let blake3 = self.hasher.finalize();
        self.into.blake3 = Some(blake3);
        TextFacts {
            bytes: self.bytes,
            blake3: blake3.to_hex().to_string(),
            lines: self.line_ends + u64::from(!self.ends_line),
        }
    }
}

/// A reader that hashes what it reads.
struct HashingReader<R> {
    inner: R,
    hasher: blake3::Hasher,
}

impl<R: Read> Read for HashingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        Ok(length)
    }
}
