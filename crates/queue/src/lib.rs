//! A durable job queue on sled, shared by many processes.
//!
//! One process owns the database. Every other process talks to it through a Unix socket. In reading order:
//!
//! * [`ledger`]: the synchronous core: every transition of a job, with `now` as an argument;
//! * [`log`]: what the ledger writes: commit groups, first in a write-ahead log, then in a database;
//! * [`owner`]: the one thread that owns the ledger, and commits many requests at once;
//! * [`transport`]: how clients reach the owner, in its own process or through its socket;
//! * [`session`]: identifies a client and its process;
//! * [`directory`]: the queue's files in a run directory, and who may own them.

pub mod directory;
mod error;
pub mod ledger;
pub mod log;
pub mod owner;
pub mod session;
pub mod transport;
