//! `corpus.lock`: what a corpus is made of, down to its hashes.
//!
//! Disk form, JSON Lines: a head with what the results depend on besides the texts; a line for each document that has gone
//! through all stages, in order of ids; a seal with their number and the root hash, so a lock that was cut off shows. Same
//! texts, same parameters: same lines, but for the URL that a text came from, and the version.
//!
//! The *root* is the BLAKE3 of all that is a result: of each document the id, the hashes of raw bytes, text, tokens and
//! counts, and the encoding. It is the same on every machine, whatever the threads, the order, and the mirrors.

mod compare;
mod expected;
mod file;
pub(crate) mod keeping;

use std::path::{Path, PathBuf};

use corpus::{
    boilerplate::Strip,
    meta::Meta,
    stats::{self, ProcessorIdentity, Stats},
};
use flow::{blobs::BlobKind, document::DocumentId};
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    compare::Difference,
    expected::{Expected, NAMED_MAX},
};
use self::{
    compare::compare,
    file::{Lock, write},
};
use crate::{exit::CliError, rebuild::survey::Surveyor};

/// The version of the form.
const FORM: u32 = 1;

/// The lock of a run directory.
pub(crate) fn path_in(run: &Path) -> PathBuf {
    run.join("corpus.lock")
}

/// What results depend on besides the texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The version of the form of the lock.
    lock: u32,
    /// The version of juggle that wrote it.
    juggle: String,
    pub(crate) strip: Strip,
    pub(crate) processor: ProcessorIdentity,
}

impl Head {
    /// That of a run with these settings.
    pub(crate) fn new(strip: Strip, processor: ProcessorIdentity) -> Self {
        Self { lock: FORM, juggle: env!("CARGO_PKG_VERSION").to_owned(), strip, processor }
    }

    /// How the results of a run with another head would differ, for people.
    pub(crate) fn differences(&self, now: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.strip != now.strip {
            found.push(format!("--strip is {} in the lock, {} in this run", self.strip, now.strip));
        }
        if self.processor != now.processor {
            let name = |ProcessorIdentity { name, version, parameters }: &ProcessorIdentity| {
                format!("{name} {version} {parameters:?}")
            };
            let (locked, now) = (name(&self.processor), name(&now.processor));
            found.push(format!("texts are tokenised by {locked} in the lock, by {now} in this run"));
        }
        found
    }
}

/// Bytes, by their number and hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bytes {
    bytes: u64,
    pub(crate) blake3: String,
}

/// A document of a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Locked {
    pub(crate) id: DocumentId,
    /// The URL that answered.
    url: String,
    pub(crate) raw: Bytes,
    text: Bytes,
    /// The encoding that was used.
    encoding: String,
    /// The BLAKE3 of the tokens.
    tokens: String,
    /// The BLAKE3 of the counts.
    counts: String,
}

/// The last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seal {
    documents: u64,
    root: String,
}

/// Adds up the root of documents that come in order of their ids.
#[derive(Default)]
struct Root {
    hasher: blake3::Hasher,
    documents: u64,
}

impl Root {
    fn add(&mut self, one: &Locked) {
        self.documents += 1;
        let hashes = [&one.raw.blake3, &one.text.blake3, &one.encoding, &one.tokens, &one.counts];
        for word in std::iter::once(one.id.as_str()).chain(hashes.map(String::as_str)) {
            self.hasher.update(word.as_bytes());
            // No word has a line end in it.
            self.hasher.update(b"\n");
        }
    }

    fn seal(&self) -> Seal {
        Seal { documents: self.documents, root: self.hasher.finalize().to_hex().to_string() }
    }
}

/// The documents of a store that have gone through all stages, in order of their ids. Blocking.
///
/// # Errors
/// Where the store cannot be read.
pub(crate) fn documents<'s>(
    surveyor: &'s Surveyor<'_>,
    processor: &'s ProcessorIdentity,
) -> Result<impl Iterator<Item = Result<Locked, CliError>> + use<'s>, CliError> {
    let all = surveyor.blobs.list(BlobKind::Meta)?;
    Ok(all.into_iter().filter_map(|document| look(surveyor, processor, &document).transpose()))
}

fn look(
    surveyor: &Surveyor<'_>,
    processor: &ProcessorIdentity,
    document: &DocumentId,
) -> Result<Option<Locked>, CliError> {
    let meta = surveyor.record::<Meta>(BlobKind::Meta, document)?;
    let Some(meta) = meta.filter(|meta| meta.document == *document) else { return Ok(None) };
    let (raw, text) = (meta.raw.clone(), meta.text.clone());
    let (url, encoding) = (meta.final_url.clone(), meta.encoding.used.clone());
    let job = surveyor.known(meta, None).process;
    let stats = stats::of_job(surveyor.blobs, &job)?.filter(|stats| stats.processor == *processor);
    Ok(stats.map(|Stats { outputs, .. }| Locked {
        id: document.clone(),
        url,
        raw: Bytes { bytes: raw.bytes, blake3: raw.blake3 },
        text: Bytes { bytes: text.bytes, blake3: text.blake3 },
        encoding,
        tokens: outputs.tokens.blake3,
        counts: outputs.counts.blake3,
    }))
}
