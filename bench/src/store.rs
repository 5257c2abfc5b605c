//! Measures juggle's store stage alone: downloads that lie in the spool become raw bytes, text and meta, on
//! this machine.
//!
//! No queue and no network take part. Each run is a process of its own, which begins with a full spool and an
//! otherwise empty directory, and is looked at afterwards. In reading order:
//!
//! * [`form`]: what is compared: the forms in which juggle keeps blobs, and a loop that writes the same
//!   files;
//! * [`step`]: the process that stores;
//! * [`speed`]: runs of all forms in turn;
//! * [`cli`]: the command.

pub mod cli;
pub mod form;
pub mod speed;
pub mod step;
