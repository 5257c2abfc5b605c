//! `juggle config`.

use clap::{Args, Subcommand};
use settings::args;

/// `juggle config …`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show each value and where it comes from
    #[command(after_long_help = include_str!("help/config-show.txt"))]
    Show(ShowConfigArgs),
    /// Change a remembered setting of the run directory
    #[command(after_long_help = include_str!("help/config-set.txt"))]
    Set(ChangeConfigArgs),
    /// Remove a remembered setting of the run directory
    #[command(after_long_help = include_str!("help/config-unset.txt"))]
    Unset(UnsetConfigArgs),
}

/// `juggle config set`
#[derive(Debug, Args)]
pub struct ChangeConfigArgs {
    /// Setting, or host.NAME.wait and host.NAME.max_connection_per_server for one host
    pub key: String,
    /// Value; several for a setting that can be repeated
    #[arg(required = true, value_name = "VALUE")]
    pub values: Vec<String>,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle config unset`
#[derive(Debug, Args)]
pub struct UnsetConfigArgs {
    /// Setting, or host.NAME.wait and host.NAME.max_connection_per_server for one host
    pub key: String,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// `juggle config show`
#[derive(Debug, Args)]
pub struct ShowConfigArgs {
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}
