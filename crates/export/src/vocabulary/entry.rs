//! A token with its sums, in memory and in a run.
//!
//! Form in a run: the token's length (u32), the token, n (u64), documents (u64); numbers little-endian. Runs are read by the
//! process that wrote them only.

use std::{
    cmp::Ordering,
    io::{self, Read, Write},
};

/// What an entry takes beside its token, in a table that may be less than half full and is copied when it grows, and in
/// what is sorted of it.
const ENTRY_BYTES: u64 = 160;

/// A token, and what is known of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct VocabularyEntry {
    pub(super) token: Box<str>,
    /// How often it occurs.
    pub(super) n: u64,
    /// In how many documents.
    pub(super) documents: u64,
}

/// What entries are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Tokens, rising by their bytes. What has the same token is added up.
    Token,
    /// n falling, then tokens.
    Rank,
}

impl Order {
    pub(super) fn compare(self, one: &VocabularyEntry, other: &VocabularyEntry) -> Ordering {
        let tokens = one.token.cmp(&other.token);
        match self {
            Self::Token => tokens,
            Self::Rank => other.n.cmp(&one.n).then(tokens),
        }
    }
}

impl VocabularyEntry {
    /// What it takes in memory, at most.
    pub(super) fn held_bytes(&self) -> u64 {
        held_bytes(&self.token)
    }

    pub(super) fn write(&self, run: &mut impl Write) -> io::Result<()> {
        let length = u32::try_from(self.token.len()).map_err(io::Error::other)?;
        run.write_all(&length.to_le_bytes())?;
        run.write_all(self.token.as_bytes())?;
        run.write_all(&self.n.to_le_bytes())?;
        run.write_all(&self.documents.to_le_bytes())
    }

    /// The next one of a run; none at its end.
    pub(super) fn read(run: &mut impl Read) -> io::Result<Option<Self>> {
        let mut length = [0; 4];
        match run.read_exact(&mut length) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            read => read?,
        }
        let mut token = vec![0; u32::from_le_bytes(length) as usize];
        run.read_exact(&mut token)?;
        let token = String::from_utf8(token).map_err(io::Error::other)?.into_boxed_str();
        Ok(Some(Self { token, n: number(run)?, documents: number(run)? }))
    }
}

/// What an entry of this token takes in memory, at most.
pub(super) fn held_bytes(token: &str) -> u64 {
    token.len() as u64 + ENTRY_BYTES
}

fn number(run: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    run.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}
