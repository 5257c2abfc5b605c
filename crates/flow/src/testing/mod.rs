//! Doubles in memory, and the suites that every implementation of a trait must pass.

pub mod blob_contract;
pub mod memory_blobs;
pub mod memory_queue;
pub mod queue_contract;
