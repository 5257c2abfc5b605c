//! What the files of a corpus cost by themselves: one loop that writes what juggle's fetch and store write, as durably,
//! and does nothing else. No downloader that leaves these files can be much faster on this file system.
//!
//! For each text it makes its bytes in `spool/`; then, as a second step, its text, its record and its arrival, and moves
//! the bytes to `raw/`. Each step is made for many texts at a time: all are written under other names, forced to the
//! medium together, renamed, and their directories forced.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context;

use super::{item::Item, running::Took, text::Prose};

/// Texts that share a flush.
const GROUP: usize = 128;
const DIRECTORIES: [&str; 5] = ["spool", "raw", "text", "meta", "arrival"];
/// The length of a record.
const RECORD_BYTES: usize = 800;

/// Writes the files of all items below a directory.
///
/// # Errors
/// Where they cannot be written.
pub fn write(items: &[Item], prose: &Prose, directory: &Path) -> anyhow::Result<Took> {
    let within = |name: &str| directory.join(name);
    DIRECTORIES
        .iter()
        .try_for_each(|name| fs::create_dir(within(name)).context("failed to make a directory"))?;
    let mut took = Duration::ZERO;
    let mut step = |fetched: bool| {
        items.chunks(GROUP).try_for_each(|group| {
            let mut written = Vec::new();
            let mut moved = Vec::new();
            for item in group {
                let bytes = prose.text(item.seed, item.bytes).collect::<Vec<_>>().concat();
                let record = [b' '; RECORD_BYTES];
                let name = item.file_name();
                let files: &[(&str, &[u8])] = if fetched {
                    &[("text", &bytes), ("arrival", &record), ("meta", &record)]
                } else {
                    &[("spool", &bytes)]
                };
                let began = Instant::now();
                for (kind, bytes) in files {
                    let path = within(kind).join(&name);
                    let hidden = path.with_extension("tmp");
                    File::create_new(&hidden)?.write_all(bytes)?;
                    written.push((hidden, path));
                }
                if fetched {
                    moved.push((within("spool").join(&name), within("raw").join(&name)));
                }
                took += began.elapsed();
            }
            let began = Instant::now();
            publish(directory, moved.into_iter().chain(written))?;
            took += began.elapsed();
            std::io::Result::Ok(())
        })
    };
    step(false).and_then(|()| step(true)).context("failed to write files")?;
    Ok(Took { seconds: took.as_secs_f64(), rss_kib: None })
}

fn publish(directory: &Path, renames: impl Iterator<Item = (PathBuf, PathBuf)>) -> std::io::Result<()> {
    rustix::fs::syncfs(File::open(directory)?)?;
    for (from, to) in renames {
        fs::rename(from, to)?;
    }
    DIRECTORIES.iter().try_for_each(|name| File::open(directory.join(name))?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, SocketAddr};

    #[test]
    fn it_leaves_all_files_under_their_names() {
        let directory = tempfile::tempdir().unwrap();
        let prose = Prose::default();
        let items: Vec<Item> = (0..300)
            .map(|seed| Item {
                id: format!("text-{seed}"),
                host: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
                path: "/".to_owned(),
                seed,
                bytes: 100,
            })
            .collect();
        write(&items, &prose, directory.path()).unwrap();
        let count = |name: &str| fs::read_dir(directory.path().join(name)).unwrap().count();
        assert_eq!(DIRECTORIES.map(count), [0, 300, 300, 300, 300]);
        for item in &items {
            prose
                .must_be_at(&directory.path().join("raw").join(item.file_name()), item.seed, item.bytes)
                .unwrap();
        }
    }
}
