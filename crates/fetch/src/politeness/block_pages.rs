//! The block pages of hosts: bodies that a host sent for one text after the other until it was paused.
//!
//! The first of them looks like a text, so it may have been stored before. The owner of the store removes it
//! again.

use std::{collections::BTreeSet, path::Path};

use serde::{Deserialize, Serialize};

use crate::politeness::host_cache::{CacheKind, HostCache};

/// The block pages of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockPages {
    /// The group of the host in the queue.
    pub host: String,
    /// The BLAKE3 of each body, as 64 hex digits.
    pub bodies: BTreeSet<String>,
}

/// Reads the block pages of all hosts from the host cache. Blocks.
#[must_use]
pub fn read_all(hosts_directory: &Path) -> Vec<BlockPages> {
    HostCache::new(Some(hosts_directory.to_owned())).read_all(CacheKind::BlockPages)
}
