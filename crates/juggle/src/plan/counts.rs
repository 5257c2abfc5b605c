//! Listed texts, counted by the host that would be asked.

use std::{collections::BTreeMap, fs};

use fetch::{candidate::Candidate, credentials::strip_credentials};
use flow::{
    blobs::{BlobKind, BlobName},
    byte_size::ByteSize,
};
use store::local::layout::BlobPaths;

use sources::entry::Entry;

use super::robots::{RobotsCounts, RobotsVerdict};
use sources::refresh::Refresh;

use crate::settings::resolved::Settings;

/// The columns of a list that say how large a text is, the first that is there; whatever their case.
const SIZE_COLUMNS: [&str; 3] = ["bytes", "size", "length"];

/// What is listed of one host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct HostCounts {
    pub(super) texts: u64,
    /// Those that are in the store, so that nothing is asked for.
    pub(super) stored: u64,
    /// Those that are in the store and asked for again.
    pub(super) again: u64,
    /// What the lists say of the bytes of the others.
    pub(super) known_bytes: u64,
    /// Those of the others of which the lists do not say it.
    pub(super) unsized_texts: u64,
    pub(super) robots: RobotsCounts,
}

/// What is listed. Holds as much as there are hosts.
pub(super) struct PlanCounts<'s> {
    pub(super) entries: u64,
    pub(super) bad_lines: u64,
    /// By group; none for files of this machine.
    pub(super) hosts: BTreeMap<Option<String>, HostCounts>,
    /// How many texts each mirror of the settings applies to.
    pub(super) mirrored: Vec<u64>,
    settings: &'s Settings,
    robots: &'s dyn Fn(&str) -> RobotsVerdict,
    refresh: Refresh,
    /// Where the files of the run directory lie, if it can be known.
    places: Option<BlobPaths>,
}

impl<'s> PlanCounts<'s> {
    pub(super) fn new(
        settings: &'s Settings,
        robots: &'s dyn Fn(&str) -> RobotsVerdict,
        refresh: Refresh,
    ) -> Self {
        Self {
            entries: 0,
            bad_lines: 0,
            hosts: BTreeMap::new(),
            mirrored: vec![0; settings.mirrors.len()],
            settings,
            robots,
            refresh,
            places: BlobPaths::of(&settings.output_dir).ok(),
        }
    }

    /// Counts a text.
    pub(super) fn add(&mut self, entry: &Entry) {
        self.entries += 1;
        let is_stored = self.is_stored(entry);
        let is_asked = !is_stored || self.refresh == Refresh::Yes;
        let listed = entry.urls.first().map(String::as_str).unwrap_or_default();
        let candidate = Candidate::parse(listed, &self.settings.mirrors).ok();
        let host = candidate.as_ref().and_then(Candidate::group);
        if is_asked {
            self.count_mirror(listed);
        }
        let robots = match (&candidate, &host) {
            (Some(candidate), Some(_)) if is_asked => {
                Some((self.robots)(strip_credentials(&candidate.url).as_str()))
            }
            _ => None,
        };
        let counts = self.hosts.entry(host).or_default();
        counts.texts += 1;
        if let Some(verdict) = robots {
            counts.robots.add(verdict);
        }
        if is_stored {
            counts.stored += 1;
            counts.again += u64::from(is_asked);
            return;
        }
        match bytes_of(entry) {
            Some(bytes) => counts.known_bytes = counts.known_bytes.saturating_add(bytes),
            None => counts.unsized_texts += 1,
        }
    }

    /// A text is complete where its meta is.
    fn is_stored(&self, entry: &Entry) -> bool {
        let meta = BlobName::new(BlobKind::Meta, entry.id.clone());
        self.places.as_ref().is_some_and(|places| fs::symlink_metadata(places.path(&meta)).is_ok())
    }

    fn count_mirror(&mut self, listed: &str) {
        let mirrors = &self.settings.mirrors;
        if mirrors.is_empty() {
            return;
        }
        let Ok(url) = listed.parse() else { return };
        if let Some(at) = mirrors.iter().position(|mirror| mirror.rewrite(&url).is_some()) {
            self.mirrored[at] += 1;
        }
    }
}

fn bytes_of(entry: &Entry) -> Option<u64> {
    let columns = &entry.listed.columns;
    let cell = |name: &&str| columns.iter().find(|(column, _)| column.eq_ignore_ascii_case(name));
    let (_, value) = SIZE_COLUMNS.iter().find_map(cell)?;
    value.parse().ok().map(ByteSize::bytes)
}
