//! From the bytes of one document to its text and what there is to say of it, in two readings.

use std::io::{self, Read, Write};

use flow::{
    blobs::{BlobError, BlobName, BlobStore, StagedBlob},
    payload::StoreJob,
};

use crate::{
    error::StoreError,
    meta::{EncodingFacts, RawFacts, TextFacts},
    text::{
        count::line_ends,
        decode::{Decoded, decode},
        encoding::{Decided, decide},
        survey::Survey,
        trim::{Limits, Trimmed, Trimmer},
    },
};

/// How many bytes are read at a time.
const WINDOW_BYTES: usize = 256 * 1024;

/// What a document's bytes became.
#[derive(Debug)]
pub(crate) struct Refined {
    pub(crate) raw: RawFacts,
    pub(crate) text: TextFacts,
    pub(crate) encoding: EncodingFacts,
    pub(crate) trimmed: Trimmed,
}

/// Reads a blob for the first time, and sees whether it is what was downloaded.
pub(crate) fn survey(blobs: &dyn BlobStore, from: &BlobName, job: &StoreJob) -> Result<Survey, StoreError> {
    let at = |error| BlobError::at(&from.relative_path(), error);
    let survey = Survey::of(blobs.open(from)?, WINDOW_BYTES).map_err(at)?;
    same_bytes(job, survey.blake3)?;
    Ok(survey)
}

/// Reads it for the second time, and writes its text.
pub(crate) fn refine(
    blobs: &dyn BlobStore,
    from: &BlobName,
    job: &StoreJob,
    survey: &Survey,
    into: &mut StagedBlob,
) -> Result<Refined, StoreError> {
    let decided = decide(survey, job.fetched.charset.as_deref())?;
    let mut raw = Hashed { inner: blobs.open(from)?, hasher: blake3::Hasher::new() };
    let mut text = TextWriter::new(into);
    let mut trimmer = Trimmer::new(Limits::default(), |piece: &str| text.write(piece));
    let decoded =
        decode(&mut raw, decided.used, decided.bom_bytes, WINDOW_BYTES, |piece| trimmer.push(piece));
    let decoded = decoded.map_err(|failed| failed.at(from))?;
    let trimmed = trimmer.finish().map_err(|failed| failed.at(from))?;
    same_bytes(job, raw.hasher.finalize())?;
    refuse_garbage(&decided, decoded)?;
    if text.is_blank {
        return Err(StoreError::Empty { cut: trimmed.cuts.iter().map(|cut| cut.bytes).sum() });
    }
    Ok(Refined {
        raw: RawFacts { bytes: survey.bytes, blake3: survey.blake3.to_hex().to_string() },
        text: text.facts(),
        encoding: facts(decided, decoded, job),
        trimmed,
    })
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

fn refuse_garbage(decided: &Decided, decoded: Decoded) -> Result<(), StoreError> {
    if !decoded.is_garbage() {
        return Ok(());
    }
    Err(StoreError::Undecodable {
        encoding: decided.used.name(),
        bad: decoded.replacements + decoded.controls,
        characters: decoded.characters,
    })
}

fn facts(decided: Decided, decoded: Decoded, job: &StoreJob) -> EncodingFacts {
    EncodingFacts {
        declared_http: job.fetched.charset.clone(),
        declared_text: decided.declared_text,
        detected: decided.detected.map(|encoding| encoding.name().to_owned()),
        used: decided.used.name().to_owned(),
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
