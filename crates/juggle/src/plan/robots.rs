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

use crate::{
    exit::{CliError, Exit},
    settings::{
        enums::{Network, Robots},
        resolved::Settings,
    },
};

/// The maximum number of hosts whose robots.txt is requested.
// A plan of a list with thousands of hosts must answer in seconds.
const HOSTS_MAX: usize = 50;
/// The maximum total time of these requests.
const TIME_MAX: Duration = Duration::from_secs(20);

/// Requests the robots.txt of hosts, each once, while there is time.
pub(super) struct RobotsChecker {
    /// `None` if robots.txt is not obeyed or requests are not allowed.
    lookup: Option<RobotsLookup>,
    runtime: Handle,
    asked: RefCell<HashSet<String>>,
    left: Cell<Duration>,
}

impl RobotsChecker {
    /// Creates the checker of these settings. Must be called within a runtime.
    pub(super) fn new(settings: &Settings) -> Result<Self, CliError> {
        let lookup = match (settings.robots, settings.network) {
            (Robots::On, Network::Online) => {
                let lookup = RobotsLookup::new(&settings.fetch_config());
                Some(lookup.map_err(|error| CliError::caused(Exit::Usage, &error))?)
            }
            (Robots::Off, _) | (_, Network::Offline) => None,
        };
        let (asked, left) = (RefCell::default(), Cell::new(TIME_MAX));
        Ok(Self { lookup, runtime: Handle::current(), asked, left })
    }

    /// Returns the verdict on a URL. Blocking.
    pub(super) fn ask(&self, url: &str) -> RobotsVerdict {
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
    pub fn add(&mut self, verdict: RobotsVerdict) {
        match verdict {
            RobotsVerdict::Allowed => self.allowed += 1,
            RobotsVerdict::Disallowed => self.disallowed += 1,
            RobotsVerdict::NotAsked => self.not_asked += 1,
        }
    }

    /// Returns the cell of the table.
    #[must_use]
    pub fn shown(&self) -> String {
        match *self {
            Self { allowed: 0, disallowed: 0, .. } => "not asked".to_owned(),
            Self { disallowed: 0, .. } => "allows".to_owned(),
            Self { disallowed, .. } => format!("disallows {disallowed}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_disallowed_is_said_first() {
        let mut verdicts = RobotsCounts::default();
        for (verdict, shown) in [
            (RobotsVerdict::NotAsked, "not asked"),
            (RobotsVerdict::Allowed, "allows"),
            (RobotsVerdict::Disallowed, "disallows 1"),
        ] {
            verdicts.add(verdict);
            assert_eq!(verdicts.shown(), shown);
        }
        assert_eq!(verdicts, RobotsCounts { allowed: 1, disallowed: 1, not_asked: 1 });
    }
}
