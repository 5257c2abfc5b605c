//! Selects jobs by filters and ids, and reads them page by page.

use flow::{
    document::DocumentId,
    job::{Group, JobId, Selection},
    lane::Lane,
    queue::QueueAdmin,
};

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
    let mut found = Vec::new();
    for id in ids {
        let (job, document) = (id.parse::<JobId>(), id.parse::<DocumentId>());
        if let (Err(error), Err(_)) = (&job, &document) {
            return Err(CliError::new(Exit::Usage, error));
        }
        found.extend(job.ok());
        // 32 hexadecimal digits can be the id of a document, too.
        found.extend(document.iter().flat_map(|id| Lane::ALL.map(|lane| JobId::of(lane, id.as_str()))));
    }
    Ok(found)
}

/// Refuses ids that match neither a job nor a document, so that a typing error changes nothing.
///
/// # Errors
/// Returns an error with [`Exit::Usage`] that names the unknown ids.
pub(super) async fn must_be_known(queue: &dyn QueueAdmin, ids: &[String]) -> Result<(), CliError> {
    let mut unknown = Vec::new();
    for id in ids {
        let selection = Selection { ids: job_ids(std::slice::from_ref(id))?, ..Selection::default() };
        // One id at a time, because the answer to all of them would not say which are unknown.
        if queue.list(selection, None, 1).await?.is_empty() {
            unknown.push(format!("'{id}'"));
        }
    }
    if unknown.is_empty() {
        return Ok(());
    }
    let more = unknown.len().saturating_sub(NAMED_MAX);
    unknown.truncate(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!("there is no job or document {}{more}", unknown.join(", "));
    Err(CliError::new(Exit::Usage, message)
        .advise("Nothing was changed. Use 'juggle queue ls' to list the jobs."))
}
