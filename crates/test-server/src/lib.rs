//! A scripted HTTP/1.1 file server on a loopback address, for tests and for the bundled sample.
//!
//! [`Server`] serves the files of a directory and stops when it is dropped. A [`Script`] changes its response
//! to the requests for one path. A [`ReceivedRequest`] is an entry of its request log.

mod conditional;
mod content;
mod range;
mod request_log;
mod script;
mod server;

pub use request_log::{REQUESTS_MAX, ReceivedRequest};
pub use script::Script;
pub use server::{CONNECTIONS_MAX, Server};
