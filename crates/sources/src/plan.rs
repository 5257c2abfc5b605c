//! Estimates the work of a run of sources, before anything is fetched or written.
//!
//! The lists are read once, as they stream; memory holds one set of counts for each host, whatever the number
//! of texts. So a text that is listed twice counts twice. A text costs one request to its first URL, after
//! the mirrors are applied. A stored text costs none, except in a refresh, which requests it again.
//! Redirects, further URLs of a text, and retries are not counted.
//!
//! In reading order: `counts` (listed texts by host), [`robots`] (verdicts of robots.txt), [`estimate`]
//! (times and bytes from the counts).

pub mod estimate;
pub mod robots;

mod counts;

use std::path::{Path, PathBuf};

use fetch::config::FetchConfig;
use flow::queue::{GroupLimit, NamedLimits};

use self::{counts::PlanCounts, estimate::Estimate, robots::RobotsVerdict};
use crate::{
    add::Sources,
    error::SourceError,
    snapshot::{self, integrity},
};

/// The configuration of a run.
#[derive(Debug, Clone)]
pub struct PlanConfig {
    /// The run directory, which need not exist.
    pub run: PathBuf,
    /// The configuration of the fetch stage.
    pub fetch: FetchConfig,
    /// The limits of every host without limits of its own.
    pub limit: GroupLimit,
    /// The limits of single hosts.
    pub named_limits: NamedLimits,
    /// The maximum number of downloads at a time.
    pub downloads_max: u32,
}

/// Estimates the work for these sources, or without any for the lists in the directory `snapshots`. Writes
/// nothing. `robots` returns the verdict of robots.txt on a URL. Returns `None` if there is no list.
/// Blocking.
///
/// # Errors
/// Returns an error if a list cannot be read to its end, or the sources would be refused.
pub fn estimate_run(
    sources: &Sources,
    snapshots: &Path,
    config: &PlanConfig,
    robots: &dyn Fn(&str) -> RobotsVerdict,
) -> Result<Option<Estimate>, SourceError> {
    let mut counts = PlanCounts::new(config, robots, sources.refresh);
    if sources.inputs.is_empty() {
        // In order: only the first 50 hosts are asked for their robots.txt.
        let lists = snapshot::paths(snapshots)?;
        if lists.is_empty() {
            return Ok(None);
        }
        for list in lists {
            for item in integrity::read(&list)? {
                counts.add(&item?.0);
            }
        }
    } else {
        sources.read(|item| match item {
            Ok(entry) => counts.add(entry),
            Err(_) => counts.bad_lines += 1,
        })?;
    }
    Ok(Some(Estimate::of(&counts, config)))
}

#[cfg(test)]
mod tests;
