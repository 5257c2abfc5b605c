//! Compares partitions of the process stage's work: before it is done, or of all stored texts
//! (`juggle process --explain`), and in the JSON summary after it.

use std::sync::Arc;

use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    document::DocumentId,
    job::{JobState, Selection},
    lane::Lane,
    queue::QueueAdmin,
};
use indicatif::HumanCount;
use process::schedule::{
    chunking::Pace,
    partition_table::{Partition, partitions},
};
use queue::connection::QueueConnection;
use serde::Serialize;

use crate::{
    blocking::blocking,
    directory,
    exit::{CliError, Exit},
    output::{Out, align_right, counted, table},
};
use settings::resolved::Settings;

/// The documents that are explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Explained {
    /// The documents that wait in the process lane.
    Waiting,
    /// All stored documents, because none waits.
    Stored,
}

/// Prints how the waiting documents would be divided, or all stored documents if none waits. Changes
/// nothing.
///
/// # Errors
/// Returns an error if the queue or the store cannot be read.
pub async fn explain(settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let blobs: Arc<dyn BlobStore> = Arc::new(directory::open_blobs(settings).await?);
    let connection = QueueConnection::visit(&settings.output_dir).await?;
    let waiting = waiting_documents(&*connection.queue()).await;
    connection.close().await;
    // After the queue is closed: the sizes of many files take long, and stages may start meanwhile.
    let waiting = waiting?;
    let (explained, sizes) = if waiting.is_empty() {
        (Explained::Stored, sizes_of(&blobs, None).await?)
    } else {
        (Explained::Waiting, sizes_of(&blobs, Some(waiting)).await?)
    };
    let threads = match settings.threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let partitions = partitions(&sizes, settings.chunk, threads, Pace::default());
    let bytes: u64 = sizes.iter().sum();
    if out.is_json() {
        out.json(&serde_json::json!({
            "explained": explained, "documents": sizes.len(), "bytes": bytes, "threads": threads,
            "ways": partitions,
        }))?;
        return Ok(Exit::Done);
    }
    out.line(&described(explained, &sizes, threads))?;
    if !sizes.is_empty() {
        out.line(&partitions_table(&partitions))?;
        out.line(
            "Sizes are in bytes of text. The largest piece is started first. Imbalance is the work of the \
             busiest thread divided by the mean.",
        )?;
    }
    Ok(Exit::Done)
}

fn partitions_table(partitions: &[Partition]) -> String {
    let mut shown = table(&["--chunk", "pieces", "largest", "busiest thread", "imbalance"]);
    for partition in partitions {
        let counts = [partition.pieces, partition.largest_bytes, partition.busiest_bytes];
        let counts = counts.map(|count| HumanCount(count).to_string());
        let imbalance = partition.imbalance.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
        shown.add_row([partition.chunk.clone()].into_iter().chain(counts).chain([imbalance]));
    }
    align_right(&mut shown, 1..5);
    shown.trim_fmt()
}

fn described(explained: Explained, sizes: &[u64], threads: usize) -> String {
    let Some(largest) = sizes.iter().max() else {
        return "No text is stored yet. To fetch and store texts: juggle pipeline SOURCES".to_owned();
    };
    let documents = counted(sizes.len() as u64, "document");
    let (bytes, largest) = (HumanCount(sizes.iter().sum()), HumanCount(*largest));
    let what = match explained {
        Explained::Waiting => "Waiting documents",
        Explained::Stored => "No documents are waiting. All stored documents",
    };
    format!(
        "{what}, divided over {threads} threads: {documents} with {bytes} bytes of text; the largest has \
         {largest}"
    )
}

/// Returns the documents that wait in the process lane.
async fn waiting_documents(queue: &dyn QueueAdmin) -> Result<Vec<DocumentId>, CliError> {
    let mut documents = Vec::new();
    for state in JobState::PENDING {
        let selection = Selection { lane: Some(Lane::Process), state: Some(state), ..Selection::default() };
        flow::queue::each_page(queue, &selection, usize::MAX, |page| {
            documents.extend(page.into_iter().filter_map(|view| view.key.parse::<DocumentId>().ok()));
        })
        .await?;
    }
    Ok(documents)
}

/// Returns the sizes of these texts, or of all stored texts, in bytes.
async fn sizes_of(
    blobs: &Arc<dyn BlobStore>,
    documents: Option<Vec<DocumentId>>,
) -> Result<Vec<u64>, CliError> {
    let blobs = Arc::clone(blobs);
    let measuring = blocking(move || {
        let documents = documents.map_or_else(|| blobs.list(BlobKind::Meta), Ok)?;
        let names = documents.into_iter().map(|id| BlobName::new(BlobKind::Text, id));
        // A text that was removed meanwhile has no size and does no harm in an estimate.
        names.map(|name| Ok(blobs.len(&name)?.unwrap_or(0))).collect()
    });
    measuring.await?
}
