//! Reports how other ways to divide the work of the process stage would turn out: before it is done, or for
//! all that is stored (`juggle process --explain`), and
//! in the summary after.

use std::sync::Arc;

use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    job::{JobView, Selection, State},
    lane::Lane,
    queue::{BATCH_MAX, JobQueue},
};
use process::{
    config::Chunk,
    schedule::{chunking::Pace, partition::PartitionPlan},
};
use serde::Serialize;

use crate::{
    blocking::blocking,
    exit::{CliError, Exit},
    output::{Out, align_right, table},
    settings::resolved::Settings,
    stages::Stages,
};

/// What is compared with what is asked for.
const OTHERS: [&str; 4] = ["whole", "docs:16", "bytes:64KiB", "bytes:1MiB"];

/// A way to divide the work, and what it comes to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Partition {
    /// As it is typed.
    chunk: String,
    /// Pieces of work.
    pieces: u64,
    /// The largest, in bytes of text.
    largest_bytes: u64,
    /// What the busiest thread has to do, in bytes of text.
    busiest_bytes: u64,
    /// The time of that, at the pace of this run or as expected.
    busiest_seconds: f64,
    /// The busiest thread's work over the mean.
    imbalance: Option<f64>,
}

/// The way that is asked for, then others.
#[must_use]
pub fn ways(sizes: &[u64], asked: Chunk, threads: usize, pace: Pace) -> Vec<Partition> {
    let others = OTHERS.map(|way| way.parse::<Chunk>().expect("these are ways"));
    let all = std::iter::once(asked).chain(others.into_iter().filter(|other| *other != asked));
    let way = |chunk: Chunk| {
        let PartitionPlan { pieces, largest_bytes, busiest_bytes, imbalance } =
            PartitionPlan::of(sizes, chunk, threads, pace);
        let seconds = busiest_bytes as f64 * pace.busy_ns as f64 / pace.bytes.max(1) as f64 / 1e9;
        let rounded = |number: f64| (number * 1e3).round() / 1e3;
        Partition {
            chunk: chunk.to_string(),
            pieces,
            largest_bytes,
            busiest_bytes,
            busiest_seconds: rounded(seconds),
            imbalance: imbalance.map(rounded),
        }
    };
    all.map(way).collect()
}

/// The ways in one line, after a run; none where nothing was done.
#[must_use]
pub fn line(ways: &[Partition]) -> Option<String> {
    let (_, others) = ways.split_first().filter(|(asked, _)| asked.busiest_bytes > 0)?;
    let other = |way: &Partition| format!("{} {:.2} s", way.chunk, way.busiest_seconds);
    let others: Vec<String> = others.iter().map(other).collect();
    Some(format!("the busiest thread with another --chunk: {}", others.join(", ")))
}

/// The documents that are explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Explained {
    /// The documents that wait in the process lane.
    Waiting,
    /// All stored documents, because none waits.
    Stored,
}

/// Prints how the waiting documents would be divided, or all stored documents if none waits. Changes nothing.
///
/// # Errors
/// Where the queue or the store cannot be read.
pub async fn explain(
    stages: &Stages,
    queue: &dyn JobQueue,
    settings: &Settings,
    out: &Out,
) -> Result<Exit, CliError> {
    let waiting = waiting(stages, queue).await?;
    let (explained, sizes) = match waiting.is_empty() {
        false => (Explained::Waiting, waiting),
        true => (Explained::Stored, stored(stages).await?),
    };
    let ways = ways(&sizes, settings.chunk, stages.threads(), Pace::default());
    let bytes: u64 = sizes.iter().sum();
    if out.is_json() {
        out.json(&serde_json::json!({
            "explained": explained, "documents": sizes.len(), "bytes": bytes, "threads": stages.threads(),
            "ways": ways,
        }))?;
        return Ok(Exit::Done);
    }
    out.line(&described(explained, &sizes, stages.threads()))?;
    if sizes.is_empty() {
        return Ok(Exit::Done);
    }
    let mut shown = table(&["--chunk", "pieces", "largest", "busiest thread", "imbalance"]);
    for way in &ways {
        shown.add_row([
            way.chunk.clone(),
            way.pieces.to_string(),
            way.largest_bytes.to_string(),
            way.busiest_bytes.to_string(),
            way.imbalance.map_or_else(|| "–".to_owned(), |imbalance| format!("{imbalance:.2}")),
        ]);
    }
    align_right(&mut shown, 1..5);
    out.line(&shown.trim_fmt())?;
    out.line("in bytes of text; the largest goes first; imbalance is the busiest thread over the mean")?;
    Ok(Exit::Done)
}

fn described(explained: Explained, sizes: &[u64], threads: usize) -> String {
    let bytes: u64 = sizes.iter().sum();
    let count = match sizes.len() {
        0 => return "no text is stored yet: 'juggle pipeline' fetches and stores those of a list".to_owned(),
        1 => "1 document".to_owned(),
        documents => format!("{documents} documents"),
    };
    let largest = sizes.iter().max().copied().unwrap_or(0);
    match explained {
        Explained::Waiting => format!(
            "waiting for {threads} threads: {count} with {bytes} bytes of text; the largest has {largest} bytes"
        ),
        Explained::Stored => format!(
            "no document waits. All that are stored, if {threads} threads made them anew: {count} with {bytes} bytes of \
             text; the largest has {largest} bytes"
        ),
    }
}

/// Returns the sizes of all stored texts, in bytes.
async fn stored(stages: &Stages) -> Result<Vec<u64>, CliError> {
    let blobs = Arc::clone(&stages.blobs);
    let measuring = blocking(move || {
        let names = blobs.list(BlobKind::Meta)?.into_iter().map(|id| BlobName::new(BlobKind::Text, id));
        names.map(|name| Ok(blobs.len(&name)?.unwrap_or(0))).collect()
    });
    measuring.await?
}

/// The sizes of the texts that wait in the process lane.
async fn waiting(stages: &Stages, queue: &dyn JobQueue) -> Result<Vec<u64>, CliError> {
    let mut sizes = Vec::new();
    for state in State::PENDING {
        let mut after = None;
        loop {
            let selection =
                Selection { lane: Some(Lane::Process), state: Some(state), ..Selection::default() };
            let views = queue.list(selection, after, BATCH_MAX).await?;
            let Some(last) = views.last() else { break };
            after = Some(last.id);
            sizes.extend(sizes_of(stages, views).await?);
        }
    }
    Ok(sizes)
}

async fn sizes_of(stages: &Stages, views: Vec<JobView>) -> Result<Vec<u64>, CliError> {
    let blobs = Arc::clone(&stages.blobs);
    let measuring = blocking(move || {
        let name = |key: String| Some(BlobName::new(BlobKind::Text, key.parse().ok()?));
        let names = views.into_iter().filter_map(|view| name(view.key));
        names.map(|name| Ok(blobs.len(&name)?.unwrap_or(0))).collect()
    });
    measuring.await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_stands_first_and_once() {
        let ways = ways(&[5 << 20, 1 << 20], Chunk::Whole, 2, Pace::default());
        let names: Vec<&str> = ways.iter().map(|way| way.chunk.as_str()).collect();
        assert_eq!(names, ["whole", "docs:16", "bytes:64KiB", "bytes:1MiB"]);
        assert_eq!((ways[0].busiest_bytes, ways[3].busiest_bytes), (5 << 20, 3 << 20));
        let said = line(&ways).unwrap();
        assert!(
            said.starts_with("the busiest thread with another --chunk: docs:16 0.03 s, bytes:64KiB 0.0"),
            "{said}"
        );
        assert_eq!(line(&super::ways(&[], Chunk::Auto, 2, Pace::default())), None);
    }
}
