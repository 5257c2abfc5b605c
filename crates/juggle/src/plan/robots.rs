//! What robots.txt says of the listed URLs. A plan is given a function from a URL to its verdict, so that whoever knows
//! a host's robots.txt can say it; a plan itself asks no server.

use serde::Serialize;

/// What a host's robots.txt says of a URL: RFC 9309.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RobotsVerdict {
    /// It may be fetched.
    Allowed,
    /// It may not, so no request is made.
    Disallowed,
    /// Nobody has asked.
    NotAsked,
}

/// How many texts of a host have which verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Verdicts {
    /// [`RobotsVerdict::Allowed`]
    pub allowed: u64,
    /// [`RobotsVerdict::Disallowed`]
    pub disallowed: u64,
    /// [`RobotsVerdict::NotAsked`]
    pub not_asked: u64,
}

impl Verdicts {
    /// Counts one more.
    pub fn add(&mut self, verdict: RobotsVerdict) {
        match verdict {
            RobotsVerdict::Allowed => self.allowed += 1,
            RobotsVerdict::Disallowed => self.disallowed += 1,
            RobotsVerdict::NotAsked => self.not_asked += 1,
        }
    }

    /// For a cell of a table.
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
        let mut verdicts = Verdicts::default();
        for (verdict, shown) in [
            (RobotsVerdict::NotAsked, "not asked"),
            (RobotsVerdict::Allowed, "allows"),
            (RobotsVerdict::Disallowed, "disallows 1"),
        ] {
            verdicts.add(verdict);
            assert_eq!(verdicts.shown(), shown);
        }
        assert_eq!(verdicts, Verdicts { allowed: 1, disallowed: 1, not_asked: 1 });
    }
}
