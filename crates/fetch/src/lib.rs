//! Stage 1: download a text, in constant memory, into `spool/`.
//!
//! A candidate URL goes through mirrors and redirects to an address that may be contacted; the body streams into a
//! staged blob, which is published only when it is whole. In reading order:
//!
//! * [`loopback`]: a small file server on this machine, for the bundled sample and for tests.

pub mod loopback;
