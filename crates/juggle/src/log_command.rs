//! `juggle log`: shows the log of requests and attempts.

use std::time::Duration;

use event_log::{
    line::Line,
    reader::{Filter, LogReader},
};
use flow::clock::{Clock, millis};
use jiff::Timestamp;

use crate::{
    cli::LogArgs,
    directory,
    exit::{CliError, Exit},
    output::Out,
};
use settings::resolved::Settings;

const BEAT: Duration = Duration::from_millis(250);

/// Runs `juggle log`.
///
/// # Errors
/// Returns an error if there is no run, or its log cannot be read.
pub async fn run(args: &LogArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    directory::must_exist(&settings.output_dir)?;
    let path = event_log::path_in(&settings.output_dir);
    let unreadable = |error| CliError::unreadable(&path, &error);
    let since = args.since.map(|span| Clock::start().now_ms().saturating_sub(millis(span.duration())));
    let since = since.and_then(|ms| Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok());
    let filter = Filter { host: args.host.clone(), document: args.document.clone(), since };
    let mut reader = LogReader::open(&path).map_err(unreadable)?;
    let mut shown = 0_u64;
    loop {
        while let Some(line) = reader.next_line().map_err(unreadable)? {
            if filter.takes(&line) {
                shown += 1;
                show(&line, out)?;
            }
        }
        if !args.follow {
            if shown == 0 && !out.is_json() {
                out.line("No events match.")?;
            }
            return Ok(Exit::Done);
        }
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
        }
    }
}

fn show(line: &Line, out: &Out) -> Result<(), CliError> {
    if out.is_json() {
        return out.json_line(line);
    }
    out.line(&format!("{:.3} {line}", line.time))
}
