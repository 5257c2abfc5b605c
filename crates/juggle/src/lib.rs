//! stub

pub mod settings;
pub mod source;
