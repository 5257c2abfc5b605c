//! Crash tests: kills processes and cuts the power at any moment, and checks what is left on the disk. Not
//! part of the product.
//!
//! In reading order:
//!
//! * [`child`]: starts the process under test, which is the test binary itself; [`event_stream`]: the lines
//!   in which it reports its operations;
//! * [`ptrace`]: stops a process before and after each of its system calls, and changes their outcome;
//! * [`syscalls`]: decodes the arguments of a call from the memory of the process;
//! * [`recorder`]: makes a [`record`] of all that processes do to a directory, and checks it with a [`tree`];
//! * [`disk`]: what the disk may hold if the power fails at any moment of a record;
//! * [`crash_states`]: writes these disks to real directories and has them checked;
//! * [`faults`]: makes a call fail, or kills the process at that call;
//! * [`fake_statfs`]: makes a process believe that its files are on another file system;
//! * [`settings`]: reads the extent of the tests from the environment.
//!
//! The crate needs Linux (ptrace(2), `/proc`) on `x86_64` or `aarch64`. It is empty on other systems.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test fails if it cannot go on")]

pub mod child;
pub mod crash_states;
pub mod disk;
pub mod event_stream;
pub mod fake_statfs;
pub mod faults;
pub mod ptrace;
pub mod record;
pub mod recorder;
pub mod settings;
pub mod syscalls;
pub mod tree;
