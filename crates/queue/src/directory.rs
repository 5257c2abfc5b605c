//! Who may own a run directory's queue.
//!
//! `queue/` has mode 0700. `queue/lock` is locked (flock) by the owner for its life and holds its process id; sled's own lock goes with a
//! directory that changes at every start. `queue/VERSION` holds the format of everything below `queue/`.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use flow::{durability::Durability, queue::QueueError};

use crate::{
    disk::{Disk, failed},
    ledger::Ledger,
    owner::{self, LocalLink, NowMs},
};

/// The format that this version reads and writes.
pub const FORMAT: u32 = 2;

/// The `queue/` of a run directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueDirectory(PathBuf);

/// An owned queue: the way to it, and its thread, which ends when all clones of the link are gone.
pub type Owned = (LocalLink, std::thread::JoinHandle<()>);

impl QueueDirectory {
    /// The queue of this run directory. Touches nothing.
    #[must_use]
    pub fn of(run_directory: &Path) -> Self {
        Self(run_directory.join("queue"))
    }

    /// Whether a queue was ever made here.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.0.join("VERSION").exists()
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The socket that its owner listens on.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.0.join("queue.sock")
    }

    /// Where a broker that was started in the background writes what goes wrong.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.0.join("broker.log")
    }

    /// Makes the directory, for the user alone, and checks its version.
    ///
    /// # Errors
    /// [`QueueError::Version`] where a newer juggle made it; [`QueueError::DiskFull`]; [`QueueError::Broken`].
    pub fn prepare(&self) -> Result<(), QueueError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)
            .and_then(|()| fs::set_permissions(&self.0, fs::Permissions::from_mode(0o700)))
            .map_err(|error| failed("create", &self.0, &error))?;
        self.check_version()
    }

    fn check_version(&self) -> Result<(), QueueError> {
        let path = self.0.join("VERSION");
        let version = match fs::read_to_string(&path) {
            Ok(version) => version,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.write_version(&path),
            Err(error) => return Err(failed("read", &path, &error)),
        };
        match version.trim().parse::<u32>() {
            Ok(FORMAT) => Ok(()),
            Ok(other) if other > FORMAT => Err(QueueError::Version(format!(
                "'{}' was made by a newer juggle (queue format {other}, this one knows {FORMAT}): use that version, or \
                 another output directory",
                self.0.display()
            ))),
            Ok(other) if other > 0 => Err(QueueError::Version(format!(
                "'{}' was made by an earlier juggle (queue format {other}, this one knows {FORMAT}): finish the run with \
                 that version, or let 'juggle rebuild' make the queue anew from the source lists and the store",
                self.0.display()
            ))),
            Ok(_) | Err(_) => Err(QueueError::Version(format!(
                "'{}' does not hold a queue format that this juggle knows ('{}')",
                path.display(),
                version.trim().escape_default()
            ))),
        }
    }

    /// Written beside and renamed: an empty VERSION would lock everyone out.
    fn write_version(&self, path: &Path) -> Result<(), QueueError> {
        let temporary = self.0.join(format!("VERSION.{}.tmp", std::process::id()));
        File::create(&temporary)
            .and_then(|mut file| writeln!(file, "{FORMAT}").and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&temporary, path))
            .and_then(|()| File::open(&self.0)?.sync_all())
            .map_err(|error| failed("write", path, &error))
    }

    /// The lock, if nobody has it.
    ///
    /// # Errors
    /// Where the lock file cannot be made.
    pub fn try_lock(&self) -> Result<Option<File>, QueueError> {
        let path = self.0.join("lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|error| failed("open", &path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed("lock", &path, &error)),
        }
    }

    /// Becomes the owner, if nobody is.
    ///
    /// # Errors
    /// What [`Disk::open`] and [`Ledger::load`] say.
    pub fn own(
        &self,
        durability: Durability,
        capacity: usize,
        now_ms: NowMs,
    ) -> Result<Option<Owned>, QueueError> {
        self.prepare()?;
        let Some(mut lock) = self.try_lock()? else { return Ok(None) };
        // For people who look for the owner.
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(|error| failed("write", &self.0.join("lock"), &error))?;
        let disk = Disk::open(&self.0, durability)?;
        let mut ledger = Ledger::load(disk, capacity, now_ms())?;
        ledger.commit()?;
        owner::start(ledger, now_ms, lock).map(Some)
    }
}
