//! What a run is doing, as one value: the [`Snapshot`](snapshot::Snapshot).
//!
//! `juggle status`, the progress on a terminal and the summary show parts of it, so they never disagree. It
//! is taken from the queue alone, so it works beside stages in other processes and when nothing runs.
//!
//! In reading order:
//!
//! * [`snapshot`]: lanes, hosts, failures and the time left;
//! * [`host`]: the state of a host: what it waits for, until when, and why;
//! * [`failures`]: documents that failed, grouped by what happened;
//! * [`time_left`]: an estimate for the whole run.

pub mod failures;
pub mod host;
pub mod snapshot;
pub mod time_left;
