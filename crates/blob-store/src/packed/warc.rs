//! The heads of WARC 1.1 records.
//!
//! Digests are SHA-256 in hexadecimal, which all known readers can check. The BLAKE3 of the content stands in
//! a field of its own. The last field of a head is its id, a UUID of version 8: its first half is unique, and
//! its second half is a hash of all that is before it. So every head has its own checksum.

use std::{
    fmt::Write as _,
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
};

use flow::{
    blobs::{BlobKind, BlobName},
    clock::Clock,
};
use jiff::Timestamp;
use memchr::memmem;
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid, Variant, Version};

use super::commit::SegmentKey;

/// The end of each record.
pub(super) const RECORD_END: &[u8] = b"\r\n\r\n";
/// The first bytes of each record of a commit.
pub(super) const COMMIT_START: &str =
    "WARC/1.1\r\nWARC-Type: metadata\r\nContent-Type: application/vnd.juggle.commit\r\n";
/// The beginning of the last field of each head.
const ID_START: &str = "WARC-Record-ID: <urn:uuid:";
/// The end of the last field of each head.
const ID_END: &str = ">\r\n\r\n";
/// The field of a head that has the digest of its block.
const DIGEST_FIELD: &str = "WARC-Block-Digest: sha256:";
/// The field of the first record of a segment that holds its key.
const KEY_FIELD: &str = "juggle-segment-key: ";
/// The maximum length of the head of a record of a commit, and of the first record of a segment, in bytes.
pub(super) const HEAD_BYTES_MAX: usize = 2048;

/// The digests of the content of a blob.
#[derive(Debug, Clone)]
pub(super) struct ContentDigests {
    pub(super) bytes: u64,
    pub(super) crc: u32,
    sha256: String,
    blake3: blake3::Hash,
}

/// Computes [`ContentDigests`].
pub(super) struct ContentHasher {
    bytes: u64,
    crc: crc32fast::Hasher,
    sha256: Sha256,
    blake3: Blake3,
}

/// The BLAKE3 of a content.
enum Blake3 {
    Known(blake3::Hash),
    Computed(Box<blake3::Hasher>),
}

impl ContentHasher {
    /// Returns the hasher of a content whose BLAKE3 may be known.
    pub(super) fn new(blake3: Option<blake3::Hash>) -> Self {
        let blake3 = blake3.map_or_else(|| Blake3::Computed(Box::default()), Blake3::Known);
        Self { bytes: 0, crc: crc32fast::Hasher::new(), sha256: Sha256::new(), blake3 }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.crc.update(bytes);
        self.sha256.update(bytes);
        if let Blake3::Computed(hasher) = &mut self.blake3 {
            hasher.update(bytes);
        }
    }

    pub(super) fn finish(self) -> ContentDigests {
        ContentDigests {
            bytes: self.bytes,
            crc: self.crc.finalize(),
            sha256: hex(&self.sha256.finalize()),
            blake3: match self.blake3 {
                Blake3::Known(hash) => hash,
                Blake3::Computed(hasher) => hasher.finalize(),
            },
        }
    }
}

/// What the first record of a segment says.
pub(super) struct SegmentInfo {
    pub(super) key: SegmentKey,
    /// The length of the record.
    pub(super) end: u64,
}

impl SegmentInfo {
    /// Reads the beginning of a segment. Returns `None` if it is not what [`segment_info`] writes.
    pub(super) fn read(start: &[u8]) -> Option<Self> {
        let head_end = memmem::find(start, RECORD_END)?;
        let bytes = content_length(std::str::from_utf8(&start[..head_end]).ok()?)?;
        let (block, end) = (head_end + RECORD_END.len(), bytes + (head_end + 2 * RECORD_END.len()) as u64);
        let block = std::str::from_utf8(start.get(block..block.checked_add(bytes as usize)?)?).ok()?;
        let hex = block.lines().find_map(|line| line.strip_prefix(KEY_FIELD))?;
        Some(Self { key: blake3::Hash::from_hex(hex).ok()?.into(), end })
    }
}

/// Returns the first record of a segment.
pub(super) fn segment_info(file_name: &str, key: &[u8], date: &str) -> Vec<u8> {
    let block = format!(
        "software: juggle/{}\r\nformat: WARC File Format 1.1\r\n\
         conformsTo: http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/\r\n\
         description: blobs of a juggle run directory. The records of type application/vnd.juggle.commit \
         say which of the others count.\r\n{KEY_FIELD}{}\r\n",
        env!("CARGO_PKG_VERSION"),
        hex(key),
    );
    let mut record =
        String::from("WARC/1.1\r\nWARC-Type: warcinfo\r\nContent-Type: application/warc-fields\r\n");
    let sha256 = sha256(block.as_bytes());
    field(&mut record, "WARC-Filename", file_name);
    end_head(&mut record, date, &sha256, block.len() as u64);
    record.push_str(&block);
    let mut record = record.into_bytes();
    record.extend(RECORD_END);
    record
}

/// Returns the head of the record of a blob.
pub(super) fn blob_head(name: &BlobName, content: &ContentDigests, date: &str) -> Vec<u8> {
    let (record_type, content_type) = match name.kind {
        BlobKind::Spool | BlobKind::Raw => ("resource", "application/octet-stream"),
        BlobKind::Text => ("conversion", "text/plain; charset=utf-8"),
        BlobKind::Meta | BlobKind::Arrival | BlobKind::Stats => ("metadata", "application/json"),
        BlobKind::Tokens => ("resource", "text/plain; charset=utf-8"),
        BlobKind::Counts => ("resource", "text/tab-separated-values; charset=utf-8"),
    };
    let mut head = format!("WARC/1.1\r\nWARC-Type: {record_type}\r\nContent-Type: {content_type}\r\n");
    let path = name.relative_path();
    field(&mut head, "WARC-Target-URI", &format!("juggle:{}", path.display()));
    field(&mut head, "juggle-blake3", content.blake3.to_hex().as_str());
    end_head(&mut head, date, &content.sha256, content.bytes);
    head.into_bytes()
}

/// Returns the record of a commit, with this block.
pub(super) fn commit(block: &[u8], date: &str) -> Vec<u8> {
    let mut head = String::from(COMMIT_START);
    end_head(&mut head, date, &sha256(block), block.len() as u64);
    [head.as_bytes(), block, RECORD_END].concat()
}

/// Ends a head with the fields that all records have.
fn end_head(head: &mut String, date: &str, sha256: &str, bytes: u64) {
    write!(head, "WARC-Date: {date}\r\n{DIGEST_FIELD}{sha256}\r\nContent-Length: {bytes}\r\n")
        .expect("a string takes all");
    let id = record_id(unique_bytes(), head);
    write!(head, "{ID_START}{id}{ID_END}").expect("a string takes all");
}

/// Returns the id of a record: the first half of these bytes, and a hash of it and of the head so far.
fn record_id(bytes: [u8; 16], head: &str) -> Uuid {
    let with_version = |bytes| Builder::from_bytes(bytes).with_version(Version::Custom).into_uuid();
    let mut bytes = with_version(bytes).into_bytes();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&bytes[..8]).update(head.as_bytes());
    bytes[8..].copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    Builder::from_bytes(bytes).with_variant(Variant::RFC4122).into_uuid()
}

/// Returns whether a head, with the empty line after it, is as it was written.
pub(super) fn is_whole_head(head: &[u8]) -> bool {
    let id_at = |head: &str| head.len().checked_sub(ID_START.len() + 36 + ID_END.len());
    let Ok(head) = str::from_utf8(head) else { return false };
    let Some((before, id)) = id_at(head).and_then(|at| head.split_at_checked(at)) else { return false };
    let Some(text) = id.strip_prefix(ID_START).and_then(|id| id.strip_suffix(ID_END)) else { return false };
    // Compared as texts: an upper-case digit is read, too, but was not written.
    Uuid::try_parse(text).is_ok_and(|id| record_id(id.into_bytes(), before).to_string() == text)
}

/// Returns whether a record is as it was written, by its own checksums: that of its head, and the digest of
/// its block.
pub(super) fn is_whole_record(record: &[u8]) -> bool {
    let Some((head, block)) = split_record(record) else { return false };
    let is_digest = |line: &str| line.strip_prefix(DIGEST_FIELD).is_some_and(|found| found == sha256(block));
    is_whole_head(head) && str::from_utf8(head).is_ok_and(|head| head.lines().any(is_digest))
}

/// Splits a record into its head, with the empty line after it, and its block, if its length is that of its
/// head.
pub(super) fn split_record(record: &[u8]) -> Option<(&[u8], &[u8])> {
    let head_end = memmem::find(record, RECORD_END)? + RECORD_END.len();
    let (head, rest) = record.split_at(head_end);
    let block = rest.strip_suffix(RECORD_END)?;
    let bytes = content_length(str::from_utf8(head).ok()?)?;
    (bytes == block.len() as u64).then_some((head, block))
}

/// Returns bytes that no other record has: a hash of a random number of this process and a counter. A random
/// number for each record would cost a system call.
fn unique_bytes() -> [u8; 16] {
    static SEED: LazyLock<Uuid> = LazyLock::new(Uuid::new_v4);
    static RECORDS: AtomicU64 = AtomicU64::new(0);
    let mut hasher = blake3::Hasher::new();
    hasher.update(SEED.as_bytes()).update(&RECORDS.fetch_add(1, Ordering::Relaxed).to_le_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

fn field(head: &mut String, name: &str, value: &str) {
    write!(head, "{name}: {value}\r\n").expect("a string takes all");
}

/// Returns the length of the block that a head announces.
pub(super) fn content_length(head: &str) -> Option<u64> {
    head.lines().find_map(|line| line.strip_prefix("Content-Length: "))?.parse().ok()
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(b"0123456789abcdef"[usize::from(digit)])).collect()
}

/// Returns the present time as a field of a record has it.
pub(super) fn date() -> String {
    let now = i64::try_from(Clock::start().now_ms()).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(now).unwrap_or(Timestamp::MAX).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
