//! A token with its counts, in memory and in a run.
//!
//! Form in a run: the length of the token (u32), the token, n (u64), documents (u64). Numbers are
//! little-endian. A run is read only by the process that wrote it, so the form has no version.

use std::{
    cmp::{Ordering, Reverse},
    io::{self, Read, Write},
};

/// The memory of an entry without its token, in bytes. It includes the free half of a hash table, the copy
/// that the table makes to grow, and the sorted entries.
const ENTRY_BYTES: u64 = 160;

/// A token with its counts.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct VocabularyEntry {
    pub(super) token: Box<str>,
    /// The number of occurrences.
    pub(super) n: u64,
    /// The number of documents that contain the token.
    pub(super) documents: u64,
}

/// The order of entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// By the bytes of the token. Entries of the same token are added up.
    Token,
    /// By descending n, then by token.
    Rank,
}

impl Order {
    pub(super) fn compare(self, one: &VocabularyEntry, other: &VocabularyEntry) -> Ordering {
        (self.rank(one.n), &one.token).cmp(&(self.rank(other.n), &other.token))
    }

    /// Returns the part of the order that precedes the token. It is the same for all entries in
    /// [`Order::Token`].
    pub(super) const fn rank(self, n: u64) -> Reverse<u64> {
        match self {
            Self::Token => Reverse(0),
            Self::Rank => Reverse(n),
        }
    }
}

impl VocabularyEntry {
    pub(super) fn write(&self, run: &mut impl Write) -> io::Result<()> {
        let length = u32::try_from(self.token.len()).map_err(io::Error::other)?;
        run.write_all(&length.to_le_bytes())?;
        run.write_all(self.token.as_bytes())?;
        run.write_all(&self.n.to_le_bytes())?;
        run.write_all(&self.documents.to_le_bytes())
    }

    /// Reads the next entry of a run, or returns `None` at its end.
    pub(super) fn read(run: &mut impl Read) -> io::Result<Option<Self>> {
        let mut length = [0; 4];
        match run.read_exact(&mut length) {
            // A run has no end mark, so the end of the file ends it.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let mut token = vec![0; u32::from_le_bytes(length) as usize];
        run.read_exact(&mut token)?;
        let token = String::from_utf8(token).map_err(io::Error::other)?.into_boxed_str();
        Ok(Some(Self { token, n: number(run)?, documents: number(run)? }))
    }
}

/// Returns the maximum memory of an entry of this token, in bytes.
pub(super) fn held_bytes(token: &str) -> u64 {
    token.len() as u64 + ENTRY_BYTES
}

fn number(run: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    run.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}
