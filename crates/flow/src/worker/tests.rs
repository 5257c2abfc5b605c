//! The loop, run with little stages on a queue in memory. Time is tokio's paused time: hours pass in no time.

mod bench;
mod ends;
mod failures;
mod leases;
mod pauses;
mod troubled_queue;
