//! The facts in a report.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::Path,
};

use corpus::{
    boilerplate::Rule,
    duplicate_list::Duplicate,
    meta::{Confidence, Meta},
    totals::Totals,
};
use event_log::{line::Kind, reader::LogReader};
use flow::{
    blobs::{BlobError, BlobKind, BlobStore},
    clock::Millis,
    document::DocumentId,
};
use monitor::{snapshot::Snapshot, traffic::Traffic};
use process::{counts::vocabulary, error::ProcessError};

/// The number of points of a curve, at most.
const POINTS: usize = 160;
/// The number of most frequent words that are named.
const WORDS: usize = 50;
/// The number of bars in the picture of the stages over time.
const TIME_BINS: usize = 60;

/// The facts in a report.
#[derive(Debug)]
pub struct ReportData {
    /// The name of the run directory.
    pub name: String,
    /// The time at which the report is made, in milliseconds since the Unix epoch.
    pub made_at_ms: Millis,
    /// The version of juggle.
    pub version: String,
    /// The queue.
    pub snapshot: Snapshot,
    /// The corpus.
    pub corpus: CorpusFacts,
    /// The log of events.
    pub events: EventFacts,
    /// The documents with the text of another.
    pub duplicates: Vec<Duplicate>,
    /// Each setting with its value and origin.
    pub settings: Vec<[String; 3]>,
}

/// Facts from the records and counts of all documents.
#[derive(Debug, Default)]
pub struct CorpusFacts {
    /// The totals.
    pub totals: Totals,
    /// Bytes of all texts in UTF-8.
    pub text_bytes: u64,
    /// The number of tokens. A text that several documents have is counted once.
    pub tokens: u64,
    /// The number of distinct tokens.
    pub distinct: u64,
    /// Documents by language, as written in the records.
    pub languages: BTreeMap<String, u64>,
    /// Documents by decade of their release, as far as it is known.
    pub decades: BTreeMap<u32, u64>,
    /// Documents by the power of two that their text has at least, in bytes.
    pub sizes: BTreeMap<u32, u64>,
    /// Documents by the encoding that was used and the confidence in it.
    pub encodings: BTreeMap<(String, &'static str), u64>,
    /// Removed lines, by rule.
    pub cuts: BTreeMap<Rule, CutFacts>,
    /// Documents and bytes as received by host.
    pub hosts: BTreeMap<String, HostTotals>,
    /// The most frequent tokens.
    pub words: Vec<(String, u64)>,
    /// Rank and count of tokens, for a selection of ranks.
    pub zipf: Vec<(u64, u64)>,
    /// Tokens and distinct tokens after a number of documents, in the order of ids.
    pub heaps: Vec<(u64, u64)>,
}

/// Lines that a rule removed.
#[derive(Debug, Clone, Copy, Default)]
pub struct CutFacts {
    /// The number of documents.
    pub documents: u64,
    /// The number of lines.
    pub lines: u64,
    /// The number of bytes.
    pub bytes: u64,
}

/// Documents of a host.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostTotals {
    /// The number of documents.
    pub documents: u64,
    /// Bytes as received.
    pub bytes: u64,
}

/// Facts from the log of events.
#[derive(Debug, Default)]
pub struct EventFacts {
    /// Requests by host.
    pub traffic: Traffic,
    /// The beginning of the first bin, in milliseconds since the Unix epoch.
    pub from_ms: Millis,
    /// The length of a bin.
    pub bin_ms: Millis,
    /// The ends of attempts in each bin, by lane: done, and not done.
    pub bins: Vec<[[u64; 2]; 3]>,
    /// True if older lines have been removed by rotation, or are missing.
    pub is_incomplete: bool,
}

impl CorpusFacts {
    /// Reads the records and counts of all documents that have gone through all stages. Holds every distinct
    /// token once. Calls `advance` after each document. Blocking.
    ///
    /// # Errors
    /// Returns an error if a file is missing or damaged.
    pub fn read(blobs: &dyn BlobStore, mut advance: impl FnMut()) -> Result<Self, ProcessError> {
        let documents = blobs.list(BlobKind::Stats)?;
        let mut facts = Self::default();
        let mut counted = Vec::new();
        let totals = Totals::read(blobs, &documents, |document, meta| {
            facts.add(&meta);
            // A copy would make the vocabulary look larger than it is.
            if meta.duplicate_of.is_none() {
                counted.push(document.clone());
            }
            Ok::<_, BlobError>(())
        })?;
        facts.totals = totals;
        facts.read_counts(blobs, counted, &mut advance)?;
        Ok(facts)
    }

    fn add(&mut self, meta: &Meta) {
        self.text_bytes += meta.text.bytes;
        let language = meta.language.as_deref().unwrap_or("not stated").trim();
        *self.languages.entry(language.to_owned()).or_default() += 1;
        if let Some(year) = meta.release_date.as_deref().and_then(year) {
            *self.decades.entry(year / 10 * 10).or_default() += 1;
        }
        *self.sizes.entry(meta.text.bytes.max(1).ilog2()).or_default() += 1;
        let confidence = match meta.encoding.confidence {
            Some(Confidence::Given) => "given",
            Some(Confidence::Proven) => "proven",
            Some(Confidence::Declared) => "declared",
            Some(Confidence::Likely) => "likely",
            Some(Confidence::Doubtful) => "doubtful",
            None => "not recorded",
        };
        *self.encodings.entry((meta.encoding.used.clone(), confidence)).or_default() += 1;
        let mut rules: BTreeMap<Rule, CutFacts> = BTreeMap::new();
        for cut in &meta.cuts {
            let of_rule = rules.entry(cut.rule).or_insert(CutFacts { documents: 1, ..CutFacts::default() });
            of_rule.lines += (cut.last_line + 1).saturating_sub(cut.first_line);
            of_rule.bytes += cut.bytes;
        }
        for (rule, cut) in rules {
            let all = self.cuts.entry(rule).or_default();
            all.documents += cut.documents;
            all.lines += cut.lines;
            all.bytes += cut.bytes;
        }
        let host = self.hosts.entry(host_of(&meta.final_url).to_owned()).or_default();
        host.documents += 1;
        host.bytes += meta.raw.bytes;
    }

    fn read_counts(
        &mut self,
        blobs: &dyn BlobStore,
        documents: Vec<DocumentId>,
        advance: &mut dyn FnMut(),
    ) -> Result<(), ProcessError> {
        let (count, mut done, mut heaps) = (documents.len(), 0, Vec::new());
        let counts = vocabulary::add_up(blobs, documents, |counts| {
            done += 1;
            advance();
            // Counting the distinct tokens takes long, so it is done for some documents only.
            if done == count || done * POINTS / count != (done - 1) * POINTS / count {
                heaps.push((counts.total(), counts.distinct()));
            }
        })?;
        (self.tokens, self.distinct, self.heaps) = (counts.total(), counts.distinct(), heaps);
        let ranks = self.distinct;
        let (mut rank, mut next) = (0_u64, 1_u64);
        counts.sorted().for_each(|token, n| {
            rank += 1;
            if self.words.len() < WORDS {
                self.words.push((String::from_utf8_lossy(token).into_owned(), n));
            }
            // The last rank is always there.
            if rank >= next || rank == ranks {
                self.zipf.push((rank, n));
                // The ranks of the points grow by a tenth.
                next = rank + (rank / 10).max(1);
            }
        });
        Ok(())
    }
}

impl EventFacts {
    /// Reads the log of a run directory. A log that does not exist is empty. Blocking.
    ///
    /// # Errors
    /// Returns an error if the log cannot be read.
    pub fn read(run: &Path) -> io::Result<Self> {
        let path = event_log::path_in(run);
        let mut facts = Self { is_incomplete: event_log::is_rotated_away(&path), ..Self::default() };
        let (mut first, mut last) = (Millis::MAX, 0);
        let mut per_second: HashMap<(u64, usize), [u64; 2]> = HashMap::new();
        let mut reader = LogReader::open(&path)?;
        while let Some(line) = reader.next_line()? {
            facts.is_incomplete |= line.event == Kind::Missing;
            // Lines without a document are of changes that people made.
            let (Some(lane), Some(_), Ok(at_ms)) =
                (line.lane, &line.document, Millis::try_from(line.time.as_millisecond()))
            else {
                continue;
            };
            (first, last) = (first.min(at_ms), last.max(at_ms));
            let of_second = per_second.entry((at_ms / 1_000, lane.index())).or_default();
            of_second[usize::from(line.event != Kind::Done)] += 1;
            facts.traffic.add(&line);
        }
        if first <= last {
            facts.from_ms = first / 1_000 * 1_000;
            let seconds = (last - facts.from_ms) / 1_000 + 1;
            facts.bin_ms = seconds.div_ceil(TIME_BINS as u64) * 1_000;
            facts.bins =
                vec![[[0; 2]; 3]; usize::try_from(seconds * 1_000 / facts.bin_ms + 1).unwrap_or(TIME_BINS)];
            for ((second, lane), counts) in per_second {
                let bin = (second * 1_000 - facts.from_ms) / facts.bin_ms;
                let bin = usize::try_from(bin).unwrap_or_default();
                facts.bins[bin][lane][0] += counts[0];
                facts.bins[bin][lane][1] += counts[1];
            }
            while facts.bins.last().is_some_and(|bin| bin.iter().flatten().all(|count| *count == 0)) {
                facts.bins.pop();
            }
        }
        Ok(facts)
    }
}

/// Returns the year in a date as people write it: the first number of four digits from 1000 to 2999.
fn year(date: &str) -> Option<u32> {
    let numbers = date.split(|c: char| !c.is_ascii_digit()).filter(|number| number.len() == 4);
    numbers.filter_map(|number| number.parse().ok()).find(|year| (1_000..3_000).contains(year))
}

/// Returns the host of a URL, or `local files`.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").filter(|(scheme, _)| scheme.starts_with("http")).map(|(_, rest)| rest);
    rest.map_or("local files", |rest| rest.split(['/', '?']).next().unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_year_is_found_in_dates_as_people_write_them() {
        for (date, expected) in [
            ("May 12, 2009", Some(2009)),
            ("1998-03", Some(1998)),
            ("12345", None),
            ("unknown", None),
            ("0042", None),
        ] {
            assert_eq!(year(date), expected, "{date}");
        }
    }

    #[test]
    fn hosts_are_named_with_their_port() {
        assert_eq!(host_of("https://a.example:8080/b?c"), "a.example:8080");
        assert_eq!(host_of("file:///home/me/a.txt"), "local files");
    }

    #[test]
    fn events_are_counted_by_host_and_time() {
        let run = tempfile::tempdir().unwrap();
        let path = event_log::path_in(run.path());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let line = |at: &str, event: &str, lane: &str| {
            format!(
                r#"{{"time":"2026-11-30T10:{at}Z","event":"{event}","lane":"{lane}","document":"a","host":"h","bytes":5,"seconds":0.5}}"#
            )
        };
        let lines = [
            line("00:00", "retry", "fetch"),
            line("00:01", "done", "fetch"),
            line("59:59", "dead", "fetch"),
            line("59:59", "done", "store"),
        ];
        fs::write(&path, lines.join("\n") + "\n").unwrap();
        let facts = EventFacts::read(run.path()).unwrap();
        let host = facts.traffic.hosts()["h"];
        assert_eq!((host.requests, host.repeated, host.failed, host.bytes), (3, 1, 1, 15));
        assert!((host.seconds - 1.5).abs() < 1e-9 && !facts.is_incomplete);
        assert_eq!((facts.bin_ms, facts.bins.len()), (60_000, TIME_BINS));
        assert_eq!(facts.bins[0], [[1, 1], [0, 0], [0, 0]]);
        assert_eq!(facts.bins[59], [[0, 1], [1, 0], [0, 0]]);
        let nothing = tempfile::tempdir().unwrap();
        assert!(EventFacts::read(nothing.path()).unwrap().bins.is_empty());
    }
}
