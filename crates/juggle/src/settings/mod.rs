//! Settings that several commands share.
//!
//! A value comes from a flag, else from the environment (`JUGGLE_…`), else from `juggle.toml`, else from its default.
//! [`table`] is the one place where a setting has its name, its flag, its help and its default. What was typed is
//! [`args::Args`]; what is meant is [`resolved::Settings`], checked once, at the edge.
//!
//! In reading order: [`table`], [`args`], [`origin`], [`resolved`], [`hosts`], [`error`]; [`duration`], [`size`] and [`enums`]
//! read single values.

pub mod args;
pub mod duration;
pub mod enums;
pub mod error;
pub mod hosts;
pub mod origin;
pub mod resolved;
pub mod table;

mod exec;
mod file;
mod layers;
mod text_options;

/// The former name of [`enums`], until the commands that leave this crate have left.
#[doc(hidden)]
pub use enums as choice;
