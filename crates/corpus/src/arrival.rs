//! `logs/arrival/ID.json`: when and how a text was downloaded.
//!
//! Unlike [`Meta`](crate::meta::Meta), the record differs from run to run. It is a stored format: a field may
//! be added, but never renamed or given another meaning.

use flow::{clock::Millis, payload::Fetched};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The record of the download of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// The time at which the last byte was received, in the format of RFC 3339.
    pub at: String,
    /// The duration of the last request, in milliseconds.
    pub took_ms: u64,
    /// The number of attempts, including the successful one.
    pub attempts: u32,
    /// The HTTP status. `None` for a local file.
    pub status: Option<u16>,
}

impl Arrival {
    /// Returns the arrival of a finished download.
    #[must_use]
    pub fn of(fetched: &Fetched) -> Self {
        // A clock that is wrong by millennia must not make a download fail.
        let at_ms = i64::try_from(fetched.at_ms).unwrap_or(i64::MAX);
        Self {
            at: Timestamp::from_millisecond(at_ms).unwrap_or(Timestamp::MAX).to_string(),
            took_ms: fetched.took_ms,
            attempts: fetched.attempts,
            status: fetched.status,
        }
    }

    /// Returns the time at which the last byte was received, in milliseconds since the Unix epoch; 0 if `at`
    /// is not a valid time.
    #[must_use]
    pub fn at_ms(&self) -> Millis {
        let at = self.at.parse::<Timestamp>();
        at.ok().and_then(|at| at.as_millisecond().try_into().ok()).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stored_bytes_of_an_arrival_do_not_change() {
        let arrival = Arrival {
            at: "2026-11-22T08:15:30.123Z".to_owned(),
            took_ms: 17,
            attempts: 2,
            status: Some(200),
        };
        let golden = include_bytes!("golden/arrival.json");
        assert_eq!(flow::record::to_bytes(&arrival).unwrap(), golden);
        assert_eq!(serde_json::from_slice::<Arrival>(golden).unwrap(), arrival);
        assert_eq!(arrival.at_ms(), 1_795_335_330_123);
    }
}
