//! How each tool does the work.

pub mod jetstream;
pub mod juggle;
pub mod redis;
pub mod sqlite;
