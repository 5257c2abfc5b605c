//! Compares the documents of a blob store, which are found by the ids that people type.

use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    document::{DocumentId, folded},
};
use serde::Serialize;

use crate::{
    comparer::{Comparer, ComparisonPlan, DocumentComparison},
    error::DistanceError,
    pair_sampling::{self, PairSample},
    suggestions,
};

/// The result of comparing two documents.
#[derive(Debug, Serialize)]
pub struct PairComparison {
    /// The distances of the two documents.
    #[serde(flatten)]
    pub compared: DocumentComparison,
    /// The number of token pairs.
    pub pairs: u64,
    /// The seed of the random numbers.
    pub seed: u64,
}

/// The result of comparing many pairs of documents.
#[derive(Debug, Serialize)]
pub struct ManyComparison {
    /// The number of documents with tokens.
    pub documents: usize,
    /// Documents without tokens.
    pub without_tokens: Vec<DocumentId>,
    /// The number of documents that are stored but not processed.
    pub not_processed: usize,
    /// The number of pairs of these documents.
    pub possible_pairs: u64,
    /// The number of token pairs for each pair of documents.
    pub pairs: u64,
    /// The seed of the random numbers.
    pub seed: u64,
    /// Nearest first, by the first measure.
    pub compared: Vec<DocumentComparison>,
}

/// The documents of a blob store, and the way to compare them.
pub struct Documents<'a> {
    /// The blob store.
    pub blobs: &'a dyn BlobStore,
    /// The way to compare two documents.
    pub plan: &'a ComparisonPlan,
    /// The number of threads, or 0 for one a core.
    pub threads: usize,
}

impl Documents<'_> {
    /// Compares two documents. Blocking.
    ///
    /// # Errors
    /// Returns an error if one of them is unknown, is not processed or has no tokens, and the errors of
    /// [`Comparer::compare`].
    pub fn compare(&self, first: &str, second: &str) -> Result<PairComparison, DistanceError> {
        let (first, second) = (self.find_processed(first)?, self.find_processed(second)?);
        let compared = self.comparer()?.compare(self.blobs, &first, &second)?;
        Ok(PairComparison { compared, pairs: self.plan.pairs, seed: self.plan.seed })
    }

    /// Compares one document with all others, or all with each other, at most `max_pairs` pairs. Blocking.
    ///
    /// # Errors
    /// Returns [`DistanceError::TooFew`] if there is no pair, and the errors of [`compare`](Self::compare).
    pub fn compare_many(&self, one: Option<&str>, max_pairs: u64) -> Result<ManyComparison, DistanceError> {
        let one = one.map(|id| self.find_processed(id)).transpose()?;
        let processed = self.blobs.list(BlobKind::Stats)?;
        let stored = self.blobs.list(BlobKind::Meta)?.len();
        // A concurrent run may store or remove documents between the two listings.
        let not_processed = stored.saturating_sub(processed.len());
        let (documents, without_tokens) = self.with_tokens(processed)?;
        // A mean over no pairs of tokens is undefined; other documents without tokens are only left out.
        if let Some(empty) = one.as_ref().filter(|one| without_tokens.contains(one)) {
            return Err(DistanceError::NoTokens(empty.clone()));
        }
        let PairSample { possible, pairs } = match &one {
            Some(one) => pair_sampling::sample_with(one, &documents, max_pairs, self.plan.seed),
            None => pair_sampling::sample_all(&documents, max_pairs, self.plan.seed),
        };
        if pairs.is_empty() {
            return Err(DistanceError::TooFew(documents.len()));
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
    ) -> Result<(Vec<DocumentId>, Vec<DocumentId>), DistanceError> {
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

    fn comparer(&self) -> Result<Comparer, DistanceError> {
        Comparer::new(self.plan.clone(), self.threads)
    }

    /// Returns the processed document of this id, in any spelling.
    fn find_processed(&self, id: &str) -> Result<DocumentId, DistanceError> {
        let document = self.find_stored(id)?;
        let has = |kind| self.blobs.len(&BlobName::new(kind, document.clone()));
        if has(BlobKind::Tokens)?.is_some() {
            return Ok(document);
        }
        // The stats are published with the tokens: a document with only one of them is damaged.
        Err(match has(BlobKind::Stats)? {
            Some(_) => DistanceError::MissingTokens(document),
            None => DistanceError::NotProcessed(document),
        })
    }

    fn find_stored(&self, id: &str) -> Result<DocumentId, DistanceError> {
        if let Ok(document) = id.parse::<DocumentId>()
            && self.blobs.len(&BlobName::new(BlobKind::Meta, document.clone()))?.is_some()
        {
            return Ok(document);
        }
        // Only if the exact id is unknown: listing reads the directory of all documents.
        let documents = self.blobs.list(BlobKind::Meta)?;
        let is_meant = |document: &&DocumentId| folded(document.as_str()) == folded(id);
        documents.iter().find(is_meant).cloned().ok_or_else(|| DistanceError::Unknown {
            // A pasted text could fill the screen or control the terminal.
            id: id.chars().take(60).flat_map(char::escape_debug).collect(),
            similar: suggestions::suggest(id, &documents),
            stored: documents.len(),
        })
    }
}
