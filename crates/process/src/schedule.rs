//! Divides the work over threads: which document is next, the sizes of its chunks, and the threads.
//!
//! * [`chunking`]: the sizes of windows and chunks;
//! * `scheduler`: the documents that wait, the largest first;
//! * `thread_pool`: the threads; [`busy_time`]: how long each was busy;
//! * [`partition`]: predicts how other sizes of chunks would divide the work; [`partition_table`] compares
//!   them.

pub mod busy_time;
pub mod chunking;
pub mod partition;
pub mod partition_table;
pub(crate) mod scheduler;
pub(crate) mod thread_pool;
