//! `juggle plan` and `--dry-run`: print what a run would do, before anything is fetched or written.

mod report;

use fetch::politeness::robots::RobotsLookup;
use serde::Serialize;
use sources::{
    add::Sources,
    plan::{self, PlanConfig, estimate::Estimate, robots::RobotsChecker},
};

use crate::{
    blocking::blocking,
    cli::PlanArgs,
    directory,
    exit::{CliError, Exit},
    output::{Out, peak_rss_bytes},
    source_arguments,
};
use settings::{
    enums::{Network, Robots},
    resolved::Settings,
};

/// The JSON of a plan.
#[derive(Serialize)]
struct PlanJson<'a> {
    #[serde(flatten)]
    estimate: &'a Estimate,
    /// The peak memory of this process.
    peak_rss_bytes: Option<u64>,
}

/// Runs `juggle plan`.
///
/// # Errors
/// Returns the errors of [`plan()`].
pub async fn run(args: &PlanArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    plan(source_arguments::sources_of(&args.sources, settings).await?, settings, out).await
}

/// Prints what would be done for these sources, or without any for the lists of the run directory. Writes
/// nothing. Requests only robots.txt.
///
/// # Errors
/// Returns an error if there is no source, a list cannot be read to its end, or the sources would be refused.
pub async fn plan(sources: Sources, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let config = PlanConfig {
        run: settings.output_dir.clone(),
        fetch: settings.fetch_config(),
        limit: settings.group_limit(),
        named_limits: settings.named_limits(),
        downloads_max: settings.max_concurrent_downloads,
    };
    let lookup = match (settings.robots, settings.network) {
        (Robots::On, Network::Online) => Some(RobotsLookup::new(&config.fetch)),
        (Robots::Off, _) | (_, Network::Offline) => None,
    };
    let lookup = lookup.transpose().map_err(|error| CliError::caused(Exit::Usage, &error))?;
    let (checker, snapshots) = (RobotsChecker::new(lookup), directory::sources(&settings.output_dir));
    let estimating =
        blocking(move || plan::estimate_run(&sources, &snapshots, &config, &|url| checker.ask(url)));
    let estimate = estimating.await??.ok_or_else(source_arguments::no_sources)?;
    if out.is_json() {
        out.json(&PlanJson { estimate: &estimate, peak_rss_bytes: peak_rss_bytes() })?;
    } else {
        report::print(&estimate, out)?;
    }
    Ok(if estimate.bad_lines > 0 { Exit::SomeFailed } else { Exit::Done })
}
