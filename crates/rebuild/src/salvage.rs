//! Saves the beginning of a damaged list.
//!
//! The name of a snapshot ends with the hash of its content, which reveals damage. The lines before the
//! damage become a snapshot of their own, named by their own hash. If the user adds the list again, it is a
//! new list.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

use flow::safe_file;
use sources::{
    error::SourceError,
    snapshot::integrity::{HASH_DIGITS, name_parts},
};

/// Writes the first `bytes` of a snapshot durably as a new snapshot, and returns its name. A repeated call
/// writes the same file.
///
/// # Errors
/// Returns an error if the list cannot be read or the new one cannot be written.
pub(crate) fn beginning(path: &Path, bytes: u64) -> Result<String, SourceError> {
    let directory = path.parent().unwrap_or_else(|| Path::new("."));
    let temporary = directory.join(format!(".adding-{}-saved", std::process::id()));
    let failed = |source| SourceError::Write { path: temporary.clone(), source };
    let hash = copy(path, &temporary, bytes).map_err(failed)?;
    let list = name_parts(path).map_or("list", |(list, _)| list);
    let name = format!("{list}-{}", &hash.to_hex()[..HASH_DIGITS]);
    fs::rename(&temporary, directory.join(format!("{name}.jsonl")))
        .and_then(|()| File::open(directory)?.sync_all())
        .map_err(failed)?;
    Ok(name)
}

fn copy(from: &Path, to: &Path, bytes: u64) -> io::Result<blake3::Hash> {
    let mut from = safe_file::open(from)?.take(bytes);
    let mut to = safe_file::create(to)?;
    let (mut hasher, mut buffer) = (blake3::Hasher::new(), vec![0; 256 * 1024]);
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
    }
    // Durable before it has its final name: a name with a hash promises the content.
    to.sync_all()?;
    Ok(hasher.finalize())
}

/// Renames a damaged list, so that it is no longer read as a list. Does nothing if it does not exist.
///
/// # Errors
/// Returns an error if it cannot be renamed.
pub(crate) fn mark(path: &Path) -> io::Result<()> {
    let mut marked = path.as_os_str().to_owned();
    marked.push(".damaged");
    match fs::rename(path, marked) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}
