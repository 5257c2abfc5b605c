//! The process that stores: it finds the spool full, and says how long it took to empty it.

use std::{
    io::{self, Write},
    net::Ipv4Addr,
    path::PathBuf,
    sync::Arc,
    time::Instant,
};

use anyhow::Context;
use flow::{
    blobs::BlobStore,
    job::OnDuplicate,
    payload::{self, Fetched, StoreJob},
    stage::{Attempt, Stage},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use store::stage::Store;

use super::form::Form;
use crate::{
    fetch::{item::Item, sizes::Sizes, source::Listed, speed::Files, text::Prose},
    machine,
};

/// Texts in the stage at a time, as in the pipeline.
const CONCURRENCY: usize = 128;

/// The hidden command that does [`Step`].
pub const STEP: &str = "store-step";

/// Arguments of this step.
#[derive(Debug, Clone, clap::Args)]
pub struct Step {
    /// The run directory.
    #[arg(long)]
    pub directory: PathBuf,
    /// In which form.
    #[arg(long)]
    pub form: Form,
    /// The texts.
    #[arg(long)]
    pub files: Files,
    /// The part of them.
    #[arg(long)]
    pub divide: u64,
}

/// Resources used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// From the first text to the last.
    pub seconds: f64,
    /// Files, directories and file systems that were forced to the medium.
    pub flushes: u64,
    /// The most memory that the process had.
    pub rss_kib: Option<u64>,
}

/// The texts, as they lie in the spool.
#[must_use]
pub fn items(files: Files, divide: u64) -> Vec<Item> {
    let sizes = Sizes::divided_by(divide);
    let listed = match files {
        Files::Books => sizes.books(),
        Files::Small => sizes.small_files(),
    };
    let item = |Listed { id, seed, bytes }| Item {
        path: format!("/{id}.txt"),
        id,
        host: (Ipv4Addr::LOCALHOST, 1).into(),
        seed,
        bytes,
    };
    listed.into_iter().map(item).collect()
}

impl Step {
    /// Stores, and prints the report as a line of JSON.
    ///
    /// # Errors
    /// If a text cannot be stored.
    pub fn take(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let report = runtime.block_on(self.store())?;
        writeln!(io::stdout(), "{}", serde_json::to_string(&report)?).context("failed to print the report")
    }

    async fn store(self) -> anyhow::Result<Report> {
        let prose = Prose::default();
        let hashed = |item: Item| {
            let mut hasher = blake3::Hasher::new();
            for chapter in prose.text(item.seed, item.bytes) {
                hasher.update(&chapter);
            }
            (item, hasher.finalize())
        };
        let texts: Vec<(Item, blake3::Hash)> =
            items(self.files, self.divide).into_iter().map(hashed).collect();
        let blobs = Arc::new(self.form.open(&self.directory)?);
        let stage = Store::new(Arc::clone(&blobs) as Arc<dyn BlobStore>, Arc::default());
        let stage = stage.with_config(self.form.config());
        let started = Instant::now();
        let running = stream::iter(&texts).map(|(item, hash)| run(&stage, item, *hash));
        running.buffer_unordered(CONCURRENCY).try_collect::<()>().await?;
        let seconds = started.elapsed().as_secs_f64();
        let flushes = blobs.sync_counts();
        Ok(Report {
            seconds,
            flushes: flushes.files + flushes.file_systems + flushes.directories,
            rss_kib: machine::rss_peak_kib("self"),
        })
    }
}

async fn run(stage: &Store, item: &Item, hash: blake3::Hash) -> anyhow::Result<()> {
    let job = StoreJob {
        document: item.id.parse()?,
        fetched: Fetched {
            url: item.url(),
            final_url: item.url(),
            status: Some(200),
            at_ms: 1_700_000_000_000,
            took_ms: 1,
            attempts: 1,
            bytes: item.bytes,
            blake3: hash.to_hex().to_string(),
            content_type: Some("text/plain".to_owned()),
            charset: None,
            etag: None,
            last_modified: None,
        },
        listed: payload::Listed::default(),
        known: OnDuplicate::Absorb,
        lost: 0,
    };
    let stored = stage.run(job, Attempt { number: 1, failures: 0 }).await.into_result();
    stored.map(drop).map_err(|error| anyhow::anyhow!("failed to store '{}': {error}", item.id))
}
