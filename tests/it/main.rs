//! End-to-end tests of the programs: real processes, a real server on loopback, real files.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails where it cannot go on, and says its seed"
)]

mod compare;
mod dashboard;
mod distance;
mod docs;
mod document_ids;
mod earlier_build;
mod errors;
mod exec;
mod exports;
#[cfg(target_os = "linux")]
mod faults;
mod harness;
mod host_backoff;
mod hostile;
mod inspection;
mod kills;
mod layouts;
mod lists;
mod lock;
mod looking;
mod lost_downloads;
mod memory;
mod network;
mod options;
mod packed;
mod plan;
mod planted_links;
mod queue_commands;
mod rebuild;
mod refresh;
mod remembered;
mod same_bytes;
mod sample;
mod signals;
mod sources;
mod stages;
mod stopped_owner;
mod terminal;
#[cfg(feature = "hf")]
mod tokenizer_json;
mod verify;
mod watch;
mod workspace;
