//! Finds what is wrong with the files of one document, and what repairs it.

use std::fmt;

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
    record::{self, Checksum},
};
use serde::Serialize;

use crate::{
    arrival::Arrival,
    meta::{Meta, RawFate},
    records::{self, RECORD_BYTES_MAX},
    stats,
    survey::{DocumentJobs, Surveyor},
};

/// A kind of damage to the files of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Damage {
    /// The meta is missing, cannot be read, or belongs to another document.
    Meta,
    /// The meta does not match its checksum.
    MetaChanged,
    /// The bytes as received are missing.
    RawMissing,
    /// The bytes as received do not match their hash.
    RawChanged,
    /// The text is missing.
    TextMissing,
    /// The text does not match its hash.
    TextChanged,
    /// The arrival is missing, cannot be read, or does not match its checksum.
    ArrivalMissing,
    /// Tokens, counts or stats are missing, damaged, or of another text.
    Results,
}

/// The stage that repairs a document by making the damaged files again. Includes those listed before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// The process stage, from the text.
    Process,
    /// The store stage, from the bytes as received.
    Store,
    /// The fetch stage, by a new download.
    Fetch,
}

/// The result of reading the files of a document.
#[derive(Debug)]
pub struct Examined {
    /// The document.
    pub document: DocumentId,
    /// The number of bytes that were read of its text and of the bytes as received.
    pub bytes: u64,
    /// All damage that was found. Empty if the document is sound.
    pub damage: Vec<Damage>,
    /// The number of its records without a checksum, which earlier versions wrote.
    pub without_checksum: u64,
    /// The stage that repairs the document. `None` if it is sound.
    pub remedy: Option<Remedy>,
    /// The jobs of the document. `None` if its meta cannot be read.
    pub jobs: Option<DocumentJobs>,
}

impl Examined {
    /// Reads the files of a document.
    ///
    /// # Errors
    /// Returns the errors of the store, except those that are damage.
    pub(super) fn of(document: &DocumentId, surveyor: &Surveyor<'_>) -> Result<Self, BlobError> {
        let blobs = surveyor.blobs;
        let mut found = Self {
            document: document.clone(),
            bytes: 0,
            damage: Vec::new(),
            without_checksum: 0,
            remedy: None,
            jobs: None,
        };
        let Some(meta) = Meta::read(blobs, document)? else {
            found.damage.push(Damage::Meta);
            // Without a meta, no other file of the document proves anything.
            found.remedy = Some(Remedy::Fetch);
            return Ok(found);
        };
        let fate = meta.raw.fate;
        if fate.is_kept() {
            found.compare(blobs, BlobKind::Raw, &meta.raw.blake3, Damage::RawMissing, Damage::RawChanged)?;
        }
        found.compare(blobs, BlobKind::Text, &meta.text.blake3, Damage::TextMissing, Damage::TextChanged)?;
        if found.checksum(blobs, BlobKind::Meta)? == Some(Checksum::Differs) {
            found.damage.push(Damage::MetaChanged);
        }
        let arrival = records::read::<Arrival>(blobs, BlobKind::Arrival, document)?;
        let has_changed = found.checksum(blobs, BlobKind::Arrival)? == Some(Checksum::Differs);
        if arrival.is_none() || has_changed {
            found.damage.push(Damage::ArrivalMissing);
        }
        let jobs = surveyor.jobs_of(meta, arrival);
        // Stats that do not match their checksum count as missing there; here they are only counted.
        found.checksum(blobs, BlobKind::Stats)?;
        if !stats::is_whole(blobs, &jobs.process)? {
            found.damage.push(Damage::Results);
        }
        // A remedy includes those before it, so the largest one repairs all damage.
        found.remedy = found.damage.iter().map(|damage| damage.remedy(fate)).max();
        found.jobs = Some(jobs);
        Ok(found)
    }

    /// Reads a blob and compares it with its hash.
    fn compare(
        &mut self,
        blobs: &dyn BlobStore,
        kind: BlobKind,
        blake3: &str,
        missing: Damage,
        changed: Damage,
    ) -> Result<(), BlobError> {
        self.damage.extend(match blobs.digest(&BlobName::new(kind, self.document.clone())) {
            Ok(None) => Some(missing),
            Ok(Some(found)) => {
                self.bytes += found.bytes;
                (!found.blake3.to_hex().eq_ignore_ascii_case(blake3)).then_some(changed)
            }
            // The store itself reports that the blob is not as it was published.
            Err(BlobError::Damaged { .. }) => Some(changed),
            Err(error) => return Err(error),
        });
        Ok(())
    }

    /// Compares a record with its checksum, and counts one without. Returns `None` if the record does not
    /// exist.
    fn checksum(&mut self, blobs: &dyn BlobStore, kind: BlobKind) -> Result<Option<Checksum>, BlobError> {
        let checksum = match blobs.read(&BlobName::new(kind, self.document.clone()), RECORD_BYTES_MAX) {
            Ok(bytes) => record::checksum(&bytes),
            Err(BlobError::NotFound(_)) => return Ok(None),
            // `records::read` does not read a record of this size either, so it counts as changed. The store
            // itself reports one that is not as it was published.
            Err(BlobError::TooLarge { .. } | BlobError::Damaged { .. }) => Checksum::Differs,
            Err(error) => return Err(error),
        };
        self.without_checksum += u64::from(checksum == Checksum::Absent);
        Ok(Some(checksum))
    }
}

impl Damage {
    const fn remedy(self, fate: RawFate) -> Remedy {
        match (self, fate) {
            // A changed meta may hold wrong hashes, so no other file can be checked against it.
            (Self::Meta | Self::MetaChanged | Self::RawMissing | Self::RawChanged, _) => Remedy::Fetch,
            (Self::TextMissing | Self::TextChanged | Self::ArrivalMissing, RawFate::Kept) => Remedy::Store,
            (Self::TextMissing | Self::TextChanged | Self::ArrivalMissing, RawFate::Dropped) => Remedy::Fetch,
            (Self::Results, _) => Remedy::Process,
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Meta => "meta file missing, unreadable or of another document",
            Self::MetaChanged => "meta file changed",
            Self::RawMissing => "received bytes missing",
            Self::RawChanged => "received bytes changed",
            Self::TextMissing => "text missing",
            Self::TextChanged => "text changed",
            Self::ArrivalMissing => "arrival record missing or changed",
            Self::Results => "results missing, damaged or of another text",
        })
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "repair: count the tokens again",
            Self::Store => "repair: decode the received bytes again",
            Self::Fetch => "repair: fetch it again",
        })
    }
}
