//! Retracts block pages that were stored as texts, and warns of them.

use std::{collections::BTreeMap, sync::Arc};

use corpus::{requeue::DOCUMENTS_MAX, retract};
use fetch::{
    candidate,
    politeness::block_pages::{self, BlockPages},
};
use flow::{
    blobs::BlobStore,
    payload::{FetchJob, Listed},
    queue::QueueAdmin,
};
use sources::entry::Entry;

use crate::{blocking::blocking, exit::CliError, listed_jobs::listed_jobs};
use settings::resolved::Settings;

/// Retracts the block pages that hosts are known for, and reports how many of each host.
///
/// # Errors
/// Returns the errors of the queue, and of reading and removing files.
pub(crate) async fn retract_block_pages(
    queue: &dyn QueueAdmin,
    blobs: &Arc<dyn BlobStore>,
    settings: &Settings,
) -> Result<(), CliError> {
    let (hosts, store) = (settings.hosts_directory(), Arc::clone(blobs));
    let finding = blocking(move || {
        let known = block_pages::read_all(&hosts);
        // Almost every run: without known block pages, no meta is read.
        if known.is_empty() {
            return Ok(Vec::new());
        }
        retract::find(&*store, |final_url, blake3| {
            let host = host_of(final_url);
            let of_host = |known: &&BlockPages| known.host == host;
            known.iter().filter(of_host).any(|known| known.bodies.contains(blake3))
        })
    });
    let pages = finding.await??;
    let documents = pages.iter().map(|page| page.document.clone()).collect();
    let mut listed = listed_jobs(queue, settings, documents).await?;
    let group_of = settings.group_of();
    let mut retracted = BTreeMap::<String, u64>::new();
    for batch in pages.chunks(DOCUMENTS_MAX) {
        let fetch_job = |page: &retract::StoredBlockPage| -> FetchJob {
            let (id, urls) = (page.document.clone(), vec![page.url.clone()]);
            let unlisted = || Entry { id, urls, listed: Listed::default() }.into_job(&*group_of);
            listed.remove(&page.document).unwrap_or_else(unlisted)
        };
        // The jobs are in the queue before the files go, so that an interruption loses no document.
        for page in retract::requeue(queue, batch, fetch_job).await? {
            let (store, gone) = (Arc::clone(blobs), page.clone());
            if blocking(move || retract::remove(&gone, &*store)).await?? {
                *retracted.entry(host_of(&page.final_url)).or_default() += 1;
            }
        }
    }
    for (host, texts) in retracted {
        tracing::warn!(
            "{texts} stored texts of '{host}' were copies of a block page. They were removed from the \
             corpus and will be fetched again."
        );
    }
    Ok(())
}

fn host_of(url: &str) -> String {
    candidate::group_of(url, &[]).unwrap_or_default()
}
