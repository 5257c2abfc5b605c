//! A commit: what one group of publications changes.
//!
//! A commit is the last record of its group. It says which blobs the records before it are, which blobs have
//! another place, and which are gone. Its block begins with a keyed hash over its offset and its content. The
//! key is random and stands at the beginning of the segment. So nothing that lies in a stored text, not even
//! a copy of a commit, counts as one.

use flow::{
    blobs::{BlobKind, BlobName},
    document::DocumentId,
};
use serde::{Deserialize, Serialize};

use super::{index::Version, warc::RECORD_END};

/// The length of the keyed hash, in bytes.
const HASH_BYTES: usize = blake3::OUT_LEN;

/// The key of a segment.
pub(super) type SegmentKey = [u8; blake3::KEY_LEN];

/// The changes of one group of publications.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Commit {
    pub(super) ops: Vec<Op>,
}

/// A change of one blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Op {
    kind: u8,
    pub(super) document: DocumentId,
    /// The time of the change, as a number that is higher than those of all changes that its writer had
    /// seen. Of two changes of a blob, the later counts.
    pub(super) at: u64,
    /// The number of times that compaction has copied the change to another segment. The last copy counts.
    pub(super) copies: u32,
    /// The new place of the blob, or `None` if it is removed.
    pub(super) place: Option<Place>,
    /// The CRC-32 of the head of the record, little-endian, if the record is one of this group.
    head_crc: Option<[u8; 4]>,
}

/// The place of a blob: a record of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(super) segment: u32,
    /// The offset of the record. A segment ends soon after its first gibibyte.
    pub(super) record: u32,
    /// The length in bytes of the record before the content of the blob.
    pub(super) head: u32,
    /// The CRC-32 of the content.
    #[serde(with = "postcard::fixint::le")]
    pub(super) crc: u32,
    /// The length of the content in bytes.
    pub(super) bytes: u64,
}

impl Place {
    /// Returns the offset of the content.
    pub(super) fn content(&self) -> u64 {
        u64::from(self.record) + u64::from(self.head)
    }

    /// Returns the number of bytes of the record.
    pub(super) fn record_bytes(&self) -> u64 {
        u64::from(self.head) + self.bytes + RECORD_END.len() as u64
    }

    /// Returns the offset after the content.
    pub(super) fn content_end(&self) -> u64 {
        self.content() + self.bytes
    }
}

impl Op {
    pub(super) fn new(name: &BlobName, at: u64, place: Option<Place>) -> Self {
        let kind = BlobKind::ALL.iter().position(|kind| *kind == name.kind).expect("ALL has all kinds");
        Self { kind: kind as u8, document: name.document.clone(), at, copies: 0, place, head_crc: None }
    }

    /// Returns the change as the copy of this number.
    pub(super) fn with_copies(self, copies: u32) -> Self {
        Self { copies, ..self }
    }

    /// Returns the name of the blob, or `None` if a later version of juggle has written this.
    pub(super) fn name(&self) -> Option<BlobName> {
        Some(BlobName::new(self.kind()?, self.document.clone()))
    }

    /// Returns whether compaction has made this.
    pub(super) fn is_copy(&self) -> bool {
        self.copies > 0
    }

    /// Returns the version of the change.
    pub(super) fn version(&self) -> Version {
        (self.at, self.copies)
    }

    /// Returns the copy of the change that compaction makes. Its blob may have another place.
    pub(super) fn copied(&self, place: Option<Place>) -> Self {
        Self { copies: self.copies + 1, place, ..self.clone() }
    }

    /// Returns the change with the CRC-32 of the head of its record.
    pub(super) fn with_head(self, crc: u32) -> Self {
        Self { head_crc: Some(crc.to_le_bytes()), ..self }
    }

    /// Returns the CRC-32 of the head of the record, if the record is one of this group.
    pub(super) fn head_crc(&self) -> Option<u32> {
        self.head_crc.map(u32::from_le_bytes)
    }

    /// Returns the kind of the blob, or `None` if a later version of juggle has written this.
    pub(super) fn kind(&self) -> Option<BlobKind> {
        BlobKind::ALL.get(usize::from(self.kind)).copied()
    }
}

impl Commit {
    /// Returns the content of the commit's record.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("all of its values can be written")
    }

    /// Reads what [`to_bytes`](Self::to_bytes) has written.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

/// Returns the block of a commit's record at this offset of a segment.
pub(super) fn seal(content: &[u8], key: &SegmentKey, offset: u64) -> Vec<u8> {
    [hash(content, key, offset).as_bytes(), content].concat()
}

/// Returns the content of a block that [`seal`] has made with the same key and for the same offset.
pub(super) fn unseal<'a>(block: &'a [u8], key: &SegmentKey, offset: u64) -> Option<&'a [u8]> {
    let (found, content) = block.split_first_chunk::<HASH_BYTES>()?;
    (hash(content, key, offset) == *found).then_some(content)
}

fn hash(content: &[u8], key: &SegmentKey, offset: u64) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(&offset.to_le_bytes()).update(content);
    hasher.finalize()
}
