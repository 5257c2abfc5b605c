//! The jobs that every tool gets, and how to see that each was done exactly once.

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

/// Bytes of every payload.
pub const PAYLOAD_BYTES: usize = 200;

const NUMBER_DIGITS: usize = 15;
const BEFORE_NUMBER: &str = r#"{"document":"PG"#;
const TITLE: &str = "The Collected Works, with Notes and an Index of First Lines, Volume the Second";

/// A job to enqueue: the JSON of a download, like those of `juggle fetch`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its number: unique in a run.
    pub number: u64,
    /// The payload, of [`PAYLOAD_BYTES`] bytes.
    pub payload: Vec<u8>,
}

impl Job {
    /// The job of this number, which must have at most 15 digits.
    #[must_use]
    pub fn new(number: u64) -> Self {
        let host = format!("mirror{:03}.example.org", number % 1000);
        let mut payload = format!(
            r#"{BEFORE_NUMBER}{number:015}","urls":["https://{host}/epub/{number}.txt"],"host":"{host}","listed":{{"title":""#
        );
        let end = r#""}}"#;
        payload.push_str(&TITLE[..PAYLOAD_BYTES - payload.len() - end.len()]);
        payload.push_str(end);
        Self { number, payload: payload.into_bytes() }
    }

    /// The name by which the queue knows it.
    #[must_use]
    pub fn key(&self) -> String {
        format!("PG{:015}", self.number)
    }
}

/// The number of the job with this payload.
///
/// # Errors
/// If it is not the payload of a [`Job`].
pub fn number_of(payload: &[u8]) -> anyhow::Result<u64> {
    ensure!(payload.len() == PAYLOAD_BYTES, "a payload came back with {} bytes", payload.len());
    let digits = &payload[BEFORE_NUMBER.len()..BEFORE_NUMBER.len() + NUMBER_DIGITS];
    std::str::from_utf8(digits)?.parse().context("a payload came back without its number")
}

/// Summary of a set of jobs that are only counted: two are equal only if they hold the same jobs
/// equally often, but for a chance of about 1 in 2^64.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Number of jobs.
    pub jobs: u64,
    sum: u64,
}

impl Tally {
    /// Counts a job.
    pub const fn count(&mut self, number: u64) {
        self.jobs += 1;
        self.sum = self.sum.wrapping_add(mixed(number));
    }

    /// Counts all that another one holds.
    pub const fn merge(&mut self, other: Self) {
        self.jobs += other.jobs;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// Spreads numbers over all 64 bits (SplitMix64), so that sums of different sets differ.
const fn mixed(number: u64) -> u64 {
    let a = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let b = (a ^ (a >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let c = (b ^ (b >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    c ^ (c >> 31)
}

#[cfg(test)]
mod tests {
    use flow::payload::FetchJob;

    use super::*;

    #[test]
    fn a_payload_is_a_real_fetch_job_of_200_bytes_that_tells_its_number() {
        for number in [0, 7, 123_456, 999_999_999_999_999] {
            let job = Job::new(number);
            assert_eq!(job.payload.len(), PAYLOAD_BYTES);
            let read: FetchJob = serde_json::from_slice(&job.payload).unwrap();
            assert_eq!(read.document.to_string(), job.key());
            assert_eq!(number_of(&job.payload).unwrap(), number);
        }
        assert!(number_of(b"{}").is_err());
    }

    #[test]
    fn a_tally_tells_a_job_done_twice_in_place_of_another() {
        let tally = |numbers: &[u64]| {
            let mut tally = Tally::default();
            numbers.iter().for_each(|number| tally.count(*number));
            tally
        };
        assert_eq!(tally(&[1, 2, 3]), tally(&[3, 1, 2]));
        assert_ne!(tally(&[1, 2, 3]), tally(&[1, 2, 2]));
        assert_ne!(tally(&[1, 2, 3]), tally(&[1, 1, 4]));
        let mut merged = tally(&[1, 2]);
        merged.merge(tally(&[3]));
        assert_eq!(merged, tally(&[1, 2, 3]));
    }
}
