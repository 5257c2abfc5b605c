//! Totals over all documents, from their counts.

use std::io::{BufRead, BufReader};

use flow::{
    blobs::{BlobError, BlobKind, BlobName, BlobStore},
    document::DocumentId,
};

use uax29::token_counts::TokenCounts;

use crate::error::ProcessError;

const BUFFER_BYTES: usize = 256 << 10;

/// What all documents together have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// Tokens.
    pub tokens: u64,
    /// Different tokens.
    pub distinct: u64,
}

/// Adds up the counts of `documents`. Holds every distinct token in memory once, and no file. Blocking.
///
/// # Errors
/// Where a document has no counts, or what stands there are none.
pub fn merge(
    blobs: &dyn BlobStore,
    documents: impl IntoIterator<Item = DocumentId>,
) -> Result<Vocabulary, ProcessError> {
    let mut tally = TokenCounts::default();
    let mut tokens = 0;
    for document in documents {
        tokens += merge_one(blobs, &BlobName::new(BlobKind::Counts, document), &mut tally)?;
    }
    Ok(Vocabulary { tokens, distinct: tally.distinct() })
}

/// The tokens of one document. A token may contain a TAB (UAX #29 puts one before U+0345 into a word): the
/// last one counts.
fn merge_one(blobs: &dyn BlobStore, name: &BlobName, tally: &mut TokenCounts) -> Result<u64, ProcessError> {
    let path = name.relative_path();
    let mut counts = BufReader::with_capacity(BUFFER_BYTES, blobs.open(name)?);
    let (mut tokens, mut number, mut line) = (0, 0, Vec::new());
    loop {
        line.clear();
        number += 1;
        let read = counts.read_until(b'\n', &mut line).map_err(|error| BlobError::at(&path, error))?;
        if read == 0 {
            return Ok(tokens);
        }
        let (token, n) =
            parse(&line).ok_or_else(|| ProcessError::BadCounts { path: path.clone(), line: number })?;
        tally.add(token.as_bytes(), n);
        tokens += n;
    }
}

fn parse(line: &[u8]) -> Option<(&str, u64)> {
    let (token, n) = std::str::from_utf8(line).ok()?.strip_suffix('\n')?.rsplit_once('\t')?;
    (!token.is_empty()).then_some((token, n.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use flow::testing::memory_blobs::MemoryBlobs;

    use super::*;

    fn counts(number: u32) -> BlobName {
        BlobName::new(BlobKind::Counts, DocumentId::gutenberg(number))
    }

    #[test]
    fn counts_of_documents_add_up() {
        let blobs = MemoryBlobs::default();
        blobs.put(counts(1), "the\t3\ncat\t1\n\t\u{345}\t2\n".as_bytes());
        blobs.put(counts(2), b"the\t5\ndog\t1\n");
        blobs.put(counts(3), b"");
        let total = merge(&blobs, blobs.list(BlobKind::Counts).unwrap()).unwrap();
        assert_eq!(total, Vocabulary { tokens: 12, distinct: 4 });
        assert_eq!(merge(&blobs, []).unwrap(), Vocabulary::default());
    }

    #[test]
    fn what_are_no_counts_is_named_with_its_line() {
        for bad in
            [&b"the\t3\ncat\n"[..], b"a\t1\nb\t-1\n", b"a\t1\nb\t2", b"a\t1\n\xff\t1\n", b"a\t1\n\t1\n"]
        {
            let blobs = MemoryBlobs::default();
            blobs.put(counts(1), bad);
            let error = merge(&blobs, [DocumentId::gutenberg(1)]).unwrap_err().to_string();
            assert!(error.contains("line 2 of 'counts/PG1_counts.txt'"), "{error}");
        }
        let missing = merge(&MemoryBlobs::default(), [DocumentId::gutenberg(1)]);
        assert!(matches!(missing, Err(ProcessError::Blob(BlobError::NotFound(_)))));
    }
}
