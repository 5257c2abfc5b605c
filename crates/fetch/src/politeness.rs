//! Limits the load on hosts, and remembers what is known of them.

pub(crate) mod backoff;
pub mod block_pages;
pub(crate) mod host_cache;
pub mod robots;
pub mod soft_ban;
