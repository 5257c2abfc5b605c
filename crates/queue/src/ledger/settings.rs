//! Stores the values that are not jobs, each under a key of its own.
//!
//! The keys stay as the first version of this format had them:
//!
//! | key | value, in postcard |
//! |---|---|
//! | `a` | the highest retired attempt number (u32) |
//! | `c` and the source's name | its [`Cursor`] |
//! | `l` and the lane's number (u8) | whether the lane is paused (bool), and its count of retries (u64) |
//! | `t` | how far the queue's time is ahead of the wall clock, in milliseconds (u64) |

use std::collections::BTreeMap;

use flow::{
    clock::Millis,
    lane::Lane,
    queue::{Cursor, QueueError},
};

use super::Ledger;
use crate::log::wal::Fsync;

impl Ledger {
    fn save(&mut self, key: Vec<u8>, value: &impl serde::Serialize) {
        let value = postcard::to_allocvec(value).expect("settings hold nothing that postcard cannot write");
        // 8 bytes for the entry's tag and the two lengths.
        self.dirty.bytes += key.len() + value.len() + 8;
        self.dirty.settings.insert(key, value);
        self.dirty.fsync = Fsync::Yes;
    }

    pub(super) fn save_cursor(&mut self, cursor: &Cursor) {
        self.save([b"c", cursor.source.as_bytes()].concat(), cursor);
    }

    pub(super) fn save_lane(&mut self, lane: Lane) {
        let stats = &self.lanes[lane.index()].stats;
        let number = u8::try_from(lane.index()).expect("there are three lanes");
        let saved = (stats.paused, stats.retried);
        self.save(vec![b'l', number], &saved);
    }

    pub(super) fn save_ahead(&mut self, ahead_ms: Millis) {
        self.save(vec![b't'], &ahead_ms);
    }

    /// Gives no new job an attempt number that was given so far.
    pub(super) fn retire_attempts(&mut self) {
        if self.retired_attempts != self.highest_attempt {
            let highest = self.highest_attempt;
            self.retired_attempts = highest;
            self.save(vec![b'a'], &highest);
        }
    }

    /// Loads the settings. Returns how far the queue's time was ahead of the wall clock.
    ///
    /// # Errors
    /// Returns [`QueueError::Damaged`] if a setting cannot be decoded or is unknown.
    pub(super) fn load_settings(&mut self) -> Result<Millis, QueueError> {
        let mut ahead_ms = 0;
        let mut settings: BTreeMap<_, _> = self.log.database.settings().collect::<Result<_, _>>()?;
        // The write-ahead log is newer than the database.
        settings.extend(self.log.settings.clone());
        for (key, value) in settings {
            match key.split_first() {
                Some((b'a', [])) => {
                    self.retired_attempts = self.setting(&value)?;
                    self.highest_attempt = self.highest_attempt.max(self.retired_attempts);
                }
                Some((b't', [])) => ahead_ms = self.setting(&value)?,
                Some((b'c', _)) => {
                    let cursor: Cursor = self.setting(&value)?;
                    self.cursors.insert(cursor.source.clone(), cursor);
                }
                Some((b'l', [at])) if usize::from(*at) < Lane::ALL.len() => {
                    let (paused, retried) = self.setting(&value)?;
                    let stats = &mut self.lanes[usize::from(*at)].stats;
                    (stats.paused, stats.retried) = (paused, retried);
                }
                // A newer version that knows more settings would have raised the format, so this is damage.
                Some(_) | None => return Err(self.log.database.damaged("it has an unknown setting")),
            }
        }
        self.count_unread_entries();
        Ok(ahead_ms)
    }

    fn setting<T: serde::de::DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, QueueError> {
        let damaged = |error| self.log.database.damaged(&format!("a setting cannot be decoded: {error}"));
        postcard::from_bytes(bytes).map_err(damaged)
    }
}
