//! Registers and resets the cursors of lists in the queue.

use flow::queue::{CursorMove, Push, QueueAdmin, QueueError};

/// Moves a cursor to the beginning of its list. `from` is its current offset; `None` registers a new cursor.
/// Does nothing if another command has moved the cursor since, or has registered it before.
pub(crate) async fn start(
    source: String,
    from: Option<u64>,
    entries_total: u64,
    queue: &dyn QueueAdmin,
) -> Result<(), QueueError> {
    let step = CursorMove { source, from, offset: 0, entries: 0, entries_total };
    match queue.push(Push { jobs: Vec::new(), cursor: Some(step) }).await {
        Ok(_) | Err(QueueError::CursorMoved(_)) => Ok(()),
        Err(error) => Err(error),
    }
}
