//! Transfers one body into the spool, from a server or from a local file.
//!
//! A transfer ends in one of two ways: the body is *published*, if it is whole and the expected one, or
//! *abandoned*. In the order in which bytes pass through them:
//!
//! * `download`: requests the text and hands its chunks on, under deadlines (`min_rate`, `rate_limit`);
//! * `body_writer`: takes the chunks to a blocking task, small bodies in one go (`memory_budget`);
//! * `body_reader`: reads them there, and checks the announced length;
//! * `body`: decodes them, and refuses what is not a text;
//! * `spool`: the staged blob, and the note that makes a part of it resumable;
//! * `publish`: compares the whole body with what is expected (`checksum`), and publishes it;
//! * `file_url`: the same for a local file.

pub(crate) mod body;
pub(crate) mod body_reader;
pub(crate) mod body_writer;
pub(crate) mod checksum;
pub(crate) mod download;
pub(crate) mod file_url;
pub(crate) mod memory_budget;
pub(crate) mod min_rate;
pub(crate) mod publish;
pub(crate) mod rate_limit;
pub(crate) mod spool;
