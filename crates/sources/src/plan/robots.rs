//! Checks listed URLs against robots.txt.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    time::{Duration, Instant},
};

use fetch::politeness::robots::{RobotsAccess, RobotsLookup};
use serde::Serialize;
use tokio::runtime::Handle;
use url::Url;

/// The maximum number of hosts whose robots.txt is requested.
// A plan of a list with thousands of hosts must answer in seconds.
const HOSTS_MAX: usize = 50;
/// The maximum total time of these requests.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Requests the robots.txt of hosts, each once, while there is time.
pub struct RobotsChecker {
    /// `None` if robots.txt is not obeyed or requests are not allowed.
    lookup: Option<RobotsLookup>,
    runtime: Handle,
    asked: RefCell<HashSet<String>>,
    left: Cell<Duration>,
}

impl RobotsChecker {
    /// Creates a checker that requests by `lookup`, or never. Must be called within a runtime.
    #[must_use]
    pub fn new(lookup: Option<RobotsLookup>) -> Self {
        let (asked, left) = (RefCell::default(), Cell::new(TIME_MAX));
        Self { lookup, runtime: Handle::current(), asked, left }
    }

    /// Returns the verdict on a URL. Blocking.
    #[must_use]
    pub fn ask(&self, url: &str) -> RobotsVerdict {
        let (Some(lookup), Ok(url)) = (&self.lookup, Url::parse(url)) else {
            return RobotsVerdict::NotAsked;
        };
        let origin = url.origin().ascii_serialization();
        let mut asked = self.asked.borrow_mut();
        let is_new = !asked.contains(&origin);
        // Only new hosts are refused: the answer of a known one is cached and costs no time.
        if is_new && (asked.len() >= HOSTS_MAX || self.left.get().is_zero()) {
            return RobotsVerdict::NotAsked;
        }
        asked.insert(origin);
        let began = Instant::now();
        // A timeout of zero would fail before it reads the cached answer of a known host.
        let limit = self.left.get().max(Duration::from_millis(1));
        let verdict = self
            .runtime
            .block_on(async { tokio::time::timeout(limit, lookup.check(&url)).await.ok().flatten() });
        if is_new {
            self.left.set(self.left.get().saturating_sub(began.elapsed()));
        }
        match verdict {
            Some(RobotsAccess::Allowed { .. }) => RobotsVerdict::Allowed,
            Some(RobotsAccess::Forbidden) => RobotsVerdict::Disallowed,
            None => RobotsVerdict::NotAsked,
        }
    }
}

/// The verdict of robots.txt on a URL (RFC 9309).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RobotsVerdict {
    /// The URL may be fetched.
    Allowed,
    /// The URL may not be fetched.
    Disallowed,
    /// robots.txt was not requested.
    NotAsked,
}

/// The number of texts of a host by verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RobotsCounts {
    /// [`RobotsVerdict::Allowed`]
    pub allowed: u64,
    /// [`RobotsVerdict::Disallowed`]
    pub disallowed: u64,
    /// [`RobotsVerdict::NotAsked`]
    pub not_asked: u64,
}

impl RobotsCounts {
    /// Counts a verdict.
    pub(super) fn add(&mut self, verdict: RobotsVerdict) {
        match verdict {
            RobotsVerdict::Allowed => self.allowed += 1,
            RobotsVerdict::Disallowed => self.disallowed += 1,
            RobotsVerdict::NotAsked => self.not_asked += 1,
        }
    }
}
