//! Says what a database must hold when it is opened again.
//!
//! sled may open a file that was cut off without an error: it takes what is missing for what was never
//! written. So every database carries a manifest. The one written at a start says up to which commit group
//! the database went then; the one written at a clean end says exactly which groups it holds. Only what a
//! killed process wrote after its manifest can be lost unseen: nothing tells such a loss from the kill
//! itself.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write},
    path::Path,
};

use flow::safe_file;
use serde::{Deserialize, Serialize};

use super::chunks::{self, Joined};

/// The name of the file. It stays as the first version of this format had it.
const FILE_NAME: &str = "seal";

/// The manifest of a database. The order of the variants and fields is the stored format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Manifest {
    /// Written at a start: the database holds all that counts of the groups up to `checkpoint`.
    Open { checkpoint: u64 },
    /// Written at a clean end: as before, and the database holds exactly these groups.
    Closed { checkpoint: u64, groups: u64, fingerprint: u64 },
}

impl Manifest {
    /// Creates the manifest of a clean end from the checksums of the groups, by number.
    pub(crate) fn closed(checkpoint: u64, groups: &BTreeMap<u64, u32>) -> Self {
        Self::Closed { checkpoint, groups: groups.len() as u64, fingerprint: fingerprint(groups) }
    }

    /// Compares a database with its manifest.
    ///
    /// # Errors
    /// Returns what is missing.
    pub(crate) fn check(self, checkpoint: u64, groups: &BTreeMap<u64, u32>) -> Result<(), &'static str> {
        match self {
            Self::Open { checkpoint: at_start } if checkpoint < at_start => Err("its end is missing"),
            Self::Closed { .. } if self != Self::closed(checkpoint, groups) => Err("parts of it are missing"),
            Self::Open { .. } | Self::Closed { .. } => Ok(()),
        }
    }

    /// Reads the manifest in a database's directory.
    ///
    /// # Errors
    /// Returns the errors of the file system, and [`io::ErrorKind::InvalidData`] if the manifest is damaged.
    pub(crate) fn read(directory: &Path) -> io::Result<Self> {
        let bytes = safe_file::read(&directory.join(FILE_NAME))?;
        let damaged = |why: &str| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("its manifest '{FILE_NAME}' is damaged: {why}"),
            )
        };
        // The frame of chunks gives the manifest a length and a checksum.
        match chunks::join([&bytes[..]]).map_err(damaged)? {
            Joined::Complete(value, _) => {
                postcard::from_bytes(&value).map_err(|error| damaged(&error.to_string()))
            }
            Joined::Partial => Err(damaged("it is cut off")),
        }
    }

    /// Replaces the manifest in a database's directory. The caller forces the directory to the medium.
    ///
    /// # Errors
    /// Returns the errors of the file system.
    pub(crate) fn write(self, directory: &Path) -> io::Result<()> {
        let value = postcard::to_allocvec(&self).expect("manifests hold nothing that postcard cannot write");
        let temporary = directory.join("seal.tmp");
        let mut file = safe_file::create(&temporary)?;
        file.write_all(&chunks::frame(&value))?;
        // Before the rename: an incomplete manifest would make the whole database count as damaged.
        file.sync_all()?;
        fs::rename(temporary, directory.join(FILE_NAME))
    }
}

fn fingerprint(groups: &BTreeMap<u64, u32>) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for (number, checksum) in groups {
        hasher.update(&number.to_le_bytes()).update(&checksum.to_le_bytes());
    }
    u64::from_le_bytes(*hasher.finalize().as_bytes().first_chunk().expect("a hash has 32 bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_is_read_back_and_a_damaged_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        assert!(Manifest::read(directory.path()).is_err());
        let manifest = Manifest::closed(7, &BTreeMap::from([(1, 2), (5, 6)]));
        manifest.write(directory.path()).unwrap();
        assert_eq!(Manifest::read(directory.path()).unwrap(), manifest);
        let path = directory.path().join(FILE_NAME);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
        assert!(Manifest::read(directory.path()).is_err());
    }

    #[test]
    fn a_manifest_finds_what_is_missing() {
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
            assert!(Manifest::Open { checkpoint: 5 }.check(5, groups).is_ok());
            assert!(Manifest::Open { checkpoint: 5 }.check(9, groups).is_ok());
            assert!(Manifest::Open { checkpoint: 5 }.check(4, groups).is_err());
        }
    }
}
