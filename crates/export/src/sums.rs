//! `SHA256SUMS`: the SHA-256 of every file in the export directory, in order of their names, for `sha256sum -c`.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::{
    corpus::{Seen, Step, Watch},
    directory::ExportDirectory,
    error::ExportError,
    written::{Ready, Written, commit_all},
};

/// The file.
pub const FILE: &str = "SHA256SUMS";

const BUFFER_BYTES: usize = 256 << 10;

/// Writes it. What is hidden, and what is no file, is passed over. Tells how many files are done.
///
/// # Errors
/// Where a file cannot be read, there is none, or the sums cannot be written.
pub fn write(directory: &ExportDirectory, watch: &Watch<'_>) -> Result<Written, ExportError> {
    let mut names = Vec::new();
    collect(directory.path(), Path::new(""), &mut names)?;
    names.retain(|name| name != Path::new(FILE));
    names.sort_unstable();
    if names.is_empty() {
        return Err(ExportError::NothingThere(directory.path().to_owned()));
    }
    let mut file = directory.begin(FILE)?;
    let of = names.len() as u64;
    for (number, name) in names.iter().enumerate() {
        let path = directory.path().join(name);
        let sum = sum(&path).map_err(ExportError::reading(&path))?;
        file.write_all(&line(&sum, name)).map_err(ExportError::writing(file.path()))?;
        watch(Step { done: number as u64 + 1, of });
    }
    Ok(Written { files: commit_all(vec![Ready::sync(file, of)?])?, seen: Seen::default() })
}

fn collect(top: &Path, below: &Path, names: &mut Vec<PathBuf>) -> Result<(), ExportError> {
    let path = top.join(below);
    for entry in fs::read_dir(&path).map_err(ExportError::reading(&path))? {
        let entry = entry.map_err(ExportError::reading(&path))?;
        let kind = entry.file_type().map_err(ExportError::reading(&path))?;
        if entry.file_name().as_bytes().starts_with(b".") {
            continue;
        }
        let name = below.join(entry.file_name());
        if kind.is_dir() {
            collect(top, &name, names)?;
        } else if kind.is_file() {
            names.push(name);
        }
    }
    Ok(())
}

fn sum(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut reader = io::BufReader::with_capacity(BUFFER_BYTES, File::open(path)?);
    loop {
        let bytes = io::BufRead::fill_buf(&mut reader)?;
        if bytes.is_empty() {
            break;
        }
        hasher.update(bytes);
        let count = bytes.len();
        io::BufRead::consume(&mut reader, count);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A name with a backslash or line end is escaped, and the line begins with a backslash to say so, as sha256sum has it.
fn line(sum: &str, name: &Path) -> Vec<u8> {
    let (mut written, mut is_escaped) = (Vec::new(), false);
    for byte in name.as_os_str().as_bytes() {
        let escape: &[u8] = match byte {
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            other => {
                written.push(*other);
                continue;
            }
        };
        is_escaped = true;
        written.extend_from_slice(escape);
    }
    let mark: &[u8] = if is_escaped { b"\\" } else { b"" };
    [mark, sum.as_bytes(), b"  ", &written, b"\n"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_summed_in_order_of_names_and_hidden_ones_are_not() {
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
