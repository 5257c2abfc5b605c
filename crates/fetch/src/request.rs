//! Sends requests to hosts that may be contacted, and classifies how they fail.

pub(crate) mod address;
pub(crate) mod client;
pub(crate) mod client_error;
pub(crate) mod connection_log;
pub(crate) mod requester;
pub(crate) mod root_certs;
pub(crate) mod trace;
