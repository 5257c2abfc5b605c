//! What hosts gave in place of texts: bodies that came for one text after the other until the host was left alone.
//!
//! Nobody can tell the first of them from a text, so it may have been stored by then. Whoever has the store looks for
//! these and takes them out again.

use std::{collections::BTreeSet, path::Path};

use serde::{Deserialize, Serialize};

use crate::politeness::host_cache::{HostCache, Kind};

/// The bodies of one host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockPages {
    /// The host, as the queue groups by it.
    pub host: String,
    /// The BLAKE3 of each body, as 64 hex digits.
    pub bodies: BTreeSet<String>,
}

/// Those of all hosts, from the directory of what is remembered of hosts. Blocking.
#[must_use]
pub fn read_all(hosts_directory: &Path) -> Vec<BlockPages> {
    HostCache::new(Some(hosts_directory.to_owned())).all(Kind::BlockPages)
}
