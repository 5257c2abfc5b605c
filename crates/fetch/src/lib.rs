//! Stage 1: download a text, in constant memory, into `spool/`.
//!
//! A listed URL becomes a candidate, goes through mirrors and redirects to an address that may be contacted, and its
//! body streams into a staged blob, which is published only when it is whole. In reading order:
//!
//! * [`config`], [`mirror`], [`allowed`], [`proxy`], [`family`]: what may be set, and the parts of it that have a form
//!   of their own;
//! * [`candidate`]: from a listed URL to the one that is contacted, and the group that its politeness counts with;
//! * `target`: what a job contacts now;
//! * `roots`, `address`, `client`, `kept`, `hops`: which certificates are trusted, which addresses may be
//!   contacted, how, on which connections, and where a redirect leads;
//! * `answer`, `retry_after`, `validator`, `sniff`: what the head of an answer and its first bytes mean;
//! * `throttle`: the rate of all downloads together;
//! * [`coding`]: `Content-Encoding` undone, streaming, under caps;
//! * [`room`], `spool`, `body`: the bytes on disk and what makes them resumable; what is judged of them before they get
//!   there;
//! * `writer`, `held`, `chunks`: the bridge to blocking code; `expected`: the hashes that a list gives;
//! * `download`, `pace`, `local`: one body from a server, or from a local file, into the spool;
//! * `failed`, `classify`: how a candidate fails;
//! * [`robots`], `manners`, [`suspicion`], `hosts`: what hosts wish, and what is remembered of them;
//! * [`refreshed`]: what became of texts that are stored and were asked for again;
//! * [`stage`]: [`Fetch`](stage::Fetch), which puts them together;
//! * [`list`]: a source list from the web, outside of the queue;
//! * `fuzzing`: with the feature of that name, what servers send judged as the stage judges it, without a server.

mod address;
pub mod allowed;
mod answer;
mod body;
pub mod candidate;
mod chunks;
mod classify;
mod client;
pub mod coding;
pub mod config;
mod download;
pub mod error;
mod expected;
mod failed;
pub mod family;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod held;
mod hops;
mod hosts;
mod kept;
pub mod list;
mod local;
mod manners;
pub mod mirror;
pub mod notices;
mod pace;
pub mod proxy;
pub mod refreshed;
mod retry_after;
pub mod robots;
pub mod room;
mod roots;
mod sniff;
mod spool;
pub mod stage;
pub mod suspicion;
mod target;
mod throttle;
mod validator;
mod writer;
