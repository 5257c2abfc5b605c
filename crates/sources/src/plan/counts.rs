//! Counts the listed texts by host.

use std::collections::BTreeMap;

use blob_store::stored::StoredBlobs;
use fetch::{candidate, credentials::strip_credentials};
use flow::{
    blobs::{BlobKind, BlobName},
    byte_size::ByteSize,
};

use super::{
    PlanConfig,
    robots::{RobotsCounts, RobotsVerdict},
};
use crate::{entry::Entry, refresh::Refresh};

/// The columns with the size of a text, in any case. The first of them counts.
const SIZE_COLUMNS: [&str; 3] = ["bytes", "size", "length"];

/// The listed texts of one host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HostCounts {
    pub(crate) texts: u64,
    /// The number of stored texts.
    pub(crate) stored: u64,
    /// The number of stored texts that are requested again.
    pub(crate) again: u64,
    /// The bytes of the other texts, as far as the lists name them.
    pub(crate) known_bytes: u64,
    /// The number of other texts whose size is unknown.
    pub(crate) unsized_texts: u64,
    pub(crate) robots: RobotsCounts,
}

/// The listed texts by host. Its size grows with the number of hosts, not of texts.
pub(crate) struct PlanCounts<'s> {
    pub(crate) entries: u64,
    pub(crate) bad_lines: u64,
    /// By group; `None` for local files.
    pub(crate) hosts: BTreeMap<Option<String>, HostCounts>,
    /// The number of texts of each mirror.
    pub(crate) mirrored: Vec<u64>,
    config: &'s PlanConfig,
    robots: &'s dyn Fn(&str) -> RobotsVerdict,
    refresh: Refresh,
    /// What the run directory has, if it can be looked at.
    stored: Option<StoredBlobs>,
}

impl<'s> PlanCounts<'s> {
    pub(crate) fn new(
        config: &'s PlanConfig,
        robots: &'s dyn Fn(&str) -> RobotsVerdict,
        refresh: Refresh,
    ) -> Self {
        Self {
            entries: 0,
            bad_lines: 0,
            hosts: BTreeMap::new(),
            mirrored: vec![0; config.fetch.mirrors.len()],
            config,
            robots,
            refresh,
            stored: StoredBlobs::of(&config.run).ok(),
        }
    }

    /// Counts a text.
    pub(crate) fn add(&mut self, entry: &Entry) {
        self.entries += 1;
        let is_stored = self.is_stored(entry);
        // A refresh asks for stored texts again, with a conditional request.
        let is_asked = !is_stored || self.refresh == Refresh::Yes;
        let listed = entry.urls.first().map(String::as_str).unwrap_or_default();
        let url = candidate::parse(listed, &self.config.fetch.mirrors).ok();
        let host = url.as_ref().and_then(candidate::group_of_url);
        if is_asked {
            self.count_mirror(listed);
        }
        let robots = match (&url, &host) {
            (Some(url), Some(_)) if is_asked => {
                // Credentials of a list must not reach a request or a message of the check.
                Some((self.robots)(strip_credentials(url).as_str()))
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
            // A stored text is only requested conditionally, so its bytes are not downloaded again.
            return;
        }
        match bytes_of(entry) {
            // The sizes are typed by people: a column may hold any number.
            Some(bytes) => counts.known_bytes = counts.known_bytes.saturating_add(bytes),
            None => counts.unsized_texts += 1,
        }
    }

    /// Returns whether a text is stored: its meta is the last file that is written.
    fn is_stored(&self, entry: &Entry) -> bool {
        let meta = BlobName::new(BlobKind::Meta, entry.id.clone());
        self.stored.as_ref().is_some_and(|stored| stored.has(&meta))
    }

    fn count_mirror(&mut self, listed: &str) {
        let mirrors = &self.config.fetch.mirrors;
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
