//! A scripted HTTP/1.1 file server on a loopback address, for tests and for the bundled sample.
//!
//! [`Server`] serves the files of a directory and ends when it is dropped. A [`Script`] changes what it does with the
//! requests for one path. A [`Request`] is a request that it has received.

mod condition;
mod content;
mod log;
mod range;
mod script;
mod server;

pub use log::{REQUESTS_MAX, Request};
pub use script::Script;
pub use server::{CONNECTIONS_MAX, Server};
