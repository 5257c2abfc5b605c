//! How much is downloaded: the full work, or a part of it for a first look.

use std::time::Duration;

use super::source::Listed;
use crate::table::grouped;

const KB: u64 = 1000;
const SMALL_BYTES: u64 = 4096;
const TINY_BYTES: u64 = 512;

/// The work, divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    divisor: u64,
}

/// Hosts with the same number of URLs each, and perhaps one that has most of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowd {
    /// Hosts with few URLs.
    pub hosts: u32,
    /// URLs of each of them.
    pub urls_each: u64,
    /// URLs of the one more host that has many.
    pub urls_large: u64,
    /// The least time between two requests to a host.
    pub wait: Duration,
}

impl Sizes {
    /// The full work, divided by this number; at least 1 is taken.
    #[must_use]
    pub fn divided_by(divisor: u64) -> Self {
        Self { divisor: divisor.max(1) }
    }

    fn part(self, whole: u64, least: u64) -> u64 {
        (whole / self.divisor).max(least)
    }

    /// 1,000 texts of 50 to 1,000 KB, 367 KB in the mean, more short ones than long ones.
    #[must_use]
    pub fn books(self) -> Vec<Listed> {
        let count = self.part(1000, 4);
        let length = |number: u64| {
            // Long and short ones alternate, in an order without a pattern that a tool could profit from.
            let place = (number * 619 % count) as f64 / count as f64;
            50 * KB + (place * place * 950.0 * KB as f64) as u64
        };
        listed("book", count, length)
    }

    /// 10,000 texts of 4 KiB.
    #[must_use]
    pub fn small_files(self) -> Vec<Listed> {
        listed("small", self.part(10_000, 10), |_| SMALL_BYTES)
    }

    /// 320 texts of 4 KiB.
    #[must_use]
    pub fn distant_files(self) -> Vec<Listed> {
        listed("distant", self.part(320, 32), |_| SMALL_BYTES)
    }

    /// Number of tiny texts for the measurement of memory.
    #[must_use]
    pub fn counts(self) -> [u64; 3] {
        [1_000, 10_000, 100_000].map(|count| self.part(count, 10))
    }

    /// The length of the one long text, 1 GiB.
    #[must_use]
    pub fn long_bytes(self) -> u64 {
        self.part(1 << 30, 1 << 20)
    }

    /// 100,000 URLs over 1,000 hosts.
    #[must_use]
    pub fn even(self) -> Crowd {
        Crowd { hosts: self.hosts(1000), urls_each: self.part(100, 3), urls_large: 0, wait: self.wait() }
    }

    /// 100,000 URLs, nine tenths of them on one of 1,000 hosts.
    #[must_use]
    pub fn one_large(self) -> Crowd {
        let (hosts, urls_each) = (self.hosts(999), self.part(10, 3));
        Crowd { hosts, urls_each, urls_large: 9 * urls_each * u64::from(hosts), wait: self.wait() }
    }

    /// 1,000 hosts that are asked so often are 400 requests a second.
    fn wait(self) -> Duration {
        Duration::from_millis(if self.divisor == 1 { 2500 } else { 500 })
    }

    fn hosts(self, whole: u64) -> u32 {
        u32::try_from(self.part(whole, 4)).expect("the whole fits")
    }
}

/// The length of tiny texts.
#[must_use]
pub const fn tiny_bytes() -> u64 {
    TINY_BYTES
}

impl Crowd {
    /// URLs of all hosts together.
    #[must_use]
    pub fn urls(self) -> u64 {
        u64::from(self.hosts) * self.urls_each + self.urls_large
    }

    /// The least time in which the hosts with few URLs can be done with.
    #[must_use]
    pub fn bound(self) -> Duration {
        self.wait.mul_f64(self.urls_each.saturating_sub(1) as f64)
    }
}

fn listed(name: &str, count: u64, length: impl Fn(u64) -> u64) -> Vec<Listed> {
    (0..count)
        .map(|number| Listed { id: format!("{name}-{number:06}"), seed: number, bytes: length(number) })
        .collect()
}

/// `1,000 files of 367 KB`
#[must_use]
pub fn described(texts: &[Listed]) -> String {
    let count = texts.len() as u64;
    let mean = texts.iter().map(|text| text.bytes).sum::<u64>() / count.max(1);
    let size = if mean < 10 * KB { format!("{mean} bytes") } else { format!("{} KB", mean / KB) };
    format!("{} files of {size}", grouped(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_work_is_what_the_names_say() {
        let sizes = Sizes::divided_by(1);
        assert_eq!(described(&sizes.books()), "1,000 files of 366 KB");
        assert_eq!(described(&sizes.small_files()), "10,000 files of 4096 bytes");
        let lengths: Vec<u64> = sizes.books().iter().map(|book| book.bytes).collect();
        assert!(lengths.iter().all(|length| (50_000..1_000_000).contains(length)));
        assert!(lengths.iter().any(|length| *length > 990_000));
        assert_eq!(sizes.even().urls(), 100_000);
        assert_eq!(sizes.one_large().urls(), 99_900);
    }

    #[test]
    fn a_part_is_never_nothing() {
        let sizes = Sizes::divided_by(1_000_000);
        assert_eq!(sizes.books().len(), 4);
        assert_eq!(sizes.even().bound(), Duration::from_secs(1));
        assert!(sizes.one_large().urls() > 0);
    }
}
