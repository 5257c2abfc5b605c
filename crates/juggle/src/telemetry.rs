//! Writes the log to standard error, above the progress bars.

use std::io::{self, IsTerminal, Write};

use flow::json_line;
use indicatif::MultiProgress;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer,
    filter::Targets,
    fmt::{format::Writer, time::FormatTime},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use settings::{
    enums::{Color, LogFormat, Verbosity},
    resolved::Settings,
};

/// Crates whose log lines are shown at the chosen level. Those of other crates are shown only if they are
/// errors.
const CRATES: [&str; 16] = [
    "juggle",
    "settings",
    "flow",
    "queue",
    "rebuild",
    "sources",
    "corpus",
    "fetch",
    "blob_store",
    "store",
    "process",
    "distance",
    "export",
    "test_server",
    "event_log",
    "dashboard",
];

/// The crate whose lines are the events of a run, which `-v` shows.
pub(crate) const EVENTS: &str = "event_log";

/// Leaves out the time in lines for people; a log in JSON has it.
struct NoTime;

impl FormatTime for NoTime {
    fn format_time(&self, _: &mut Writer<'_>) -> std::fmt::Result {
        Ok(())
    }
}

/// Writes whole lines of the log. The bars are removed during the write and redrawn below the line; otherwise
/// they would erase it.
#[derive(Clone)]
struct LogWriter {
    bars: MultiProgress,
    format: LogFormat,
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.bars.suspend(|| match self.format {
            LogFormat::Text => io::stderr().write_all(line),
            LogFormat::Json => io::stderr().write_all(&json_line::escape(line)),
        })?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Starts the log. All progress bars of the program must be in `bars`.
pub fn start(settings: &Settings, bars: MultiProgress) {
    let writer = LogWriter { bars, format: settings.log_format };
    let level = match settings.verbosity {
        Verbosity::Quiet => LevelFilter::ERROR,
        Verbosity::Normal | Verbosity::Verbose(1) => LevelFilter::INFO,
        Verbosity::Verbose(2) => LevelFilter::DEBUG,
        Verbosity::Verbose(_) => LevelFilter::TRACE,
    };
    let events = match settings.verbosity {
        Verbosity::Quiet => LevelFilter::ERROR,
        Verbosity::Normal => LevelFilter::WARN,
        Verbosity::Verbose(_) => LevelFilter::INFO,
    };
    let filter = Targets::new()
        .with_default(LevelFilter::ERROR)
        .with_targets(CRATES.map(|name| (name, level)))
        .with_target(EVENTS, events);
    let is_colored = match settings.color {
        // The convention of no-color.org; here an empty value disables colours, too.
        Color::Auto => std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        Color::Always => true,
        Color::Never => false,
    };
    let log = tracing_subscriber::fmt::layer()
        .with_writer(move || writer.clone())
        .with_ansi(is_colored)
        // A log that cannot be written must not end the program.
        .log_internal_errors(false)
        .with_target(false);
    let log = match settings.log_format {
        LogFormat::Text => log.with_timer(NoTime).boxed(),
        LogFormat::Json => log.json().boxed(),
    };
    let started = tracing_subscriber::registry().with(log.with_filter(filter)).try_init();
    // This fails only if the process has a log already, whose choices are kept.
    drop(started);
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn the_warnings_of_every_crate_are_shown() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let manifest: toml::Table = fs::read_to_string(here.join("Cargo.toml")).unwrap().parse().unwrap();
        let crates = here.parent().unwrap();
        let ours = manifest["dependencies"].as_table().unwrap().keys().map(String::as_str);
        let mut logging = 0;
        for name in ours.chain(["juggle"]) {
            let files =
                walkdir::WalkDir::new(crates.join(name).join("src")).into_iter().filter_map(Result::ok);
            let logs = files
                .filter(|file| file.path().extension().is_some_and(|extension| extension == "rs"))
                .any(|file| fs::read_to_string(file.path()).unwrap().contains("tracing::"));
            logging += usize::from(logs);
            assert!(!logs || CRATES.contains(&&*name.replace('-', "_")), "{name}");
        }
        assert!(logging > 9, "{logging}");
    }
}
