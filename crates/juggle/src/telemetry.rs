//! The log, on standard error.

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::{format::Writer, time::FormatTime},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

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

/// Starts it.
pub fn start(settings: &Settings) {
    let level = match settings.verbosity {
        Verbosity::Quiet => LevelFilter::ERROR,
        Verbosity::Normal => LevelFilter::INFO,
        Verbosity::Verbose(1) => LevelFilter::DEBUG,
        Verbosity::Verbose(_) => LevelFilter::TRACE,
    };
    let ours = ["juggle", "flow", "queue", "fetch", "store", "process"].map(|name| (name, level));
    let filter = Targets::new().with_default(LevelFilter::ERROR).with_targets(ours);
    let is_colored = match settings.color {
        Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        Color::Always => true,
        Color::Never => false,
    };
    let log = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(is_colored)
        // A log that cannot be written must not end the program.
        .log_internal_errors(false)
        .with_target(false);
    let log = match settings.log_format {
        LogFormat::Text => log.with_timer(NoTime).boxed(),
        LogFormat::Json => log.json().boxed(),
    };
    let started = tracing_subscriber::registry().with(log.with_filter(filter)).try_init();
    // Only a second start in one process fails; the first one's choice stands.
    drop(started);
}
