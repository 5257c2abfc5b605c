//! The queue's files in a run directory, and who may own them.
//!
//! `queue/` has mode 0700. Its owner locks `queue/lock` (flock) for its life, and writes its process id to
//! it. sled's own lock is not enough, since it belongs to a directory that changes at every start.
//! `queue/VERSION` holds the format of everything below `queue/`.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use flow::{
    atomic_file,
    locked_file::LockedFile,
    queue::QueueError,
    safe_file,
    temporary::{self, Sweep},
};
use rustix::fs::OFlags;

use crate::error::storage_error;

/// The format of `queue/` that this version reads and writes.
pub const FORMAT: u32 = 2;

/// The `queue/` of a run directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueDirectory(PathBuf);

impl QueueDirectory {
    /// Creates the directory's value. Touches no file.
    #[must_use]
    pub fn of(run_directory: &Path) -> Self {
        Self(run_directory.join("queue"))
    }

    /// Returns whether a queue was ever made here.
    #[must_use]
    pub fn exists(&self) -> bool {
        fs::symlink_metadata(self.0.join("VERSION")).is_ok()
    }

    /// Returns the path of `queue/`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the path of the socket that the owner listens on.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.0.join("queue.sock")
    }

    /// Returns the path of the file to which a broker in the background writes its errors.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.0.join("broker.log")
    }

    /// Creates the directory, for this user alone, and checks its version.
    ///
    /// # Errors
    /// Returns [`QueueError::Version`] if another version of juggle made the directory,
    /// [`QueueError::DiskFull`] if there is no room, and [`QueueError::Broken`] for other errors, for example
    /// if the path is a link or a directory of another user.
    pub fn prepare(&self) -> Result<(), QueueError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
        match made {
            // The path may exist without being a directory. The next check refuses that.
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(storage_error("create", &self.0, &error));
            }
            Ok(()) | Err(_) => {}
        }
        self.must_be_ours()?;
        self.check_version()
    }

    /// Refuses a link in place of the directory, and a directory of another user, who could change everything
    /// in it. Leaves both unchanged.
    fn must_be_ours(&self) -> Result<(), QueueError> {
        let refuse = |error: io::Error| storage_error("use", &self.0, &error);
        safe_file::must_be_directory(&self.0).map_err(refuse)?;
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
        let directory = File::options()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(&self.0)
            .map_err(refuse)?;
        let found = directory.metadata().map_err(refuse)?;
        let user = rustix::process::geteuid().as_raw();
        if found.uid() != user {
            return Err(QueueError::Broken(format!(
                "'{}' belongs to user {}, who could change its files (this is user {user}). Remove it, or \
                 use another output directory",
                self.0.display(),
                found.uid()
            )));
        }
        // At every start but the first there is nothing to change.
        if found.mode() & 0o777 == 0o700 {
            return Ok(());
        }
        directory.set_permissions(fs::Permissions::from_mode(0o700)).map_err(refuse)
    }

    fn check_version(&self) -> Result<(), QueueError> {
        let path = self.0.join("VERSION");
        let version = match safe_file::read_to_string(&path) {
            Ok(version) => version,
            // Atomically, since an empty VERSION would lock everyone out.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let written = atomic_file::write(&path, format!("{FORMAT}\n"));
                return written.map_err(|error| storage_error("write", &path, &error));
            }
            Err(error) => return Err(storage_error("read", &path, &error)),
        };
        match version.trim().parse::<u32>() {
            Ok(FORMAT) => Ok(()),
            Ok(other) if other > FORMAT => Err(QueueError::Version(format!(
                "'{}' was made by a newer version of juggle (queue format {other}; this version reads \
                 {FORMAT}). Use the newer version, or another output directory",
                self.0.display()
            ))),
            Ok(other) if other > 0 => Err(QueueError::Version(format!(
                "'{}' was made by an earlier version of juggle (queue format {other}; this version reads \
                 {FORMAT}). Finish the run with the earlier version, or use 'juggle rebuild' to make a new \
                 queue from the source lists and the stored files",
                self.0.display()
            ))),
            Ok(_) | Err(_) => Err(QueueError::Version(format!(
                "'{}' has an unknown queue format ('{}'). Use 'juggle rebuild' to make a new queue from \
                 the source lists and the stored files",
                path.display(),
                version.trim().escape_default()
            ))),
        }
    }

    /// Locks the directory until the lock is dropped. Returns `None` if another process has the lock.
    ///
    /// # Errors
    /// Returns [`QueueError::DiskFull`] or [`QueueError::Broken`] if the lock file cannot be created or
    /// locked.
    pub fn try_lock(&self) -> Result<Option<LockedFile>, QueueError> {
        let path = self.0.join("lock");
        let options = &mut OpenOptions::new();
        let file = safe_file::open_with(&path, options.create(true).truncate(false).write(true))
            .map_err(|error| storage_error("open", &path, &error))?;
        LockedFile::try_lock(file).map_err(|error| storage_error("lock", &path, &error))
    }

    /// Writes this process's id to the locked lock file, for people and processes that look for the owner.
    pub(crate) fn record_owner(&self, lock: &mut LockedFile) -> Result<(), QueueError> {
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(|error| storage_error("write", &self.0.join("lock"), &error))
    }

    /// Returns the process that owns the queue, or owned it last, as that process recorded it.
    #[must_use]
    pub fn owner(&self) -> Option<u32> {
        safe_file::read_to_string(&self.0.join("lock")).ok()?.trim().parse().ok()
    }

    /// Moves the databases to the directory `aside`, with a copy of VERSION, so that a new queue can begin.
    /// Deletes nothing. The caller holds the lock.
    ///
    /// # Errors
    /// Returns [`QueueError::DiskFull`] or [`QueueError::Broken`] if a file cannot be copied or moved. What
    /// was not moved stays.
    pub fn put_aside(&self, aside: &Path) -> Result<(), QueueError> {
        let version = self.0.join("VERSION");
        if version.is_file() {
            let copied = safe_file::read(&version).and_then(|bytes| fs::write(aside.join("VERSION"), bytes));
            copied.map_err(|error| storage_error("copy", &version, &error))?;
        }
        self.move_contents(aside)
    }

    /// Moves the databases of another directory to this one, which has none. Nobody owns the other one, and
    /// the caller holds the lock of this one.
    ///
    /// # Errors
    /// Returns the errors of [`put_aside`](Self::put_aside).
    pub fn take_over(&self, from: &Self) -> Result<(), QueueError> {
        from.move_contents(&self.0)?;
        // Last: a directory with VERSION counts as a whole queue.
        let version = from.0.join("VERSION");
        fs::rename(&version, self.0.join("VERSION"))
            .map_err(|error| storage_error("move", &version, &error))?;
        sync_directory(&self.0)
    }

    /// Copies a queue that nobody owns, with the snapshots of its source lists, to another run directory,
    /// which has none. An interrupted copy leaves no VERSION, and is made again.
    ///
    /// # Errors
    /// Returns [`QueueError::DiskFull`] or [`QueueError::Broken`] if a file cannot be read or written.
    pub fn copy_to(&self, other: &Self) -> Result<(), QueueError> {
        if let Err(error) = fs::remove_dir_all(&other.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(storage_error("replace", &other.0, &error));
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&other.0);
        made.map_err(|error| storage_error("create", &other.0, &error))?;
        for path in self.contents()?.into_iter().chain([self.0.join("sources")]) {
            let target = other.0.join(path.file_name().expect("it was read from a directory"));
            copy_tree(&path, &target).map_err(|error| storage_error("copy", &path, &error))?;
        }
        sync_directory(&other.0)?;
        // Last: a directory with VERSION counts as a whole queue.
        let version = self.0.join("VERSION");
        let copied =
            safe_file::read(&version).and_then(|bytes| atomic_file::write(&other.0.join("VERSION"), bytes));
        copied.map_err(|error| storage_error("copy", &version, &error))
    }

    fn move_contents(&self, to: &Path) -> Result<(), QueueError> {
        for path in self.contents()? {
            let target = to.join(path.file_name().expect("it was read from a directory"));
            fs::rename(&path, target).map_err(|error| storage_error("move", &path, &error))?;
        }
        sync_directory(to)?;
        sync_directory(&self.0)
    }

    /// Removes the temporary files of processes that were killed while they wrote VERSION.
    pub(crate) fn sweep(&self) -> Result<(), QueueError> {
        let is_of_version = |name: &str| name.contains("VERSION.") && name.ends_with(".tmp");
        let swept = temporary::sweep(&self.0, Sweep::Remove, is_of_version);
        swept.map(drop).map_err(|error| storage_error("remove the temporary files in", &self.0, &error))
    }

    /// Returns the paths of the databases, complete or not, and of the write-ahead log.
    ///
    /// # Errors
    /// Returns [`QueueError::Broken`] if the directory cannot be read.
    pub fn contents(&self) -> Result<Vec<PathBuf>, QueueError> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.and_then(Iterator::collect::<io::Result<Vec<_>>>),
        };
        let entries = entries.map_err(|error| storage_error("read", &self.0, &error))?;
        let belongs = |name: &str| name.starts_with("db.") || name == "tail";
        // The lock, the socket and the snapshots of source lists stay with the directory.
        let named = entries.iter().filter(|entry| entry.file_name().to_str().is_some_and(belongs));
        Ok(named.map(fs::DirEntry::path).collect())
    }

    /// Makes the way to the directory survive a power cut. The process that made it, or a directory above it,
    /// may have been killed before it did that, so every start does it; above the run directory only as far
    /// as this user may look.
    pub(crate) fn sync_parents(&self) -> Result<(), QueueError> {
        let path = self.0.canonicalize().map_err(|error| storage_error("find", &self.0, &error))?;
        for (height, above) in path.ancestors().skip(1).enumerate() {
            match sync_directory(above) {
                Err(error) if height == 0 => return Err(error),
                Err(_) => return Ok(()),
                Ok(()) => {}
            }
        }
        Ok(())
    }
}

/// Copies a file, or a directory with all that is in it, durably. It is no error if there is none. Leaves out
/// what is neither a file nor a directory.
fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    match fs::symlink_metadata(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(found) if found.is_dir() => {
            fs::create_dir(to)?;
            for entry in fs::read_dir(from)? {
                let entry = entry?;
                copy_tree(&entry.path(), &to.join(entry.file_name()))?;
            }
            File::open(to)?.sync_all()
        }
        Ok(found) if found.is_file() => {
            let mut into = safe_file::create(to)?;
            io::copy(&mut safe_file::open(from)?, &mut into)?;
            into.sync_all()
        }
        Ok(_) => Ok(()),
    }
}

fn sync_directory(path: &Path) -> Result<(), QueueError> {
    let synced = File::open(path).and_then(|directory| directory.sync_all());
    synced.map_err(|error| storage_error("sync", path, &error))
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn many_may_begin_in_a_fresh_directory_at_once_while_an_owner_sweeps() {
        const BEGINNERS: usize = 6;
        for _ in 0..50 {
            let run = tempfile::tempdir().unwrap();
            let directory = QueueDirectory::of(run.path());
            fs::create_dir(directory.path()).unwrap();
            let begin = Barrier::new(BEGINNERS + 1);
            std::thread::scope(|scope| {
                for _ in 0..BEGINNERS {
                    scope.spawn(|| {
                        begin.wait();
                        directory.prepare().unwrap();
                    });
                }
                begin.wait();
                directory.sweep().unwrap();
            });
            directory.prepare().unwrap();
        }
    }
}
