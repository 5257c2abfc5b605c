//! A small HTTP/1.1 file server on this machine: it serves the bundled sample, and the tests script its behaviour.
//!
//! * [`server`]: [`Server`], which ends when dropped;
//! * [`script`]: what it does instead of serving a file as it is;
//! * [`log`]: the requests it has seen.

mod condition;
pub(crate) mod content;
pub mod log;
mod range;
pub mod script;
pub mod server;

pub use server::Server;
