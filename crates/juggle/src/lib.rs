//! stub

pub mod source;
