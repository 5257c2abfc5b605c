//! Lanes: the three queues of jobs between the stages.
//!
//! A queue has exactly these three lanes, in this order. A library user may serve them with other stages: a
//! lane's name says nothing about its jobs, except in two places.
//!
//! * Jobs of one lane follow on jobs of the lane before it. If a lane is full, the queue hands out no more
//!   jobs of the lane before it.
//! * Source lists feed the first lane, so [`QueueStats::unfed`](crate::queue::QueueStats::unfed) counts
//!   towards it.
//!
//! Lanes with names of one's own would take four changes: a checked name in place of this enum, tables by
//! lane that are maps ([`QueueStats`](crate::queue::QueueStats) and the owner's state are arrays of three),
//! an order of the lanes that the queue stores, and a new version of the stored and sent formats, which hold
//! a lane as a number.

use serde::{Deserialize, Serialize};

use crate::names::impl_names;

/// A queue of jobs for one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lane {
    /// Documents to download.
    Fetch,
    /// Downloaded bytes to decode and publish.
    Store,
    /// Published texts to tokenise and count.
    Process,
}

impl Lane {
    /// All lanes, in the order in which a document passes through them.
    pub const ALL: [Self; 3] = [Self::Fetch, Self::Store, Self::Process];

    /// Returns the name in commands and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Store => "store",
            Self::Process => "process",
        }
    }

    /// Returns the lane that follow-up jobs of this lane go to.
    #[must_use]
    pub const fn downstream(self) -> Option<Self> {
        match self {
            Self::Fetch => Some(Self::Store),
            Self::Store => Some(Self::Process),
            Self::Process => None,
        }
    }

    /// Returns the lanes whose jobs can lead to jobs of this lane, directly or not.
    #[must_use]
    pub fn upstream(self) -> &'static [Self] {
        match self {
            Self::Fetch => &[],
            Self::Store => &Self::ALL[..1],
            Self::Process => &Self::ALL[..2],
        }
    }

    /// Returns the position in [`Lane::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Fetch => 0,
            Self::Store => 1,
            Self::Process => 2,
        }
    }
}

impl_names!(Lane, "unknown lane '{}': use fetch, store or process");
