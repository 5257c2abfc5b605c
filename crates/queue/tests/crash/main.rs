//! What the queue keeps when its owner is killed, and when the power fails.
//!
//! A process that may die at any moment says each of its deeds in a line before it asks the queue for it, and again once
//! the queue has answered. Whoever reads these lines knows what must be there, what must not, and what may:
//!
//! * [`deed`]: the lines; [`workload`]: the process that does and says the deeds;
//! * [`book`]: what follows from the lines, and whether a queue agrees;
//! * [`kill`]: kills owners and brokers with SIGKILL, again and again;
//! * [`power`]: records what an owner writes, and rebuilds the disks that a power cut could leave.
//!
//! It takes Linux: the processes are watched through `/proc` and ptrace(2).
//!
//! `make torture` runs all of it at length. The environment changes how much is done: `JUGGLE_TORTURE_KILLS`,
//! `JUGGLE_TORTURE_STATES`, and `JUGGLE_TORTURE_SEED` to do the same again.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]
#![expect(clippy::print_stdout, reason = "seeds and measures are for whoever reads the output of the tests")]

mod book;
mod child;
mod deed;
mod kill;
mod power;
mod workload;
