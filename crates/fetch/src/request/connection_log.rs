//! Remembers which connections have answered before. This distinguishes a kept connection that closes during
//! its next request from a host that does not answer.
//!
//! A server may close a kept connection at any moment, even while the next request is on its way. That
//! request may be sent again on a new connection (RFC 9112 §9.3.1, RFC 9110 §9.2.2). The HTTP client does not
//! report whether a connection was used before. It reports the two addresses of a connection, and those are
//! noted here with each response. If a later, new connection has the same two addresses, it is taken for a
//! used one. That costs at most one more request.

use std::{
    collections::HashSet,
    mem,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use hyper::http::Extensions;
use hyper_util::client::legacy::{self, connect::HttpInfo};
use reqwest::Response;

use crate::request::client_error::find;

/// The number of connections in a generation. When a generation is full, the one before it is forgotten.
const GENERATION_MAX: usize = 4_096;

/// The two ends of a connection: the local and the remote address.
type Ends = (SocketAddr, SocketAddr);

/// The connections that have answered. They are kept in two generations to bound the memory.
#[derive(Debug, Default)]
pub(crate) struct ConnectionLog(Mutex<[HashSet<Ends>; 2]>);

impl ConnectionLog {
    /// Notes that a connection has answered.
    pub(crate) fn answered(&self, response: &Response) {
        let Some(ends) = ends(response.extensions()) else { return };
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [young, old] = &mut *generations;
        // Two generations drop old entries in bulk, without a time for each entry.
        if young.len() >= GENERATION_MAX {
            *old = mem::take(young);
        }
        young.insert(ends);
    }

    /// Returns whether a request failed because a kept connection, one that had answered before, closed or
    /// broke before it answered again.
    pub(crate) fn has_closed(&self, error: &reqwest::Error) -> bool {
        // What is not HTTP, or a request that the client refuses, would fail on a new connection too.
        let is_broken =
            find::<hyper::Error>(error).is_some_and(|error| !error.is_parse() && !error.is_user());
        let connection = find::<legacy::Error>(error).and_then(legacy::Error::connect_info);
        let Some(connection) = connection.filter(|_| is_broken && !error.is_timeout()) else { return false };
        let mut about = Extensions::new();
        connection.get_extras(&mut about);
        let generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends(&about).is_some_and(|ends| generations.iter().any(|noted| noted.contains(&ends)))
    }
}

fn ends(about: &Extensions) -> Option<Ends> {
    about.get::<HttpInfo>().map(|info| (info.local_addr(), info.remote_addr()))
}
