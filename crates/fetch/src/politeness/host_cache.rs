//! The cache of what is known of hosts: small files in one directory, shared by all fetching processes and
//! kept for later runs.
//!
//! Format: `hosts/NAME.KIND.json`. NAME is the host name with unsafe characters replaced, and 16 hex digits
//! of its BLAKE3. A file is written under a temporary name and renamed, so a reader sees the old or the new
//! one. Nothing is forced to the medium, and a file that cannot be read counts as missing: the host can be
//! asked again.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use flow::{safe_file, temporary};
use serde::{Serialize, de::DeserializeOwned};

/// The size limit of a file: a robots.txt of the largest parsed size, with each byte escaped.
const FILE_BYTES_MAX: u64 = 4 << 20;
const NAME_BYTES_MAX: usize = 80;

/// The cache. Without a directory nothing is cached.
#[derive(Debug)]
pub(crate) struct HostCache {
    directory: Option<PathBuf>,
    /// Numbers this value's temporary files.
    written: AtomicU64,
}

/// The kind of a file. The names on the disk are older than the names here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheKind {
    /// Its robots.txt.
    Robots,
    /// The signs of a soft ban.
    SoftBan,
    /// The block pages of the host.
    BlockPages,
}

impl CacheKind {
    const fn name(self) -> &'static str {
        match self {
            Self::Robots => "robots",
            Self::SoftBan => "suspicion",
            Self::BlockPages => "notices",
        }
    }
}

impl HostCache {
    pub(crate) fn new(directory: Option<PathBuf>) -> Self {
        Self { directory, written: AtomicU64::new(0) }
    }

    /// Returns the cached value for a host, if there is a readable one.
    pub(crate) fn read<T: DeserializeOwned>(&self, kind: CacheKind, host: &str) -> Option<T> {
        read(&self.path(kind, host)?)
    }

    /// Returns the readable values for all hosts.
    pub(crate) fn read_all<T: DeserializeOwned>(&self, kind: CacheKind) -> Vec<T> {
        let files = self.directory.as_ref().and_then(|directory| fs::read_dir(directory).ok());
        let paths = files.into_iter().flatten().flatten().map(|file| file.path());
        let ending = format!(".{}.json", kind.name());
        let is_meant = |path: &PathBuf| path.to_str().is_some_and(|path| path.ends_with(&ending));
        paths.filter(is_meant).filter_map(|path| read(&path)).collect()
    }

    /// Caches a value. If that fails, it is logged, and the host will be asked again.
    pub(crate) fn write(&self, kind: CacheKind, host: &str, value: &impl Serialize) {
        let Some(path) = self.path(kind, host) else { return };
        // Other tasks and processes may write the same value at the same time, so each write has its own
        // temporary file.
        let number = self.written.fetch_add(1, Ordering::Relaxed);
        let temporary = path.with_extension(format!("{}-{number}.tmp", std::process::id()));
        if let Err(error) = replace(&path, &temporary, value) {
            tracing::debug!(path = %path.display(), %error, "failed to write to the host cache");
        }
    }

    /// Removes the value for a host.
    pub(crate) fn remove(&self, kind: CacheKind, host: &str) {
        let Some(path) = self.path(kind, host) else { return };
        if let Err(error) = safe_file::remove(&path) {
            // A warning, because the signs in a file that stays count against the host in later runs.
            tracing::warn!(path = %path.display(), %error, "failed to remove a file of the host cache");
        }
    }

    fn path(&self, kind: CacheKind, host: &str) -> Option<PathBuf> {
        let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        let mut name: String = host.chars().map(safe).collect();
        // All characters are ASCII by now, so this cannot split one.
        name.truncate(NAME_BYTES_MAX);
        let name = name.trim_matches(['.', '-']);
        // Two hosts may have the same safe name. The hash keeps their files apart.
        let hash = blake3::hash(host.as_bytes()).to_hex();
        Some(self.directory.as_ref()?.join(format!("{name}-{}.{}.json", &hash[..16], kind.name())))
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let directory = path.parent()?;
    safe_file::must_be_directory(directory).ok()?;
    // Checked before reading: another process could put a file of any size there.
    let is_bounded = fs::symlink_metadata(path).is_ok_and(|file| file.len() <= FILE_BYTES_MAX);
    let bytes = is_bounded.then(|| safe_file::read(path).ok())??;
    serde_json::from_slice(&bytes).ok()
}

fn replace(path: &Path, temporary: &Path, value: &impl Serialize) -> io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
        safe_file::must_be_directory(directory)?;
    }
    temporary::replace(path, temporary, &serde_json::to_vec(value)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_read_by_others_and_nothing_leaves_the_directory() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("hosts");
        let [one, other] = [(); 2].map(|()| HostCache::new(Some(inside.clone())));
        for host in ["a.example", "../../etc/passwd", "[::1]:8080", "", &"x".repeat(300)] {
            assert_eq!(other.read::<String>(CacheKind::Robots, host), None);
            one.write(CacheKind::Robots, host, &host);
            assert_eq!(other.read::<String>(CacheKind::Robots, host).as_deref(), Some(host));
            assert_eq!(other.read::<String>(CacheKind::SoftBan, host), None);
        }
        assert_eq!(other.read_all::<String>(CacheKind::Robots).len(), 5);
        assert!(
            other.read_all::<String>(CacheKind::BlockPages).is_empty()
                && other.read_all::<u8>(CacheKind::Robots).is_empty()
        );
        assert_eq!(fs::read_dir(&inside).unwrap().count(), 5);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        other.remove(CacheKind::Robots, "a.example");
        other.remove(CacheKind::Robots, "a.example");
        assert_eq!(one.read::<String>(CacheKind::Robots, "a.example"), None);
    }

    #[test]
    fn what_cannot_be_read_or_kept_is_not_there() {
        let directory = tempfile::tempdir().unwrap();
        let files = HostCache::new(Some(directory.path().into()));
        fs::write(files.path(CacheKind::Robots, "h").unwrap(), "{").unwrap();
        assert_eq!(files.read::<String>(CacheKind::Robots, "h"), None);
        let nowhere = HostCache::new(None);
        nowhere.write(CacheKind::Robots, "h", &1);
        assert_eq!(nowhere.read::<u8>(CacheKind::Robots, "h"), None);
    }
}
