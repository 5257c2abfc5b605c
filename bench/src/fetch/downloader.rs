//! What is compared, and how each of them is run.
//!
//! Each downloads the items of a list into an empty directory, as fast as it can when told so, and leaves
//! them on the medium: juggle does that by itself, document by document; after the others `sync -f` is run,
//! and timed with them.

use std::{fmt, fs, path::Path, path::PathBuf, process::Command};

use anyhow::Context;
use blob_store::layout::Layout;
use flow::blobs::BlobKind;

use super::{
    bare,
    item::{Item, write_list},
    juggle::{self, Juggle, Manner},
    python,
    running::{Running, Took, command, sync},
    text::Prose,
};
use crate::{program, server::Installed};

/// A downloader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Downloader {
    /// Ours: add, then fetch and store.
    Juggle,
    /// The fetch stage alone: the bytes are on the medium, in the spool.
    JuggleFetch,
    /// Both with the packed layout.
    JugglePacked,
    /// The fetch stage alone with the packed layout.
    JugglePackedFetch,
    /// No downloader: the files that ours leaves, written by a loop that does nothing else.
    BareFiles,
    /// 50 at a time.
    Curl,
    /// 16 threads.
    Wget2,
    /// 16 at a time.
    Aria2,
    /// A Python script, 64 at a time.
    Aiohttp,
    /// A Python script, one after the other.
    Serial,
}

/// Input of a run.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    /// The files to download.
    pub items: &'a [Item],
    /// Source of the expected bytes.
    pub prose: &'a Prose,
    /// An empty directory, for everything.
    pub directory: &'a Path,
    /// Directory of the Python environment of the scripts.
    pub data: &'a Path,
}

impl Downloader {
    /// All of them, ours first.
    pub const ALL: [Self; 10] = [
        Self::Juggle,
        Self::JuggleFetch,
        Self::JugglePacked,
        Self::JugglePackedFetch,
        Self::BareFiles,
        Self::Curl,
        Self::Wget2,
        Self::Aria2,
        Self::Aiohttp,
        Self::Serial,
    ];

    /// The name in tables and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Juggle => "juggle",
            Self::JuggleFetch => "juggle fetch",
            Self::JugglePacked => "juggle packed",
            Self::JugglePackedFetch => "juggle packed fetch",
            Self::BareFiles => "bare files",
            Self::Curl => "curl -Z 50 + sync",
            Self::Wget2 => "wget2 16 + sync",
            Self::Aria2 => "aria2c -j16 + sync",
            Self::Aiohttp => "aiohttp 64 + sync",
            Self::Serial => "Python serial + sync",
        }
    }

    /// The command that installs it.
    #[must_use]
    pub const fn install(self) -> &'static str {
        match self {
            Self::Juggle
            | Self::JuggleFetch
            | Self::JugglePacked
            | Self::JugglePackedFetch
            | Self::BareFiles => "cargo build --release",
            Self::Curl => "apt-get install curl",
            Self::Wget2 => "apt-get install wget2",
            Self::Aria2 => "apt-get install aria2",
            Self::Aiohttp => python::INSTALL,
            Self::Serial => "apt-get install python3",
        }
    }

    /// As it is installed here; none where it is not.
    #[must_use]
    pub fn installed(self, data: &Path) -> Option<Installed> {
        let version = match self {
            Self::Juggle | Self::JugglePacked => return Some(Juggle::installed()),
            Self::JuggleFetch | Self::JugglePackedFetch => {
                let durability =
                    "power loss, each download in the spool separately; no texts are written".to_owned();
                return Some(Installed { durability, ..Juggle::installed() });
            }
            Self::BareFiles => {
                let durability = "power loss, in groups of 128; nothing is downloaded".to_owned();
                return Some(Installed { durability, ..Juggle::installed() });
            }
            Self::Curl => version_of("curl", 1)?,
            Self::Wget2 => version_of("wget2", 2)?,
            Self::Aria2 => version_of("aria2c", 2)?,
            Self::Aiohttp => python::aiohttp_version(&python::with_aiohttp(data)?)?,
            Self::Serial => python::version(&python::plain()?)?,
        };
        Some(Installed { version, durability: "power loss, only after the sync at the end".to_owned() })
    }

    /// Downloads everything, and looks whether it is there.
    ///
    /// # Errors
    /// If it fails, or a file is missing or has other bytes.
    pub fn run(self, work: Work<'_>) -> anyhow::Result<Took> {
        match self {
            Self::Juggle => run_juggle(work, Layout::Flat),
            Self::JuggleFetch => run_juggle_fetch(work, Layout::Flat),
            Self::JugglePacked => run_juggle(work, Layout::Packed),
            Self::JugglePackedFetch => run_juggle_fetch(work, Layout::Packed),
            Self::BareFiles => bare::write(work.items, work.prose, work.directory),
            Self::Curl | Self::Wget2 | Self::Aria2 | Self::Aiohttp | Self::Serial => self.run_peer(work),
        }
    }

    fn run_peer(self, work: Work<'_>) -> anyhow::Result<Took> {
        let into = work.directory.join("into");
        fs::create_dir(&into).with_context(|| format!("failed to create '{}'", into.display()))?;
        let command = self.peer_command(work, &into)?;
        let took = Running::start("peer", command, work.directory)?.wait()?;
        let synced = sync(&into, work.directory)?;
        for item in work.items {
            work.prose.must_be_at(&into.join(item.file_name()), item.seed, item.bytes)?;
        }
        Ok(Took { seconds: took.seconds + synced.seconds, rss_kib: took.rss_kib })
    }

    fn peer_command(self, work: Work<'_>, into: &Path) -> anyhow::Result<Command> {
        let list = work.directory.join("list");
        let line = |item: &Item| format!("{}\n", item.url());
        if self == Self::Curl {
            let target = |item: &Item| into.join(item.file_name()).display().to_string();
            write_list(&list, "", work.items, |item| {
                format!("url = \"{}\"\noutput = \"{}\"\n", item.url(), target(item))
            })?;
        } else {
            write_list(&list, "", work.items, line)?;
        }
        let found = |name| program::find(name).with_context(|| format!("{name} is not installed any more"));
        let script = |text: &str| write_script(work.directory, text);
        Ok(match self {
            Self::Juggle
            | Self::JuggleFetch
            | Self::JugglePacked
            | Self::JugglePackedFetch
            | Self::BareFiles => unreachable!("they are no peers"),
            Self::Curl => {
                let mut curl = command(&found("curl")?)?;
                // The first option keeps the user's own settings out.
                curl.args(["-q", "--parallel", "--parallel-max", "50", "--fail", "--no-progress-meter"]);
                curl.arg("--config").arg(list);
                curl
            }
            Self::Wget2 => {
                let mut wget2 = command(&found("wget2")?)?;
                wget2.args(["--no-config", "--max-threads", "16", "--quiet", "--robots=off"]);
                wget2.arg("--directory-prefix").arg(into).arg("--input-file").arg(list);
                wget2
            }
            Self::Aria2 => {
                let mut aria2c = command(&found("aria2c")?)?;
                aria2c.args(["--no-conf", "-j16", "--file-allocation=none", "--quiet"]);
                aria2c.arg("--dir").arg(into).arg("--input-file").arg(list);
                aria2c
            }
            Self::Aiohttp => {
                let python = python::with_aiohttp(work.data).context("aiohttp is not installed any more")?;
                let mut aiohttp = command(&python)?;
                aiohttp.arg(script(include_str!("aiohttp.py"))?).arg(list).arg(into);
                aiohttp
            }
            Self::Serial => {
                let mut serial = command(&python::plain().context("python3 is not installed any more")?)?;
                serial.arg(script(include_str!("serial.py"))?).arg(list).arg(into);
                serial
            }
        })
    }
}

fn run_juggle(work: Work<'_>, layout: Layout) -> anyhow::Result<Took> {
    let (juggle, run) = (Juggle::beside_this_program()?, work.directory.join("run"));
    layout.establish(&run)?;
    let added = juggle.add(&run, work.items, work.directory)?;
    let stored = juggle.fetch_and_store(&run, Manner::FAST, work.items, work.directory)?;
    let owner = juggle::end_owner(&run)?;
    juggle::must_be_stored(&run, work.items, work.prose)?;
    // They ran at the same time.
    let rss_kib = [stored.fetch.rss_kib, stored.store.rss_kib, owner].into_iter().sum();
    Ok(Took { seconds: added.seconds + stored.seconds, rss_kib })
}

fn run_juggle_fetch(work: Work<'_>, layout: Layout) -> anyhow::Result<Took> {
    let (juggle, run) = (Juggle::beside_this_program()?, work.directory.join("run"));
    layout.establish(&run)?;
    let fetch = juggle.fetch(&run, Manner::FAST, (work.items, work.items), work.directory)?;
    let took = fetch.wait()?;
    let owner = juggle::end_owner(&run)?;
    juggle::must_hold(&run, BlobKind::Spool, work.items, work.prose)?;
    Ok(Took { rss_kib: [took.rss_kib, owner].into_iter().sum(), ..took })
}

fn write_script(directory: &Path, text: &str) -> anyhow::Result<PathBuf> {
    let script = directory.join("download.py");
    fs::write(&script, text).with_context(|| format!("failed to write '{}'", script.display()))?;
    Ok(script)
}

/// A word of what a program says first when asked for its version.
fn version_of(name: &str, word: usize) -> Option<String> {
    let said = program::output_of(&program::find(name)?, &["--version"])?;
    Some(said.lines().next()?.split(' ').nth(word)?.to_owned())
}

impl fmt::Display for Downloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::Tool;

    #[test]
    fn ratios_are_to_the_downloader_that_has_juggles_name() {
        assert_eq!(Downloader::Juggle.name(), Tool::Juggle.name());
    }
}
