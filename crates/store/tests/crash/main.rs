//! What the store stage leaves when it is killed, when a system call fails, and when the power fails.
//!
//! A process says each of its operations in a line before it does it, and again once it was done. Whoever
//! reads these lines knows which texts must be there, and which may:
//!
//! * [`workload`]: the texts, and what is done with each; [`operation`]: the lines;
//! * [`layout`]: the layouts in which a run directory may keep them;
//! * [`child`]: the process that does and says it;
//! * [`oracle`]: what follows from the lines, and whether a run directory agrees;
//! * [`power`]: the disks that a power cut could leave;
//! * [`fault`]: a system call that fails, or at which the process is killed, for every one of them;
//! * [`marking`]: the same while duplicates are marked.
//!
//! It takes Linux: the processes are watched through `/proc` and ptrace(2).
//!
//! `make torture` rebuilds more disks. `JUGGLE_TORTURE_STATES` says how many in either way of forcing files,
//! and `JUGGLE_TORTURE_SEED` which.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails where it cannot go on")]
#![expect(clippy::print_stdout, reason = "measures are for whoever reads the output of the tests")]

mod child;
mod fault;
mod layout;
mod marking;
mod operation;
mod oracle;
mod power;
mod workload;
