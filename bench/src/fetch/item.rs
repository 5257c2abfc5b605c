//! What is to be downloaded.

use std::{
    fs::File,
    io::{BufWriter, Write},
    net::SocketAddr,
    path::Path,
};

use anyhow::Context;

use super::text::Prose;

/// A text, under a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its id, and the name of its file without the ending.
    pub id: String,
    /// Server of the text.
    pub host: SocketAddr,
    /// The path of its URL.
    pub path: String,
    /// Number of the text.
    pub seed: u64,
    /// Length in bytes.
    pub bytes: u64,
}

impl Item {
    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{}", self.host, self.path)
    }

    /// The name of its file.
    #[must_use]
    pub fn file_name(&self) -> String {
        file_name(&self.id)
    }
}

/// The name of a file.
#[must_use]
pub fn file_name(id: &str) -> String {
    format!("{id}.txt")
}

/// All bytes.
#[must_use]
pub fn bytes(items: &[Item]) -> u64 {
    items.iter().map(|item| item.bytes).sum()
}

/// Writes a list with one entry for each item, as a downloader reads it.
///
/// # Errors
/// If it cannot be written.
pub fn write_list(
    path: &Path,
    head: &str,
    items: &[Item],
    entry: impl Fn(&Item) -> String,
) -> anyhow::Result<()> {
    let write = || {
        let mut list = BufWriter::new(File::create(path)?);
        list.write_all(head.as_bytes())?;
        items.iter().try_for_each(|item| list.write_all(entry(item).as_bytes()))?;
        list.flush()
    };
    write().with_context(|| format!("failed to write '{}'", path.display()))
}

/// Writes all texts as files of a directory.
///
/// # Errors
/// If one cannot be written.
pub fn write_files(directory: &Path, items: &[Item], prose: &Prose) -> anyhow::Result<()> {
    for item in items {
        let path = directory.join(item.file_name());
        let write = || {
            let mut file = BufWriter::new(File::create(&path)?);
            prose.text(item.seed, item.bytes).try_for_each(|chapter| file.write_all(&chapter))?;
            file.flush()
        };
        write().with_context(|| format!("failed to write '{}'", path.display()))?;
    }
    Ok(())
}
