//! Opens files of a run directory: only regular files, never through a symbolic link, and without waiting.
//!
//! A run directory may be in a place where other users can write. A link planted there would make juggle read
//! or overwrite a file outside, and a named pipe would make it wait forever. Every file of a run directory is
//! therefore opened by this module. The last component of the path is not followed if it is a link
//! (`O_NOFOLLOW`), opening does not wait (`O_NONBLOCK`), and the opened file must be a regular file.
//! Directories that juggle makes must be directories, not links to directories. The path of the run directory
//! itself belongs to the user and may be a link. A second hard link is accepted like any other regular file.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use rustix::{fs::OFlags, io::Errno};

/// Opens a file for reading.
///
/// # Errors
/// Returns the error of the operating system, or [`io::ErrorKind::InvalidInput`] if the path is a link or a
/// special file.
pub fn open(path: &Path) -> io::Result<File> {
    open_with(path, OpenOptions::new().read(true))
}

/// Opens a file with these options. They must not truncate the file, because that would happen before it is
/// known to be a regular file.
///
/// # Errors
/// Returns the same errors as [`open`].
pub fn open_with(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let opened = options.custom_flags(flags.bits().cast_signed()).open(path);
    match opened {
        Ok(file) if file.metadata()?.is_file() => Ok(file),
        // `O_NONBLOCK` opens a named pipe at once, and reading a directory fails only later.
        Ok(_) => Err(not_a_file()),
        Err(error) => Err(match error.raw_os_error().map(Errno::from_raw_os_error) {
            // `ELOOP`: a link. `ENXIO`: a socket, or a pipe without a reader. `EISDIR`: a directory.
            Some(Errno::LOOP | Errno::NXIO | Errno::ISDIR) => not_a_file(),
            _ => error,
        }),
    }
}

/// Opens a file for writing. Creates it if it does not exist, and truncates it otherwise.
///
/// # Errors
/// Returns the same errors as [`open`].
pub fn create(path: &Path) -> io::Result<File> {
    // The file is truncated only after it is known to be a regular file.
    let file = open_with(path, OpenOptions::new().write(true).create(true).truncate(false))?;
    file.set_len(0)?;
    Ok(file)
}

/// Reads a whole file.
///
/// # Errors
/// Returns the same errors as [`open`], and those of reading.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a whole file as UTF-8.
///
/// # Errors
/// Returns the same errors as [`open`], those of reading, and [`io::ErrorKind::InvalidData`] if the file is
/// not UTF-8.
pub fn read_to_string(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    open(path)?.read_to_string(&mut text)?;
    Ok(text)
}

/// Removes a file. A missing file is no error.
///
/// # Errors
/// Returns the error of the operating system.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Checks that a path, where juggle has made a directory, is a directory and not a link to one.
///
/// # Errors
/// Returns the error of the operating system, or [`io::ErrorKind::InvalidInput`] if the path is not a
/// directory.
pub fn must_be_directory(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() {
        return Ok(());
    }
    let why = "this must be a directory, but it is a link or a file. Remove it, or use another run directory";
    Err(io::Error::new(io::ErrorKind::InvalidInput, why))
}

fn not_a_file() -> io::Error {
    let why = "this must be a regular file, but it is a link or a special file. Remove it, or use another \
        run directory";
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::symlink, net::UnixListener};

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn a_regular_file_is_read_and_written_under_each_of_its_names() {
        let directory = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| directory.path().join(name));
        drop(create(&one).unwrap());
        fs::write(&one, "text").unwrap();
        fs::hard_link(&one, &two).unwrap();
        assert_eq!(read_to_string(&two).unwrap(), "text");
        assert_eq!(create(&two).unwrap().metadata().unwrap().len(), 0);
        assert_eq!(read(&one).unwrap(), b"");
        assert_eq!(open(&directory.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_is_no_regular_file_is_neither_opened_nor_changed_nor_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("precious"), "precious").unwrap();
        symlink(at("precious"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        fs::create_dir(at("directory")).unwrap();
        for name in ["link", "dangling", "pipe", "socket", "directory"] {
            for opened in [open(&at(name)), create(&at(name))] {
                assert_eq!(opened.unwrap_err().kind(), io::ErrorKind::InvalidInput, "{name}");
            }
        }
        assert_eq!(fs::read_to_string(at("precious")).unwrap(), "precious");
        assert!(!at("nowhere").exists());
    }

    #[test]
    fn a_link_in_place_of_a_directory_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        symlink(directory.path(), directory.path().join("link")).unwrap();
        must_be_directory(directory.path()).unwrap();
        let error = must_be_directory(&directory.path().join("link")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
