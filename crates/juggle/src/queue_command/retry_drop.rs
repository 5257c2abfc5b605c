//! `juggle queue retry|drop`: counts the jobs, asks for confirmation, and changes them.
//!
//! Jobs that are named by id need no confirmation; if one of the ids is unknown, nothing is done. While the
//! user is asked, the command does not hold the queue: stages can come and
//! go. So what is done in the end may be more or less than what was asked about, and is counted again.

use std::collections::BTreeMap;

use event_log::writer;
use flow::{
    job::{JobState, Selection},
    lane::Lane,
};
use indicatif::HumanCount;
use monitor::changes::JobChange;

use super::{
    confirm::{Consent, agrees, must_be_askable},
    select::{filtered, job_ids, must_be_known},
    visit,
};
use crate::{
    cli::queue::SelectArgs,
    exit::{CliError, Exit},
    output::Out,
};
use settings::{enums::Run, resolved::Settings};

const fn question(change: JobChange) -> &'static str {
    match change {
        JobChange::Retry => "Retry",
        JobChange::Drop => "Drop",
    }
}

/// Returns the key in JSON and the end of the sentence for a change that was made.
const fn done(change: JobChange) -> (&'static str, &'static str) {
    match change {
        JobChange::Retry => ("retried", "will be tried again"),
        JobChange::Drop => ("dropped", "dropped"),
    }
}

const fn would(change: JobChange) -> (&'static str, &'static str) {
    match change {
        JobChange::Retry => ("would_retry", "would be tried again"),
        JobChange::Drop => ("would_drop", "would be dropped"),
    }
}

/// Retries dead jobs.
pub(super) async fn retry(args: &SelectArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let mut selection = selected(args)?;
    if selection.state.is_none_or(|state| state == JobState::Dead) {
        selection.state = Some(JobState::Dead);
    } else {
        let message = "only dead jobs can be retried";
        return Err(CliError::new(Exit::Usage, message).advise("Remove --state."));
    }
    change_jobs(JobChange::Retry, args, selection, settings, out).await
}

/// Drops jobs.
pub(super) async fn drop_jobs(args: &SelectArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let selection = selected(args)?;
    // A forgotten argument would otherwise empty the queue.
    if selection == Selection::default() {
        let message = "'juggle queue drop' without a filter would drop every job";
        return Err(CliError::new(Exit::Usage, message).advise(
            "Name ids, or use --lane, --state, --reason, --group or --older. Example: --state dead",
        ));
    }
    change_jobs(JobChange::Drop, args, selection, settings, out).await
}

fn selected(args: &SelectArgs) -> Result<Selection, CliError> {
    Ok(Selection { ids: job_ids(&args.ids)?, ..filtered(&args.filter) })
}

async fn change_jobs(
    change: JobChange,
    args: &SelectArgs,
    selection: Selection,
    settings: &Settings,
    out: &Out,
) -> Result<Exit, CliError> {
    // An id names one job or document; a filter may match more than its user expects.
    let consent = if args.yes || !args.ids.is_empty() { Consent::Given } else { Consent::ToAsk };
    if settings.run == Run::Dry {
        let selected_jobs = SelectedJobs::count(change, args, &selection, settings).await?;
        return selected_jobs.report(change, out).map(|()| Exit::Done);
    }
    if consent == Consent::ToAsk {
        // Before the jobs are counted, which may take long.
        must_be_askable(&format!("juggle queue {}", change.name()))?;
        let selected_jobs = SelectedJobs::count(change, args, &selection, settings).await?;
        if selected_jobs.total() > 0 && !agrees(selected_jobs.question(change)).await? {
            tracing::warn!("nothing was changed");
            return Ok(Exit::Interrupted);
        }
    }
    let lane = selection.lane;
    let count = visit(settings, async |queue| {
        must_be_known(queue, &args.ids).await?;
        Ok(change.make(queue, selection).await?)
    })
    .await?;
    if count > 0 {
        writer::note_change(&settings.output_dir, change.event(), lane, Some(count));
    }
    // The user named jobs and expects an effect; an empty filter is an ordinary result.
    if change == JobChange::Retry && count == 0 && !args.ids.is_empty() {
        tracing::warn!("none of the named jobs has failed. There is nothing to retry.");
    }
    report_done(change, count, out).map(|()| Exit::Done)
}

fn report_done(change: JobChange, count: u64, out: &Out) -> Result<(), CliError> {
    let (name, sentence) = done(change);
    if out.is_json() {
        out.json(&serde_json::json!({ name: count }))
    } else {
        out.line(&format!("{} {sentence}", jobs(count)))
    }
}

fn jobs(count: u64) -> String {
    format!("{} {}", HumanCount(count), if count == 1 { "job" } else { "jobs" })
}

/// The number of selected jobs by lane and state.
#[derive(Debug, Default)]
struct SelectedJobs {
    by_lane: BTreeMap<(Lane, JobState), u64>,
    /// Jobs that workers have, which are kept.
    leased: u64,
}

impl SelectedJobs {
    async fn count(
        change: JobChange,
        args: &SelectArgs,
        selection: &Selection,
        settings: &Settings,
    ) -> Result<Self, CliError> {
        visit(settings, async |queue| {
            must_be_known(queue, &args.ids).await?;
            let mut selected_jobs = Self::default();
            flow::queue::each_page(queue, selection, usize::MAX, |page| {
                for job in page {
                    if change.takes(job.state) {
                        *selected_jobs.by_lane.entry((job.lane, job.state)).or_default() += 1;
                    } else if job.state == JobState::Leased {
                        selected_jobs.leased += 1;
                    }
                }
            })
            .await?;
            Ok(selected_jobs)
        })
        .await
    }

    fn total(&self) -> u64 {
        self.by_lane.values().sum()
    }

    /// `1,203 jobs (fetch: 1,200 dead; store: 3 dead)`
    fn described(&self) -> String {
        let mut lanes: BTreeMap<Lane, Vec<String>> = BTreeMap::new();
        for ((lane, state), count) in &self.by_lane {
            lanes.entry(*lane).or_default().push(format!("{} {state}", HumanCount(*count)));
        }
        let lanes: Vec<String> =
            lanes.into_iter().map(|(lane, states)| format!("{lane}: {}", states.join(", "))).collect();
        let total = jobs(self.total());
        if lanes.is_empty() { total } else { format!("{total} ({})", lanes.join("; ")) }
    }

    fn kept(&self) -> String {
        match self.leased {
            0 => String::new(),
            leased => format!("; {} in flight are kept", HumanCount(leased)),
        }
    }

    fn question(&self, change: JobChange) -> String {
        format!("{}{}\n{} {}?", self.described(), self.kept(), question(change), jobs(self.total()))
    }

    fn report(&self, change: JobChange, out: &Out) -> Result<(), CliError> {
        let (name, sentence) = would(change);
        if !out.is_json() {
            return out.line(&format!("{} {sentence}{}", self.described(), self.kept()));
        }
        let mut lanes: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
        for ((lane, state), count) in &self.by_lane {
            lanes.entry(lane.name()).or_default().insert(state.name(), *count);
        }
        out.json(&serde_json::json!({ name: self.total(), "lanes": lanes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_says_how_many_by_lane_and_state() {
        let by_lane = [
            ((Lane::Store, JobState::Ready), 3),
            ((Lane::Fetch, JobState::Dead), 1_199),
            ((Lane::Fetch, JobState::Ready), 1),
        ];
        let selected_jobs = SelectedJobs { by_lane: by_lane.into(), leased: 2 };
        assert_eq!(
            selected_jobs.question(JobChange::Drop),
            "1,203 jobs (fetch: 1 ready, 1,199 dead; store: 3 ready); 2 in flight are kept\nDrop 1,203 jobs?"
        );
        let one = SelectedJobs { by_lane: [((Lane::Fetch, JobState::Dead), 1)].into(), leased: 0 };
        assert_eq!(one.question(JobChange::Retry), "1 job (fetch: 1 dead)\nRetry 1 job?");
    }
}
