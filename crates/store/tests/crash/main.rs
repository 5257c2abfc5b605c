//! Crash tests of the store stage: it is killed, a system call fails, or the power fails.
//!
//! A process writes a line before each of its operations, and another one when the operation is done. From
//! these lines follows which texts must be in the run directory afterwards, and which may be:
//!
//! * [`workload`]: the texts, and what is done with each;
//! * [`operation`]: the lines;
//! * [`layout`]: the layouts of run directories;
//! * [`child`]: the process that is watched;
//! * [`oracle`]: the state that follows from the lines, and the comparison with a run directory;
//! * [`power`]: the disks that a power cut may leave;
//! * [`fault`]: a system call that fails, or at which the process is killed, for every one of them;
//! * [`marking`]: the same while duplicates are marked;
//! * [`conversion`]: the same, and power cuts, while a run directory is converted.
//!
//! The tests need Linux, because they watch processes through `/proc` and ptrace(2).
//!
//! `make torture` builds more disks. `JUGGLE_TORTURE_STATES` is their number for each way of syncing files,
//! and `JUGGLE_TORTURE_SEED` selects them.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails if it cannot go on")]
#![expect(clippy::print_stdout, reason = "measures are for whoever reads the output of the tests")]

mod child;
mod conversion;
mod fault;
mod layout;
mod marking;
mod operation;
mod oracle;
mod power;
mod workload;
