//! Transfers one body into the spool.

pub(crate) mod body;
pub(crate) mod body_reader;
pub(crate) mod body_writer;
pub(crate) mod checksum;
pub(crate) mod download;
pub(crate) mod file_url;
pub(crate) mod memory_budget;
pub(crate) mod min_rate;
pub(crate) mod rate_limit;
pub(crate) mod spool;
