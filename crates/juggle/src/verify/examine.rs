//! What is wrong with the files of one document, and what mends it.

use std::fmt;

use corpus::{
    arrival::Arrival,
    meta::{Meta, RawFate},
    stats,
};
use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
    record::{self, Checksum},
};
use serde::Serialize;

use crate::rebuild::survey::{Known, Surveyor};

/// The maximum size of a record that is read, in bytes.
const RECORD_BYTES_MAX: u64 = 16 << 20;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Damage {
    /// The meta is not there, cannot be read, or is another document's.
    Meta,
    /// The meta is not as it was written: its checksum does not match.
    MetaChanged,
    /// The bytes as received are not there.
    RawMissing,
    /// They are not those that were received.
    RawChanged,
    /// The text is not there.
    TextMissing,
    /// It is not the one that was stored.
    TextChanged,
    /// The record of how the text arrived is missing, or its checksum does not match.
    ArrivalMissing,
    /// Tokens, counts and stats are not there, damaged, or of another text.
    Results,
}

/// What makes it whole again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Repair {
    /// From the text.
    Process,
    /// From the bytes as received.
    Store,
    /// From where it came.
    Fetch,
}

/// A document that was looked at.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) document: DocumentId,
    /// Bytes that were read.
    pub(super) bytes: u64,
    pub(super) damage: Vec<Damage>,
    /// The number of records without a checksum, which earlier versions wrote.
    pub(super) unsummed: u64,
    /// None where it is sound.
    pub(super) repair: Option<Repair>,
    /// Its jobs; none where its meta cannot be read.
    pub(super) known: Option<Known>,
}

/// Looks at documents.
pub(super) struct Examiner<'a> {
    surveyor: Surveyor<'a>,
}

impl<'a> Examiner<'a> {
    pub(super) fn new(
        blobs: &'a dyn BlobStore,
        group_of: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
    ) -> Self {
        Self { surveyor: Surveyor { blobs, group_of } }
    }

    /// Reads its files.
    pub(super) fn examine(&self, document: &DocumentId) -> Result<Examined, BlobError> {
        let Surveyor { blobs, .. } = self.surveyor;
        let meta = self.surveyor.record::<Meta>(BlobKind::Meta, document)?;
        let Some(meta) = meta.filter(|meta| meta.document == *document) else {
            return Ok(Examined {
                document: document.clone(),
                bytes: 0,
                unsummed: 0,
                damage: vec![Damage::Meta],
                repair: Some(Repair::Fetch),
                known: None,
            });
        };
        let (mut damage, mut bytes) = (Vec::new(), 0);
        let mut look = |kind, blake3: &str, missing, changed| {
            damage.extend(match blobs.digest(&BlobName::new(kind, document.clone())) {
                Ok(None) => Some(missing),
                Ok(Some(found)) => {
                    bytes += found.bytes;
                    (!found.blake3.to_hex().eq_ignore_ascii_case(blake3)).then_some(changed)
                }
                Err(BlobError::Damaged { .. }) => Some(changed),
                Err(error) => return Err(error),
            });
            Ok::<(), BlobError>(())
        };
        let fate = meta.raw.fate;
        let records = [BlobKind::Meta, BlobKind::Arrival, BlobKind::Stats];
        let checksums = records.map(|kind| self.checksum(kind, document));
        let [of_meta, of_arrival, of_stats] = checksums;
        let [of_meta, of_arrival, of_stats] = [of_meta?, of_arrival?, of_stats?];
        if fate.is_kept() {
            look(BlobKind::Raw, &meta.raw.blake3, Damage::RawMissing, Damage::RawChanged)?;
        }
        look(BlobKind::Text, &meta.text.blake3, Damage::TextMissing, Damage::TextChanged)?;
        damage.extend((of_meta == Some(Checksum::Differs)).then_some(Damage::MetaChanged));
        let arrival = self.surveyor.record::<Arrival>(BlobKind::Arrival, document)?;
        let is_lost = arrival.is_none() || of_arrival == Some(Checksum::Differs);
        damage.extend(is_lost.then_some(Damage::ArrivalMissing));
        let known = self.surveyor.known(meta, arrival);
        let is_processed = stats::is_whole(blobs, &known.process)?;
        damage.extend((!is_processed).then_some(Damage::Results));
        let repair = damage.iter().map(|damage| damage.repair(fate)).max();
        let is_unsummed = |checksum: &&Option<Checksum>| **checksum == Some(Checksum::Absent);
        let unsummed = [of_meta, of_arrival, of_stats].iter().filter(is_unsummed).count() as u64;
        Ok(Examined { document: document.clone(), bytes, unsummed, damage, repair, known: Some(known) })
    }

    /// Compares a record with its checksum. Returns `None` if the record does not exist.
    fn checksum(&self, kind: BlobKind, document: &DocumentId) -> Result<Option<Checksum>, BlobError> {
        match self.surveyor.blobs.read(&BlobName::new(kind, document.clone()), RECORD_BYTES_MAX) {
            Ok(bytes) => Ok(Some(record::checksum(&bytes))),
            Err(BlobError::NotFound(_)) => Ok(None),
            Err(BlobError::TooLarge { .. }) => Ok(Some(Checksum::Differs)),
            Err(error) => Err(error),
        }
    }
}

impl Damage {
    const fn repair(&self, fate: RawFate) -> Repair {
        match (self, fate) {
            (Self::Meta | Self::MetaChanged | Self::RawMissing | Self::RawChanged, _) => Repair::Fetch,
            (Self::TextMissing | Self::TextChanged | Self::ArrivalMissing, RawFate::Kept) => Repair::Store,
            (Self::TextMissing | Self::TextChanged | Self::ArrivalMissing, RawFate::Dropped) => Repair::Fetch,
            (Self::Results, _) => Repair::Process,
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Meta => "its meta is gone, cannot be read, or is another's",
            Self::MetaChanged => "its meta is not as it was written",
            Self::RawMissing => "the bytes as received are gone",
            Self::RawChanged => "the bytes as received have changed",
            Self::TextMissing => "the text is gone",
            Self::TextChanged => "the text has changed",
            Self::ArrivalMissing => "its arrival is gone or not as it was written",
            Self::Results => "its results are gone, damaged or of another text",
        })
    }
}

impl fmt::Display for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "mended by counting again",
            Self::Store => "mended from the bytes as received",
            Self::Fetch => "mended by fetching it again",
        })
    }
}
