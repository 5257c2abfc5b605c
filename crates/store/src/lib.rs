//! Stage 2: decode, name, hash, publish durably.
//!
//! In reading order:
//!
//! * [`stage`]: the stage itself, [`Store`](stage::Store): one downloaded text becomes raw bytes, text and meta;
//! * [`config`]: what it is asked for;
//! * [`text`]: what happens to the bytes: encoding, line ends, boilerplate, header;
//! * [`duplicates`]: texts that came before;
//! * [`local`]: the run directory as a [`BlobStore`](flow::blobs::BlobStore): staged, flushed, renamed, many at once;
//! * `meta`: the meta of a text, from its job and its bytes;
//! * [`error`]: why a text cannot be stored;
//! * `fuzzing`: with the feature of that name, bytes read as the stage reads them, without a store.

pub mod config;
pub mod duplicates;
pub mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod local;
pub mod stage;
pub mod text;

mod convert;
mod large_removals;
mod meta;
mod warnings;
