//! The address of the owner's socket, for run directories with paths of any length.

use std::{
    fs::File,
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

/// A path to a socket that is short enough for an address, which holds at most 107 bytes.
pub(super) struct SocketAddress {
    path: PathBuf,
    /// Must stay open while `path` goes through it.
    _directory: Option<File>,
}

impl SocketAddress {
    /// Finds an address of a socket.
    ///
    /// # Errors
    /// Returns the error of opening the directory of a socket with a long path.
    pub(super) fn of(socket: &Path) -> io::Result<Self> {
        const SUN_PATH_BYTES_MAX: usize = 107;
        match (socket.parent(), socket.file_name()) {
            (Some(parent), Some(name)) if socket.as_os_str().len() > SUN_PATH_BYTES_MAX => {
                // A path through an open directory is short, whatever the real one is.
                let directory = File::open(parent)?;
                let path = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
                Ok(Self { path, _directory: Some(directory) })
            }
            _ => Ok(Self { path: socket.to_owned(), _directory: None }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
