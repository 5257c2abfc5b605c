//! Stage 2: converts a download to a text, and publishes the text with its meta durably.
//!
//! In reading order:
//!
//! * [`stage`]: the stage itself, [`Store`](stage::Store);
//! * [`config`]: its configuration;
//! * `convert`: the bytes of one document become its text;
//! * [`text`]: the parts of that: encodings, decoding, boilerplate;
//! * `meta`: the meta of a text, from its job and its bytes;
//! * `warnings`, `large_removals`: warnings of texts that a user should look at;
//! * [`error`]: the errors of storing a text;
//! * `fuzzing`: reads bytes without a store, with the feature of that name.

pub mod config;
pub mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod stage;
pub mod text;

mod convert;
mod large_removals;
mod meta;
mod warnings;
