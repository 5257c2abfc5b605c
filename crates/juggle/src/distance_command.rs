//! `juggle distance`: measures how different the words of documents are.

mod document_lookup;
mod histogram;

use std::{path::Path, sync::Arc};

use distance::{
    comparer::{Comparer, ComparisonPlan, DocumentComparison},
    error::DistanceError,
    pair_sampling::{self, PairSample},
};
use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    document::DocumentId,
};
use serde::Serialize;

use crate::{
    blocking::blocking,
    cli::distance::DistanceArgs,
    directory,
    exit::{CliError, Exit, MEND},
    output::Out,
    settings::resolved::Settings,
};

/// Runs `juggle distance`.
///
/// # Errors
/// Returns an error if there is no run, a document is missing, not processed or without tokens, or a file
/// cannot be read.
pub async fn run(args: &DistanceArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    directory::must_exist(&settings.output_dir)?;
    let blobs = Arc::new(directory::open_blobs(settings).await?);
    let (run, threads, max_pairs) = (settings.output_dir.clone(), settings.threads, args.max_pairs);
    let plan = ComparisonPlan { measures: args.measures(), pairs: args.pairs, seed: args.seed };
    let ids = args.ids.clone();
    let comparing = blocking(move || {
        let corpus = DistanceRun { blobs: &*blobs, run: &run, plan: &plan, threads };
        match &ids[..] {
            [first, second] => corpus.two(first, second).map(Comparison::PairComparison),
            [one] => corpus.many(Some(one), max_pairs).map(Comparison::ManyComparison),
            _ => corpus.many(None, max_pairs).map(Comparison::ManyComparison),
        }
    });
    let found = comparing.await??;
    match (&found, out.is_json()) {
        (Comparison::PairComparison(two), true) => out.json(two)?,
        (Comparison::ManyComparison(many), true) => out.json(many)?,
        (Comparison::PairComparison(two), false) => out.line(&histogram::render_pair(two))?,
        (Comparison::ManyComparison(many), false) => out.line(&histogram::render_many(many))?,
    }
    Ok(Exit::Done)
}

enum Comparison {
    PairComparison(PairComparison),
    ManyComparison(ManyComparison),
}

/// The result of comparing two documents.
#[derive(Debug, Serialize)]
struct PairComparison {
    #[serde(flatten)]
    compared: DocumentComparison,
    pairs: u64,
    seed: u64,
}

/// The result of comparing many pairs of documents.
#[derive(Debug, Serialize)]
struct ManyComparison {
    /// The number of documents with tokens.
    documents: usize,
    /// Documents without tokens.
    without_tokens: Vec<DocumentId>,
    /// The number of documents that are stored but not processed.
    not_processed: usize,
    possible_pairs: u64,
    pairs: u64,
    seed: u64,
    /// Nearest first, by the first measure.
    compared: Vec<DocumentComparison>,
}

/// The documents to compare, and the way to do it.
struct DistanceRun<'a> {
    blobs: &'a dyn BlobStore,
    run: &'a Path,
    plan: &'a ComparisonPlan,
    threads: usize,
}

impl DistanceRun<'_> {
    fn two(&self, first: &str, second: &str) -> Result<PairComparison, CliError> {
        let first = document_lookup::find_processed(self.blobs, self.run, first)?;
        let second = document_lookup::find_processed(self.blobs, self.run, second)?;
        let compared = self.comparer()?.compare(self.blobs, &first, &second)?;
        Ok(PairComparison { compared, pairs: self.plan.pairs, seed: self.plan.seed })
    }

    /// Compares one document with all others, or all with each other.
    fn many(&self, one: Option<&str>, max_pairs: u64) -> Result<ManyComparison, CliError> {
        let one = one.map(|id| document_lookup::find_processed(self.blobs, self.run, id)).transpose()?;
        let processed = self.blobs.list(BlobKind::Stats)?;
        let stored = self.blobs.list(BlobKind::Meta)?.len();
        // A concurrent run may store or remove documents between the two listings.
        let not_processed = stored.saturating_sub(processed.len());
        let (documents, without_tokens) = self.with_tokens(processed)?;
        // A mean over no pairs of tokens is undefined; other documents without tokens are only left out.
        if let Some(empty) = one.as_ref().filter(|one| without_tokens.contains(one)) {
            return Err(DistanceError::NoTokens(empty.clone()).into());
        }
        let PairSample { possible, pairs } = match &one {
            Some(one) => pair_sampling::sample_with(one, &documents, max_pairs, self.plan.seed),
            None => pair_sampling::sample_all(&documents, max_pairs, self.plan.seed),
        };
        if pairs.is_empty() {
            return Err(too_few(self.run, documents.len()));
        }
        let mut compared = self.comparer()?.compare_many(self.blobs, &pairs)?;
        let nearness =
            |compared: &DocumentComparison| compared.distances.first().map_or(0.0, |summary| summary.mean);
        // The sort is stable: equal distances stay in order of the ids.
        compared.sort_by(|one, other| nearness(one).total_cmp(&nearness(other)));
        Ok(ManyComparison {
            documents: documents.len(),
            without_tokens,
            not_processed,
            possible_pairs: possible,
            pairs: self.plan.pairs,
            seed: self.plan.seed,
            compared,
        })
    }

    /// Returns the documents with tokens, and those without.
    fn with_tokens(
        &self,
        documents: Vec<DocumentId>,
    ) -> Result<(Vec<DocumentId>, Vec<DocumentId>), CliError> {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        for document in documents {
            // A missing or damaged file is reported when it is read.
            match self.blobs.len(&BlobName::new(BlobKind::Tokens, document.clone()))? {
                Some(0) => without.push(document),
                Some(_) | None => with.push(document),
            }
        }
        Ok((with, without))
    }

    fn comparer(&self) -> Result<Comparer, CliError> {
        Ok(Comparer::new(self.plan.clone(), self.threads)?)
    }
}

fn too_few(run: &Path, documents: usize) -> CliError {
    let message = format!("two documents with tokens are needed, but '{}' has {documents}", run.display());
    CliError::new(Exit::File, message)
        .advise("add some with 'juggle pipeline SOURCES', or see their progress with 'juggle status'")
}

impl From<DistanceError> for CliError {
    fn from(error: DistanceError) -> Self {
        match error {
            DistanceError::Blob(error) => error.into(),
            DistanceError::Threads { .. } => Self::caused(Exit::Bug, &error).advise("use fewer: --threads N"),
            DistanceError::NoTokens(_) => Self::caused(Exit::File, &error)
                .advise("name another document; stats/ has the number of words of each"),
            DistanceError::InvalidLine { .. } => Self::caused(Exit::File, &error).advise(MEND),
        }
    }
}
