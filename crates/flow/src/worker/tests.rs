//! The loop, run with little stages on a queue in memory. Time is tokio's paused time: hours pass in no time.

mod ends;
mod events;
mod failures;
mod faulty_queue;
mod harness;
mod leases;
mod pauses;
mod slots;
