//! Crash tests of the queue: its owner is killed, and the power fails.
//!
//! A process that may die at any moment reports each of its operations in a line before it asks the queue for
//! it, and again once the queue has answered. From these lines follows what must be in the queue, what must
//! not, and what may:
//!
//! * [`operation`]: the lines; [`workload`]: the process that does the operations;
//! * [`oracle`]: what follows from the lines, and whether a queue agrees;
//! * [`kill`]: kills owners and brokers with SIGKILL, again and again;
//! * [`power`]: records what an owner writes, and rebuilds the disks that a power cut could leave.
//!
//! The tests need Linux: the processes are watched through `/proc` and ptrace(2).
//!
//! `make torture` runs all of it at length. The environment sets the extent: `JUGGLE_TORTURE_KILLS`,
//! `JUGGLE_TORTURE_STATES`, and `JUGGLE_TORTURE_SEED` to repeat a test.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails if it cannot go on")]
#![expect(clippy::print_stdout, reason = "people read the seeds and measures in the output")]

mod child;
mod kill;
mod operation;
mod oracle;
mod power;
mod workload;
