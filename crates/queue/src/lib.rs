//! A durable job queue on sled, shared by many processes.
//!
//! One process owns the database; every other one talks to it through a Unix socket. In reading order:
//!
//! * [`ledger`]: the synchronous core: every transition of a job, with `now` as an argument;
//! * `entry`, `log`: what it writes: a log of commit groups, cleaned of what no longer counts;
//! * `tail`: where a group goes first, with one write and one fdatasync;
//! * [`disk`]: where it is kept: chunks of bounded size in sled, copy and switch at every start;
//! * [`owner`]: the one thread that owns the ledger and commits many requests at once;
//! * [`link`]: the way to it in its own process; [`client`]: the [`JobQueue`](flow::queue::JobQueue) over anything that can carry a [`request`];
//! * [`broker`]: serves an owner on a socket; [`remote`] reaches it, starts it and replaces it;
//! * [`directory`]: who may own a run directory's queue.

pub mod broker;
mod chunks;
pub mod client;
pub mod directory;
pub mod disk;
mod entry;
pub mod ledger;
pub mod link;
mod log;
pub mod owner;
pub mod remote;
pub mod request;
mod seal;
pub mod session;
mod socket;
mod tail;
mod wire;
