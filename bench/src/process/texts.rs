//! The files that are counted.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, BufWriter, Write},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};

use super::novel::novel;
use crate::table::grouped;

/// Generated texts, and the mean of their lengths, which differ as those of books do.
const NOVELS: u64 = 120;
const NOVEL_BYTES: u64 = 300_000;

/// A text of UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// Its file.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
}

/// Some texts; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Texts(Vec<Text>);

impl Texts {
    /// All `*.txt` in a directory and those below it, in the order of their paths.
    ///
    /// # Errors
    /// If a directory cannot be read, or has none.
    pub fn below(directory: &Path) -> anyhow::Result<Self> {
        let mut found = Vec::new();
        search(directory, &mut found).with_context(|| format!("failed to read '{}'", directory.display()))?;
        ensure!(!found.is_empty(), "there is no *.txt file with a text below '{}'", directory.display());
        found.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self(found))
    }

    /// Generates texts, the `divisor`-th part of all, into an empty directory.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn generated(directory: &Path, divisor: u64) -> anyhow::Result<Self> {
        for seed in 0..NOVELS.div_ceil(divisor) {
            let bytes = NOVEL_BYTES / 2 + seed * 7919 % NOVEL_BYTES;
            let path = directory.join(format!("novel-{seed:03}.txt"));
            let text = novel(seed, usize::try_from(bytes).expect("it is below a megabyte"));
            fs::write(&path, text).with_context(|| format!("failed to write '{}'", path.display()))?;
        }
        Self::below(directory)
    }

    /// The first texts that together have about the `divisor`-th part of all bytes; at least one.
    #[must_use]
    pub fn part(&self, divisor: u64) -> Self {
        self.within(self.bytes().div_ceil(divisor))
    }

    /// The first texts that together have at most so many bytes; at least one.
    #[must_use]
    pub fn within(&self, bytes_max: u64) -> Self {
        let mut bytes = 0;
        let within = |text: &&Text| {
            bytes += text.bytes;
            bytes <= bytes_max
        };
        let count = self.0.iter().take_while(within).count().max(1);
        Self(self.0[..count].to_vec())
    }

    /// Reads all once, so that they lie in the page cache.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn warm(&self) -> anyhow::Result<()> {
        self.0.iter().try_for_each(|text| {
            let read = File::open(&text.path).and_then(|mut file| io::copy(&mut file, &mut io::sink()));
            read.map(drop).with_context(|| format!("failed to read '{}'", text.path.display()))
        })
    }

    /// Each.
    #[must_use]
    pub fn all(&self) -> &[Text] {
        &self.0
    }

    /// The bytes of all.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|text| text.bytes).sum()
    }

    /// The bytes of all, in millions.
    #[must_use]
    pub fn megabytes(&self) -> f64 {
        self.bytes() as f64 / 1e6
    }

    /// Number and size, for example `135 texts, 41.2 MB`.
    #[must_use]
    pub fn described(&self) -> String {
        let noun = if self.0.len() == 1 { "text" } else { "texts" };
        format!("{} {noun}, {:.1} MB", grouped(self.0.len() as u64), self.megabytes())
    }

    /// Writes their paths, each ended by a zero byte.
    ///
    /// # Errors
    /// If the list cannot be written.
    pub fn write_list(&self, list: &Path) -> anyhow::Result<()> {
        let write = || {
            let mut file = BufWriter::new(File::create(list)?);
            for text in &self.0 {
                file.write_all(text.path.as_os_str().as_bytes())?;
                file.write_all(b"\0")?;
            }
            file.flush()
        };
        write().with_context(|| format!("failed to write '{}'", list.display()))
    }
}

/// The paths of a list that [`Texts::write_list`] wrote.
///
/// # Errors
/// If it cannot be read.
pub fn read_list(list: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let bytes = fs::read(list).with_context(|| format!("failed to read '{}'", list.display()))?;
    let paths = bytes.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    Ok(paths.map(|path| PathBuf::from(OsStr::from_bytes(path))).collect())
}

fn search(directory: &Path, found: &mut Vec<Text>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = std::path::absolute(entry?.path())?;
        let metadata = fs::metadata(&path)?;
        if metadata.is_dir() {
            search(&path, found)?;
        } else if metadata.len() > 0 && path.extension().is_some_and(|extension| extension == "txt") {
            found.push(Text { path, bytes: metadata.len() });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &Texts) -> Vec<&str> {
        texts.all().iter().filter_map(|text| text.path.file_name()?.to_str()).collect()
    }

    #[test]
    fn texts_are_found_at_any_depth_in_the_order_of_their_paths() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("b/c")).unwrap();
        for (name, bytes) in [("z.txt", 5), ("b/c/a.txt", 3), ("b/y.txt", 2), ("b/x.md", 9), ("empty.txt", 0)]
        {
            fs::write(directory.path().join(name), vec![b'x'; bytes]).unwrap();
        }
        let texts = Texts::below(directory.path()).unwrap();
        assert_eq!(names(&texts), ["a.txt", "y.txt", "z.txt"]);
        assert_eq!((texts.bytes(), texts.described()), (10, "3 texts, 0.0 MB".to_owned()));
        assert_eq!(names(&texts.within(5)), ["a.txt", "y.txt"]);
        assert_eq!(names(&texts.within(1)), ["a.txt"], "at least one");
        assert_eq!(names(&texts.part(2)), ["a.txt", "y.txt"]);
        assert!(Texts::below(&directory.path().join("none")).is_err());
    }

    #[test]
    fn a_list_is_read_as_it_was_written() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a name\nof two lines.txt"), "x").unwrap();
        fs::write(directory.path().join("b.txt"), "y").unwrap();
        let (texts, list) = (Texts::below(directory.path()).unwrap(), directory.path().join("list"));
        texts.write_list(&list).unwrap();
        let paths: Vec<PathBuf> = texts.all().iter().map(|text| text.path.clone()).collect();
        assert_eq!(read_list(&list).unwrap(), paths);
    }

    #[test]
    fn generated_texts_have_different_lengths() {
        let directory = tempfile::tempdir().unwrap();
        let texts = Texts::generated(directory.path(), 40).unwrap();
        assert_eq!(texts.all().len(), 3);
        assert!(texts.all().windows(2).all(|pair| pair[0].bytes != pair[1].bytes), "{texts:?}");
    }
}
