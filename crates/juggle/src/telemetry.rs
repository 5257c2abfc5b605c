//! The log, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt::format::Writer, fmt::time::FormatTime};

use crate::settings::{
    choice::{Color, LogFormat, Verbosity},
    resolved::Settings,
};

/// Lines for people carry no time; a log in JSON does.
struct NoTime;

impl FormatTime for NoTime {
    fn format_time(&self, _: &mut Writer<'_>) -> std::fmt::Result {
        Ok(())
    }
}

/// Starts it. `JUGGLE_LOG` (such as `fetch=debug`) refines what is said.
pub fn start(settings: &Settings) {
    let level = match settings.verbosity {
        Verbosity::Quiet => "error",
        Verbosity::Normal => "info",
        Verbosity::Verbose(1) => "debug",
        Verbosity::Verbose(_) => "trace",
    };
    let ours = ["juggle", "flow", "queue", "fetch", "store", "process"].map(|name| format!("{name}={level}"));
    let filter = std::env::var("JUGGLE_LOG").unwrap_or_else(|_| format!("error,{}", ours.join(",")));
    let is_colored = match settings.color {
        Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        Color::Always => true,
        Color::Never => false,
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(is_colored)
        .with_target(false);
    let started = match settings.log_format {
        LogFormat::Text => log.with_timer(NoTime).try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    // Only a second start in one process fails; the first one's choice stands.
    drop(started);
}
