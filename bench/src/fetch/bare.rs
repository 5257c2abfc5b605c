//! What the files of a corpus cost by themselves: one loop that writes what juggle's fetch and store write,
//! as durably, and does nothing else. No downloader that leaves these files can be much faster on this file
//! system.
//!
//! For each text it makes its bytes in `spool/`; then, as a second step, its text, its record and its
//! arrival, and moves the bytes to `raw/`. Each step is made for many texts at a time: all are written under
//! other names, forced to the medium together, renamed, and their directories forced.

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

/// Resources used by a step.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// The time in which files were written, forced and renamed.
    pub seconds: f64,
    /// Times that something was forced to the medium.
    pub flushes: u64,
}

/// Writes the files of all items below a directory.
///
/// # Errors
/// If they cannot be written.
pub fn write(items: &[Item], prose: &Prose, directory: &Path) -> anyhow::Result<Took> {
    let [fetched, stored] = steps(items, prose, directory, &mut || Ok(()))?;
    Ok(Took { seconds: fetched.seconds + stored.seconds, rss_kib: None })
}

/// Writes them step by step, first what a fetch stage writes, then what a store stage does, with something
/// between. Says what each of the steps took.
///
/// # Errors
/// If they cannot be written.
pub fn steps(
    items: &[Item],
    prose: &Prose,
    directory: &Path,
    between: &mut dyn FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<[Cost; 2]> {
    DIRECTORIES
        .iter()
        .try_for_each(|name| fs::create_dir(directory.join(name)).context("failed to make a directory"))?;
    let fetched = step(Step::Fetch, items, prose, directory).context("failed to write files")?;
    between()?;
    let stored = step(Step::Store, items, prose, directory).context("failed to write files")?;
    Ok([fetched, stored])
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Fetch,
    Store,
}

fn step(step: Step, items: &[Item], prose: &Prose, directory: &Path) -> std::io::Result<Cost> {
    let within = |name: &str| directory.join(name);
    let (mut took, mut flushes) = (Duration::ZERO, 0);
    for group in items.chunks(GROUP) {
        let mut written = Vec::new();
        let mut moved = Vec::new();
        for item in group {
            let bytes = prose.text(item.seed, item.bytes).collect::<Vec<_>>().concat();
            let record = [b' '; RECORD_BYTES];
            let name = item.file_name();
            let files: &[(&str, &[u8])] = match step {
                Step::Fetch => &[("spool", &bytes)],
                Step::Store => &[("text", &bytes), ("arrival", &record), ("meta", &record)],
            };
            let began = Instant::now();
            for (kind, bytes) in files {
                let path = within(kind).join(&name);
                let hidden = path.with_extension("tmp");
                File::create_new(&hidden)?.write_all(bytes)?;
                written.push((hidden, path));
            }
            if step == Step::Store {
                moved.push((within("spool").join(&name), within("raw").join(&name)));
            }
            took += began.elapsed();
        }
        let began = Instant::now();
        publish(directory, moved.into_iter().chain(written))?;
        took += began.elapsed();
        flushes += 1 + DIRECTORIES.len() as u64;
    }
    Ok(Cost { seconds: took.as_secs_f64(), flushes })
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
