//! Crash tests: what a process that dies at any moment leaves on the disk. Not part of the product.
//!
//! In reading order:
//!
//! * [`child`]: the process under test, which is the test binary itself, run again; [`voice`]: what it says of its deeds;
//! * [`trace`]: stops a process before and after each of its system calls, and changes what becomes of them;
//! * [`calls`]: what a call is about, read from the memory of the process;
//! * [`recorder`]: makes a [`record`] of all that processes do to a directory, with a [`tree`] to check it by;
//! * [`disk`]: what the disk may hold if the power fails at any moment of a record;
//! * [`cut`]: lays these disks down and has them looked at;
//! * [`faults`]: makes one of these calls fail, or kills the process at that call;
//! * [`pretend`]: lets a process take its file system for another;
//! * [`settings`]: how much is to be done.
//!
//! It takes Linux (ptrace(2), `/proc`) on `x86_64` or `aarch64`; elsewhere there is nothing here.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test fails where it cannot go on")]

pub mod calls;
pub mod child;
pub mod cut;
pub mod disk;
pub mod faults;
pub mod pretend;
pub mod record;
pub mod recorder;
pub mod settings;
pub mod trace;
pub mod tree;
pub mod voice;
