//! Stage 1: download a text, in constant memory, into `spool/`.
//!
//! A listed URL becomes a candidate, goes through mirrors and redirects to an address that may be contacted, and its
//! body streams into a staged blob, which is published only when it is whole. In reading order:
//!
//! * [`config`], [`mirror`], [`allowed`], [`proxy`], [`family`]: what may be set, and the parts of it that have a form
//!   of their own;
//! * [`candidate`]: from a listed URL to the one that is contacted, and the group that its politeness counts with;
//! * `roots`, `address`, `client`, `hops`: whom is trusted,  which addresses may be contacted, how, and over which redirects;
//! * `answer`, `retry_after`, `validator`, `sniff`: what the head of an answer and its first bytes mean;
//! * `throttle`: the rate of all downloads together;
//! * [`room`], `spool`, `writer`: the bytes on disk and what makes them resumable; the bridge to blocking code;
//! * `download`, `local`: one body from a server, or from a local file, into the spool;
//! * `failed`, `classify`: how a candidate fails;
//! * [`stage`]: [`Fetch`](stage::Fetch), which puts them together;
//! * [`loopback`]: a small file server on this machine, for the bundled sample and for tests.

mod address;
pub mod allowed;
mod answer;
pub mod candidate;
mod classify;
mod client;
pub mod config;
mod download;
pub mod error;
mod failed;
pub mod family;
mod hops;
mod local;
pub mod loopback;
pub mod mirror;
pub mod proxy;
mod retry_after;
pub mod room;
mod roots;
mod sniff;
mod spool;
pub mod stage;
mod throttle;
mod validator;
mod writer;
