//! The fetch stage against real servers on loopback.
#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

mod candidates;
mod coding;
mod deadlines;
mod file_url;
mod harness;
mod host_wait;
mod kept_connections;
mod lenient;
mod limits;
mod proxy;
mod raw_server;
mod redirects;
mod refresh;
mod refusals;
mod resume;
mod robots;
mod soft_ban;
mod tls;
mod whole_texts;
