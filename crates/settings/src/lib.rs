//! The settings that the commands of juggle share.
//!
//! A value comes from a flag, otherwise from the environment (`JUGGLE_…`), otherwise from `juggle.toml`,
//! otherwise from what the run directory remembers, otherwise it is the default. [`table`] is the only place
//! with the name, flag, help and default of a setting. [`args::Args`] has the typed values,
//! [`resolved::Settings`] the checked ones, converted once at the edge.
//!
//! In reading order: [`table`], [`args`], [`origin`], [`resolved`], [`remembered`], [`hosts`], [`error`];
//! [`duration`] and [`enums`] parse single values.

pub mod args;
pub mod duration;
pub mod enums;
pub mod error;
pub mod hosts;
pub mod origin;
pub mod remembered;
pub mod resolved;
pub mod table;

mod combined;
mod exec;
mod file;
mod layers;
mod text_options;
