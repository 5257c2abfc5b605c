//! The state of a run as one value: the [`Snapshot`](snapshot::Snapshot).
//!
//! `juggle status`, the progress on a terminal, the summary, the report and the dashboard show parts of it,
//! so they never disagree. It is taken from the queue alone, so it works beside stages in other processes and
//! when nothing runs.
//!
//! In reading order:
//!
//! * [`snapshot`]: lanes, hosts, failures and the time left;
//! * [`host`]: the state of a host: what it waits for, until when, and why;
//! * [`failures`]: documents that failed, grouped by what happened;
//! * [`time_left`]: an estimate for the whole run;
//! * [`traffic`]: requests by host, and what ended in the last minutes, from the event log;
//! * [`status`]: all of it as JSON;
//! * [`changes`]: what a person may do to jobs; [`figures`]: numbers and times as people read them.

pub mod changes;
pub mod failures;
pub mod figures;
pub mod host;
pub mod snapshot;
pub mod status;
pub mod time_left;
pub mod traffic;
