//! Requests by host, and what ended when, from the lines of the event log.

use std::{collections::BTreeMap, io, path::Path};

use event_log::{
    line::{Kind, Line},
    reader::LogReader,
};
use flow::{clock::Millis, lane::Lane};
use serde::Serialize;

/// The length of a bin of [`Recent`].
pub const BIN_MS: Millis = 10_000;
/// The number of bins of [`Recent`].
pub const BINS: u64 = 60;

/// Requests to a host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct HostRequests {
    /// The number of requests.
    pub requests: u64,
    /// Those that did not lead to a text and were repeated, or sent elsewhere.
    pub repeated: u64,
    /// Texts that failed for good.
    pub failed: u64,
    /// The received bytes.
    pub bytes: u64,
    /// The time spent in requests.
    pub seconds: f64,
}

impl HostRequests {
    /// Adds the counts of another host.
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.repeated += other.repeated;
        self.failed += other.failed;
        self.bytes += other.bytes;
        self.seconds += other.seconds;
    }
}

/// Requests by host.
#[derive(Debug, Clone, Default)]
pub struct Traffic(BTreeMap<String, HostRequests>);

impl Traffic {
    /// Counts all lines of the log of a run. Blocking.
    ///
    /// # Errors
    /// Returns an error if a file of the log cannot be read.
    pub fn read(run: &Path) -> io::Result<Self> {
        let (mut traffic, mut reader) = (Self::default(), LogReader::open(&event_log::path_in(run))?);
        while let Some(line) = reader.next_line()? {
            traffic.add(&line);
        }
        Ok(traffic)
    }

    /// Counts a line of the event log. Only attempts of the fetch lane are requests.
    pub fn add(&mut self, line: &Line) {
        let (Some(host), Some(Lane::Fetch)) = (&line.host, line.lane) else { return };
        if !self.0.contains_key(host) {
            self.0.insert(host.clone(), HostRequests::default());
        }
        let Some(of_host) = self.0.get_mut(host) else { return };
        of_host.requests += 1;
        of_host.bytes += line.bytes.unwrap_or(0);
        of_host.seconds += line.seconds.unwrap_or(0.0);
        match line.event {
            Kind::Retry | Kind::Moved => of_host.repeated += 1,
            Kind::Dead => of_host.failed += 1,
            _ => {}
        }
    }

    /// Returns the counts by host.
    #[must_use]
    pub const fn hosts(&self) -> &BTreeMap<String, HostRequests> {
        &self.0
    }

    /// Returns the counts of all hosts together.
    #[must_use]
    pub fn total(&self) -> HostRequests {
        let mut total = HostRequests::default();
        self.0.values().for_each(|of_host| total.add(of_host));
        total
    }
}

/// The ends of the last [`BINS`] times [`BIN_MS`]: texts that went through all stages, and texts that
/// failed.
#[derive(Debug, Clone, Default)]
pub struct Recent(BTreeMap<u64, [u64; 2]>);

impl Recent {
    /// Counts a line of the event log.
    pub fn add(&mut self, line: &Line) {
        let is_end = match line.event {
            Kind::Done => line.lane == Some(Lane::Process),
            Kind::Dead => true,
            _ => false,
        };
        // Lines without a document are of changes that people made.
        let (true, Some(_), Ok(at_ms)) =
            (is_end, &line.document, Millis::try_from(line.time.as_millisecond()))
        else {
            return;
        };
        let bin = at_ms / BIN_MS;
        self.0.entry(bin).or_default()[usize::from(line.event == Kind::Dead)] += 1;
        let newest = self.0.last_key_value().map_or(bin, |(newest, _)| *newest);
        self.0 = self.0.split_off(&(newest + 1).saturating_sub(BINS));
    }

    /// Returns the beginning of each bin with its counts, done and failed, up to the bin that `now_ms` is in.
    #[must_use]
    pub fn bins(&self, now_ms: Millis) -> Vec<(Millis, [u64; 2])> {
        let last = now_ms / BIN_MS;
        let bins = (last + 1).saturating_sub(BINS)..=last;
        bins.map(|bin| (bin * BIN_MS, self.0.get(&bin).copied().unwrap_or_default())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(event: &str, lane: &str, second: u64) -> Line {
        let (minute, second) = (second / 60, second % 60);
        let text = format!(
            r#"{{"time":"1970-01-01T00:{minute:02}:{second:02}Z","event":"{event}","lane":"{lane}","document":"a","host":"h","bytes":5,"seconds":0.5}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn requests_are_counted_by_host() {
        let mut traffic = Traffic::default();
        for (event, lane) in [("retry", "fetch"), ("done", "fetch"), ("dead", "fetch"), ("dead", "store")] {
            traffic.add(&line(event, lane, 0));
        }
        let expected = HostRequests { requests: 3, repeated: 1, failed: 1, bytes: 15, seconds: 1.5 };
        assert_eq!((traffic.hosts()["h"], traffic.total()), (expected, expected));
    }

    #[test]
    fn only_the_last_ten_minutes_are_kept() {
        let mut recent = Recent::default();
        for second in [0, 9, 10, 599] {
            recent.add(&line("done", "process", second));
        }
        recent.add(&line("done", "fetch", 599));
        recent.add(&line("dead", "fetch", 599));
        let bins = recent.bins(599_000);
        assert_eq!(
            (bins.len(), bins[0], bins[1], bins[59]),
            (60, (0, [2, 0]), (10_000, [1, 0]), (590_000, [1, 1]))
        );
        recent.add(&line("done", "process", 600));
        let bins = recent.bins(600_000);
        assert_eq!((bins[0], bins[59]), ((10_000, [1, 0]), (600_000, [1, 0])));
        assert_eq!(recent.0.len(), 3);
    }
}
