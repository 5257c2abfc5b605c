//! From the bytes of one document to its text and what there is to say of it, in two readings; the second of one that
//! is not large is from memory.

use std::io::{self, Read, Write};

use corpus::{
    boilerplate::Strip,
    meta::{EncodingFacts, RawFacts, RawFate, TextFacts},
};
use flow::{
    blobs::{BlobError, BlobName, BlobStore, StagedBlob},
    payload::StoreJob,
};

use crate::{
    error::StoreError,
    meta::listed_language,
    text::{
        boilerplate::trim::{Limits, Trimmed, Trimmer},
        count::line_ends,
        decode::{DecodeBuffers, DecodeCounts, decode, decode_held},
        encoding::{DecideError, EncodingDecision, SourceHints, decide},
        scan::{Scan, Scanner},
    },
};

/// How many bytes are read at a time.
const WINDOW_BYTES: usize = 256 * 1024;
/// The most bytes of a download that is read only once.
const HELD_BYTES_MAX: usize = 1 << 20;

/// Memory that one text after another is worked on in: to have new memory for each takes longer than much of the work.
#[derive(Debug)]
pub(crate) struct WorkBuffers {
    /// The first reading: all of a download that is not large, the last windows of another.
    bytes: Vec<u8>,
    room: DecodeBuffers,
    /// What is held back of the text.
    held: String,
}

impl Default for WorkBuffers {
    fn default() -> Self {
        Self { bytes: vec![0; HELD_BYTES_MAX], room: DecodeBuffers::of(WINDOW_BYTES), held: String::new() }
    }
}

/// A download that was read for the first time, and is the one that was meant.
#[derive(Debug)]
pub(crate) struct Download {
    /// Where it lies.
    pub(crate) name: BlobName,
    survey: Scan,
}

/// What a document's bytes became.
#[derive(Debug)]
pub(crate) struct Converted {
    pub(crate) raw: RawFacts,
    pub(crate) text: TextFacts,
    pub(crate) encoding: EncodingFacts,
    pub(crate) trimmed: Trimmed,
}

impl Download {
    /// Reads a blob for the first time, and sees whether it is what was downloaded.
    pub(crate) fn at(
        blobs: &dyn BlobStore,
        name: BlobName,
        job: &StoreJob,
        desk: &mut WorkBuffers,
    ) -> Result<Self, StoreError> {
        let survey = survey(blobs.open(&name)?, &mut desk.bytes)
            .map_err(|error| BlobError::at(&name.relative_path(), error))?;
        same_bytes(job, survey.blake3)?;
        Ok(Self { name, survey })
    }

    /// Decides on the encoding of the bytes. This may read them once more.
    fn decide(
        &self,
        blobs: &dyn BlobStore,
        job: &StoreJob,
        desk: &WorkBuffers,
    ) -> Result<EncodingDecision, StoreError> {
        let held = desk.bytes.get(..self.survey.bytes as usize);
        let reopen = || -> Result<Box<dyn Read + '_>, BlobError> {
            match held {
                Some(bytes) => Ok(Box::new(bytes)),
                None => Ok(Box::new(blobs.open(&self.name)?)),
            }
        };
        decide(&self.survey, said(job), &reopen).map_err(|error| match error {
            DecideError::NotText(error) => error.into(),
            DecideError::Opening(error) => error.into(),
            DecideError::Reading(error) => BlobError::at(&self.name.relative_path(), error).into(),
        })
    }

    /// Goes through it for the second time, and writes its text. `desk` is the one of the first time.
    pub(crate) fn convert(
        &self,
        blobs: &dyn BlobStore,
        job: &StoreJob,
        strip: Strip,
        desk: &mut WorkBuffers,
        into: &mut StagedBlob,
    ) -> Result<Converted, StoreError> {
        let decided = self.decide(blobs, job, desk)?;
        let mut text = TextWriter::new(into);
        let mut trimmer =
            Trimmer::new(Limits::default(), strip, &mut desk.held, |piece: &str| text.write(piece));
        let sink = |piece: &str| trimmer.push(piece);
        let (code, skip) = (decided.used, decided.bom_bytes);
        let decoded = if self.survey.bytes <= desk.bytes.len() as u64 {
            let bytes = &desk.bytes[..self.survey.bytes as usize];
            decode_held(bytes, code, skip, &mut desk.room, sink).map_err(|failed| failed.at(&self.name))?
        } else {
            let mut raw = Hashed { inner: blobs.open(&self.name)?, hasher: blake3::Hasher::new() };
            let decoded =
                decode(&mut raw, code, skip, &mut desk.room, sink).map_err(|failed| failed.at(&self.name))?;
            same_bytes(job, raw.hasher.finalize())?;
            decoded
        };
        let trimmed = trimmer.finish().map_err(|failed| failed.at(&self.name))?;
        refuse_garbage(&decided, decoded)?;
        if text.is_blank {
            return Err(StoreError::Empty { cut: trimmed.removed.iter().map(|cut| cut.bytes).sum() });
        }
        Ok(Converted {
            raw: RawFacts {
                bytes: self.survey.bytes,
                blake3: self.survey.blake3.to_hex().to_string(),
                fate: RawFate::Kept,
            },
            text: text.facts(),
            encoding: facts(decided, decoded, job),
            trimmed,
        })
    }
}

/// Returns the encoding and language that the source list and HTTP give, and the host.
fn said(job: &StoreJob) -> SourceHints<'_> {
    SourceHints {
        listed: job.listed.encoding.as_deref(),
        http: job.fetched.charset.as_deref(),
        language: listed_language(&job.listed.columns),
        host: host(&job.fetched.url),
    }
}

/// Returns the host of a URL, without user information and port.
fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    host.split(':').next().filter(|host| !host.is_empty())
}

/// Reads all, window by window. What fits into `bytes` lies there afterwards.
fn survey(mut reader: impl Read, bytes: &mut [u8]) -> io::Result<Scan> {
    let mut survey = Scanner::default();
    let mut filled = 0;
    loop {
        if filled == bytes.len() {
            filled = 0;
        }
        let window = filled..bytes.len().min(filled + WINDOW_BYTES);
        match reader.read(&mut bytes[window]) {
            Ok(0) => return Ok(survey.finish()),
            Ok(length) => {
                survey.take(&bytes[filled..filled + length]);
                filled += length;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn same_bytes(job: &StoreJob, found: blake3::Hash) -> Result<(), StoreError> {
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

fn refuse_garbage(decided: &EncodingDecision, decoded: DecodeCounts) -> Result<(), StoreError> {
    if !decoded.is_garbage() {
        return Ok(());
    }
    Err(StoreError::Undecodable {
        encoding: decided.used.name(),
        bad: decoded.replacements + decoded.controls,
        characters: decoded.characters,
    })
}

fn facts(decided: EncodingDecision, decoded: DecodeCounts, job: &StoreJob) -> EncodingFacts {
    EncodingFacts {
        given: job.listed.encoding.clone(),
        declared_http: job.fetched.charset.clone(),
        declared_text: decided.declared_text,
        detected: decided.detected.map(|code| code.name().to_owned()),
        used: decided.used.name().to_owned(),
        confidence: Some(decided.confidence),
        bom: decided.bom_bytes > 0,
        replacements: decoded.replacements,
    }
}

/// Writes a text and measures it on the way.
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

    fn write(&mut self, piece: &str) -> Result<(), Failed> {
        self.into.file.write_all(piece.as_bytes()).map_err(|error| BlobError::at(&self.into.path, error))?;
        self.hasher.update(piece.as_bytes());
        self.bytes += piece.len() as u64;
        self.line_ends += line_ends(piece);
        self.ends_line = piece.ends_with('\n');
        self.is_blank = self.is_blank && piece.trim().is_empty();
        Ok(())
    }

    fn facts(&self) -> TextFacts {
        TextFacts {
            bytes: self.bytes,
            blake3: self.hasher.finalize().to_hex().to_string(),
            lines: self.line_ends + u64::from(!self.ends_line),
        }
    }
}

/// Bytes that are hashed as they are read.
struct Hashed<R> {
    inner: R,
    hasher: blake3::Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..length]);
        Ok(length)
    }
}

/// Which side of the work failed.
enum Failed {
    Reading(io::Error),
    Writing(BlobError),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Reading(error)
    }
}

impl From<BlobError> for Failed {
    fn from(error: BlobError) -> Self {
        Self::Writing(error)
    }
}

impl Failed {
    fn at(self, from: &BlobName) -> BlobError {
        match self {
            Self::Reading(error) => BlobError::at(&from.relative_path(), error),
            Self::Writing(error) => error,
        }
    }
}
