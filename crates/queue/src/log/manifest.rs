//! What a database must still hold when it is opened again.
//!
//! sled may open a file that was cut off and say nothing: it takes what is missing for what was never written. So every
//! database carries a seal. The one written at a start says up to which group it reached then; the one written at a
//! clean end says exactly which groups there are. What was written after the last seal of a process that was killed is
//! the one thing whose loss cannot be told from the kill itself.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::Path,
};

use flow::safe_file;
use serde::{Deserialize, Serialize};

use super::chunks::{self, Joined};

const NAME: &str = "seal";

/// A seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Manifest {
    /// GroupChunks at a start: everything up to this group was folded.
    Open { folded: u64 },
    /// GroupChunks at the end: so was everything up to this one, and these groups are there and no others.
    Closed { folded: u64, groups: u64, fingerprint: u64 },
}

impl Manifest {
    /// The seal of a clean end, with the checksums of the groups by their numbers.
    pub(crate) fn closed(folded: u64, groups: &BTreeMap<u64, u32>) -> Self {
        Self::Closed { folded, groups: groups.len() as u64, fingerprint: fingerprint(groups) }
    }

    /// Whether a database that holds these groups is the one that was sealed, or went on from it.
    ///
    /// # Errors
    /// Says what is missing.
    pub(crate) fn check(self, folded: u64, groups: &BTreeMap<u64, u32>) -> Result<(), &'static str> {
        match self {
            Self::Open { folded: sealed } if folded < sealed => Err("its end is missing"),
            Self::Closed { .. } if self != Self::closed(folded, groups) => Err("parts of it are missing"),
            Self::Open { .. } | Self::Closed { .. } => Ok(()),
        }
    }

    /// Reads the seal in a directory.
    ///
    /// # Errors
    /// Where there is none, or it is damaged.
    pub(crate) fn read(directory: &Path) -> io::Result<Self> {
        let bytes = safe_file::read(&directory.join(NAME))?;
        let damaged =
            |why: &str| io::Error::new(io::ErrorKind::InvalidData, format!("its seal is damaged: {why}"));
        match chunks::join([&bytes[..]]).map_err(damaged)? {
            Joined::Complete(value, _) => {
                postcard::from_bytes(&value).map_err(|error| damaged(&error.to_string()))
            }
            Joined::Partial => Err(damaged("it is cut off")),
        }
    }

    /// Writes it, beside and renamed. The caller syncs the directory.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn write(self, directory: &Path) -> io::Result<()> {
        let value = postcard::to_allocvec(&self).expect("seals hold nothing that postcard cannot write");
        let temporary = directory.join("seal.tmp");
        let mut file = safe_file::create(&temporary)?;
        file.write_all(&chunks::frame(&value))?;
        file.sync_all()?;
        fs::rename(temporary, directory.join(NAME))
    }
}

fn fingerprint(groups: &BTreeMap<u64, u32>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for (number, checksum) in groups {
        hasher.update(&number.to_le_bytes()).update(&checksum.to_le_bytes());
    }
    let mut low = [0; 8];
    low.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_read_back_and_a_damaged_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Manifest::read(directory.path()).is_err());
        let seal = Manifest::closed(7, &BTreeMap::from([(1, 2), (5, 6)]));
        seal.write(directory.path()).unwrap();
        assert_eq!(Manifest::read(directory.path()).unwrap(), seal);
        let path = directory.path().join(NAME);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
        assert!(Manifest::read(directory.path()).is_err());
    }

    #[test]
    fn what_is_missing_breaks_a_seal() {
        let groups = BTreeMap::from([(1, 2), (5, 6)]);
        let less = BTreeMap::from([(1, 2)]);
        let other = BTreeMap::from([(1, 3), (5, 6)]);
        let more = BTreeMap::from([(5, 6), (9, 9)]);
        assert!(Manifest::closed(5, &groups).check(5, &groups).is_ok());
        for changed in [&less, &other, &more] {
            assert!(Manifest::closed(5, &groups).check(5, changed).is_err());
        }
        assert!(Manifest::closed(5, &groups).check(4, &groups).is_err());
        for groups in [&groups, &more, &less] {
            assert!(Manifest::Open { folded: 5 }.check(5, groups).is_ok());
            assert!(Manifest::Open { folded: 5 }.check(9, groups).is_ok());
            assert!(Manifest::Open { folded: 5 }.check(4, groups).is_err());
        }
    }
}
