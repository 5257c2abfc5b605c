//! `SHA256SUMS`: the SHA-256 of every file in the export directory, in order of their names, for `sha256sum
//! -c`.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{
    corpus::{DocumentTotals, ProgressCallback, ProgressUpdate},
    directory::ExportDirectory,
    error::ExportError,
    report::{ExportReport, UncommittedFile, commit_all},
};

/// The file name.
pub const FILE: &str = "SHA256SUMS";

const BUFFER_BYTES: usize = 256 << 10;

/// Writes the checksums of all regular files that are not hidden. Reports the progress in files.
///
/// # Errors
/// Returns [`ExportError::NothingThere`] if there is no file, [`ExportError::Read`] if one cannot be read,
/// and [`ExportError::Write`] if the checksums cannot be written.
pub fn write(
    directory: &ExportDirectory,
    on_progress: &ProgressCallback<'_>,
) -> Result<ExportReport, ExportError> {
    let mut names = Vec::new();
    collect(directory.path(), Path::new(""), &mut names)?;
    // The file cannot contain its own checksum.
    names.retain(|name| name != Path::new(FILE));
    names.sort_unstable();
    if names.is_empty() {
        return Err(ExportError::NothingThere(directory.path().to_owned()));
    }
    let mut file = directory.create_file(FILE)?;
    let total = names.len() as u64;
    for (number, name) in names.iter().enumerate() {
        let path = directory.path().join(name);
        let checksum = sha256(&path).map_err(ExportError::reading(&path))?;
        file.write_all(&line(&checksum, name)).map_err(ExportError::writing(file.path()))?;
        on_progress(ProgressUpdate { done: number as u64 + 1, total });
    }
    let files = commit_all(vec![UncommittedFile::sync(file, total)?])?;
    Ok(ExportReport { files, totals: DocumentTotals::default() })
}

/// Adds the names of all files in a subdirectory to `names`, relative to `top`.
fn collect(top: &Path, subdirectory: &Path, names: &mut Vec<PathBuf>) -> Result<(), ExportError> {
    let path = top.join(subdirectory);
    for entry in fs::read_dir(&path).map_err(ExportError::reading(&path))? {
        let entry = entry.map_err(ExportError::reading(&path))?;
        let kind = entry.file_type().map_err(ExportError::reading(&path))?;
        // The file being written has a hidden name.
        if entry.file_name().as_bytes().starts_with(b".") {
            continue;
        }
        let name = subdirectory.join(entry.file_name());
        // The type is that of the entry itself, so links are not followed.
        if kind.is_dir() {
            collect(top, &name, names)?;
        } else if kind.is_file() {
            names.push(name);
        }
    }
    Ok(())
}

/// Returns the SHA-256 of a file in lowercase hexadecimal digits.
fn sha256(path: &Path) -> io::Result<String> {
    let (mut file, mut buffer) = (File::open(path)?, vec![0; BUFFER_BYTES]);
    let mut hasher = Sha256::new();
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// Returns a line in the format of `sha256sum`: if the name has a backslash or a line end, it is escaped and
/// the line begins with a backslash.
fn line(checksum: &str, name: &Path) -> Vec<u8> {
    let name = name.as_os_str().as_bytes();
    let escape = |byte: &u8| match byte {
        b'\\' => b"\\\\".to_vec(),
        b'\n' => b"\\n".to_vec(),
        b'\r' => b"\\r".to_vec(),
        other => vec![*other],
    };
    let escaped: Vec<u8> = name.iter().flat_map(escape).collect();
    let mark: &[u8] = if escaped.len() > name.len() { b"\\" } else { b"" };
    [mark, checksum.as_bytes(), b"  ", &escaped, b"\n"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_listed_in_order_of_names_without_hidden_ones() {
        let run = tempfile::tempdir().unwrap();
        let directory = ExportDirectory::open(run.path()).unwrap();
        assert!(matches!(write(&directory, &|_| {}), Err(ExportError::NothingThere(_))));
        fs::create_dir(run.path().join("jsonl")).unwrap();
        for (name, text) in
            [("b", "abc"), ("jsonl/part", ""), ("a\\b", "abc"), (".hidden", "x"), (FILE, "old")]
        {
            fs::write(run.path().join(name), text).unwrap();
        }
        let written = write(&directory, &|_| {}).unwrap();
        assert_eq!(written.files[0].rows, 3);
        let (abc, nothing) = (
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        );
        assert_eq!(
            fs::read_to_string(run.path().join(FILE)).unwrap(),
            format!("\\{abc}  a\\\\b\n{abc}  b\n{nothing}  jsonl/part\n")
        );
    }
}
