//! Stage 1: downloads a text into the spool, in constant memory.
//!
//! A listed URL becomes a candidate. After mirrors and redirects it names the address that is contacted. The
//! body streams into a staged blob, which is published only when it is whole. In reading order:
//!
//! * [`config`]: the settings, and those of them that have a form of their own;
//! * [`candidate`], `target`, `credentials`: from a listed URL to the one that is contacted;
//! * [`stage`]: [`Fetch`](stage::Fetch), the stage itself;
//! * `request`: sends a request, if the host's address may be contacted;
//! * `response`: what the head of a response says about its body;
//! * `transfer`: one body, from a server or a local file, into the spool;
//! * [`coding`]: undoes `Content-Encoding`, streaming and with limits;
//! * `sniff`: detects bodies that are not texts;
//! * [`politeness`]: robots.txt, busy hosts, and hosts that block robots;
//! * `failure`: how a candidate fails, and what follows for its job;
//! * [`free_space`], [`refetch_counters`]: the free space that is kept on the disk; counts of refreshed
//!   texts;
//! * [`list_download`]: downloads a source list, without a queue;
//! * `fuzzing`: entry points for the fuzz targets, with the feature of that name.

pub mod candidate;
pub mod coding;
pub mod config;
pub mod credentials;
pub mod error;
mod failure;
pub mod free_space;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod list_download;
pub mod politeness;
pub mod refetch_counters;
mod request;
mod response;
mod sniff;
pub mod stage;
mod target;
mod transfer;
