//! The vocabulary of juggle and its one loop.
//!
//! Every text takes the same way: *claim a job, work, hand back done and what follows in one step*. This crate
//! names the parts of that way and knows nothing of sled, HTTP or rayon. In reading order:
//!
//! * [`lane`], [`job`], [`failure`]: what waits where, under which name, and why it failed;
//! * [`document`], [`payload`]: a text's id and what the jobs of each lane say;
//! * [`queue`]: the contract of the durable queue, [`JobQueue`](queue::JobQueue);
//! * [`blobs`]: the contract of the place where bytes live, [`BlobStore`](blobs::BlobStore);
//! * [`machine`]: conditions of the machine that stop a run and that no document causes;
//! * [`record`]: small JSON files, each with a checksum of itself;
//! * [`atomic_file`]: other files, written whole or not at all; [`safe_file`]: opens files without following
//!   links; [`temporary`]: removes the temporary files of killed writers; [`json_line`]: JSON that stays in
//!   one line; [`shell`]: quoting of the commands that messages print;
//! * [`stage`]: one step of the dataflow, [`Stage`](stage::Stage);
//! * [`worker`]: **the loop** that claims, runs, completes or fails; [`retry`], [`shutdown`], [`counters`] serve it.
//!
//! With the feature `testing`: doubles in memory and the suites that every implementation of a trait must pass.

pub mod atomic_file;
pub mod blobs;
pub mod clock;
pub mod counters;
pub mod document;
pub mod durability;
pub mod failure;
pub mod job;
pub mod json_line;
pub mod lane;
pub mod machine;
pub mod payload;
pub mod queue;
pub mod record;
pub mod retry;
pub mod safe_file;
pub mod shell;
pub mod shutdown;
pub mod stage;
pub mod temporary;
pub mod worker;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
