//! Which connections have answered before, so that one that dies under its next request can be told from a host that
//! gives no answer.
//!
//! A server may close a kept connection at any moment, also just as the next request is on its way. That request may be
//! sent again on a new connection (RFC 9112 §9.3.1, RFC 9110 §9.2.2). The HTTP client does not say whether a connection
//! was used before; it says between which two addresses a connection is, and those are noted here with each answer. An
//! address that a later, new connection has again is taken for a used one: that costs one more request, at worst.

use std::{
    collections::HashSet,
    mem,
    net::SocketAddr,
    sync::{Mutex, PoisonError},
};

use hyper::http::Extensions;
use hyper_util::client::legacy::{self, connect::HttpInfo};
use reqwest::Response;

use crate::classify::find;

/// From so many noted connections on, those of the generation before are forgotten.
const GENERATION_MAX: usize = 4_096;

/// The two ends of a connection: here and there.
type Ends = (SocketAddr, SocketAddr);

/// The connections that have answered, in two generations, so that memory has a bound.
#[derive(Debug, Default)]
pub(crate) struct KeptConnections(Mutex<[HashSet<Ends>; 2]>);

impl KeptConnections {
    /// Notes that a connection has answered.
    pub(crate) fn answered(&self, response: &Response) {
        let Some(ends) = ends(response.extensions()) else { return };
        let mut generations = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [young, old] = &mut *generations;
        if young.len() >= GENERATION_MAX {
            *old = mem::take(young);
        }
        young.insert(ends);
    }

    /// Returns whether a request failed because a connection that had answered before closed or broke before it
    /// answered again.
    pub(crate) fn has_closed(&self, error: &reqwest::Error) -> bool {
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
