//! The address of the owner's socket, however long the path of the run directory is.

use std::{
    fs::File,
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
};

/// A path by which a socket can be named, however long its real one is: an address holds 107 bytes at most.
pub(crate) struct SocketAddress {
    path: PathBuf,
    /// Open while `path` goes through it.
    _directory: Option<File>,
}

impl SocketAddress {
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

pub(crate) fn socket_address(socket: &Path) -> io::Result<SocketAddress> {
    const SUN_PATH_BYTES_MAX: usize = 107;
    match (socket.parent(), socket.file_name()) {
        (Some(parent), Some(name)) if socket.as_os_str().len() > SUN_PATH_BYTES_MAX => {
            let directory = File::open(parent)?;
            let path = Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name);
            Ok(SocketAddress { path, _directory: Some(directory) })
        }
        _ => Ok(SocketAddress { path: socket.to_owned(), _directory: None }),
    }
}
