//! Selects jobs by filters and ids, and reads them page by page.

use flow::{
    job::{Group, JobId, Selection},
    queue::QueueAdmin,
};
use monitor::changes;

use crate::{
    cli::queue::Filter,
    exit::{CliError, Exit},
};

/// The maximum number of unknown ids that are named.
const NAMED_MAX: usize = 10;

/// Returns the selection of a filter.
pub(super) fn filtered(filter: &Filter) -> Selection {
    Selection {
        lane: filter.lane,
        state: filter.state,
        reason: filter.reason,
        // The queue has hosts in lower case.
        group: filter.group.as_ref().map(|group| Group(group.to_ascii_lowercase())),
        older_ms: filter.older.map(|age| flow::clock::millis(age.duration())),
        ..Selection::default()
    }
}

/// Returns the jobs of these ids. The id of a document selects its jobs in all lanes.
pub(super) fn job_ids(ids: &[String]) -> Result<Vec<JobId>, CliError> {
    changes::job_ids(ids).map_err(|error| CliError::new(Exit::Usage, error))
}

/// Refuses ids that match neither a job nor a document, so that a typing error changes nothing.
///
/// # Errors
/// Returns an error with [`Exit::Usage`] that names the unknown ids.
pub(super) async fn must_be_known(queue: &dyn QueueAdmin, ids: &[String]) -> Result<(), CliError> {
    let mut unknown = changes::unknown_ids(queue, ids).await?;
    if unknown.is_empty() {
        return Ok(());
    }
    let more = unknown.len().saturating_sub(NAMED_MAX);
    unknown.truncate(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let named: Vec<String> = unknown.iter().map(|id| format!("'{id}'")).collect();
    let message = format!("there is no job or document {}{more}", named.join(", "));
    Err(CliError::new(Exit::Usage, message)
        .advise("Nothing was changed. Use 'juggle queue ls' to list the jobs."))
}
