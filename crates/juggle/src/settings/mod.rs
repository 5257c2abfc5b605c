//! Settings that several commands share.
//!
//! A value comes from a flag, else from the environment (`JUGGLE_…`), else from `juggle.toml`, else from its default.
//! [`table`] is the one place where a setting has its name, its flag, its help and its default. What was typed is
//! [`args::Args`]; what is meant is [`resolved::Settings`], checked once, at the edge.
//!
//! In reading order: [`table`], [`args`], [`origin`], [`resolved`], [`hosts`], [`error`]; [`span`], [`size`] and [`choice`]
//! read single values.

pub mod args;
pub mod choice;
pub mod error;
pub mod hosts;
pub mod origin;
pub mod resolved;
pub mod size;
pub mod span;
pub mod table;

mod exec;
mod file;
mod layers;
mod words;
