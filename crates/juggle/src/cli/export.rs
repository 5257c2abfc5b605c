//! What can be typed after `juggle export`.

use clap::Args;
use export::combined::Separator;

use crate::settings::{args, size::ByteSize};

/// `juggle export`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  juggle export combined -o corpus                    all texts in export/all.txt
  juggle export combined --separator '\\f' -o corpus   a form feed between two texts
  juggle export combined --separator '== {id} ==\\n'   a line with its id before each text
  juggle export jsonl --shard-size 1GiB -o corpus      export/jsonl/part-00000.jsonl.zst and so on
  juggle export parquet --tokens -o corpus            documents, counts and tokens
  juggle export metadata vocabulary sha256sums -o corpus
  juggle export vocabulary --memory 64MiB --no-duplicates -o corpus

The files go to export/ in the run directory, each under its name when it is whole, the same bytes for the same corpus. A \
document is exported when its text is stored. One that has the text of another is exported too, and marked where the form \
has a place for that; with --no-duplicates it is left out, and then the counts are those of the summary. A document that \
was not processed yet has no counts: forms that need them say how many are missing, and the command ends with 8. A file that is gone or \
damaged ends it with 3, and what was exported before stays.

--json: a list with {format, files [{path, bytes, rows}], documents, duplicates_left_out, not_processed} for each form.")]
pub struct ExportArgs {
    /// What to write.
    #[arg(required = true, value_name = "FORMAT")]
    pub formats: Vec<ExportFormat>,
    /// Leave out documents that have the text of another.
    #[arg(long)]
    pub no_duplicates: bool,
    /// Of combined: what stands between two texts. \n, \t, \f, \0 and \\ are those characters; where {id} or {title} of the
    /// text that follows is named, it stands before each text.
    #[arg(long, value_name = "TEXT")]
    pub separator: Option<Separator>,
    /// Of jsonl: how shards are compressed [default: zst]. (--compress says how the run directory keeps its files.)
    #[arg(long, value_name = "FORM", value_enum)]
    pub jsonl_compress: Option<JsonlCompression>,
    /// Of jsonl: a shard ends with the document that brings it to SIZE, before compression [default: 512MiB].
    #[arg(long, value_name = "SIZE")]
    pub shard_size: Option<ByteSize>,
    /// Of parquet: write tokens.parquet too, every token in the order of its text.
    #[arg(long)]
    pub tokens: bool,
    /// Of vocabulary: what is counted in memory, before it is sorted on the disk [default: 256MiB].
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<ByteSize>,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// How shards are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum JsonlCompression {
    /// Not at all.
    None,
    /// gzip.
    Gz,
    /// zstd.
    Zst,
}

/// The forms of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum ExportFormat {
    /// All texts in one file, in order of their ids: all.txt.
    Combined,
    /// A JSON object for each document, one a line, as Dolma has them: jsonl/part-00000.jsonl.zst and so on.
    Jsonl,
    /// Tables of columns: documents.parquet (columns as FineWeb names them) and counts.parquet.
    Parquet,
    /// A row for each document, with the columns of the Standardized Project Gutenberg Corpus: metadata.csv.
    Metadata,
    /// Every token, how often it occurs and in how many documents, most frequent first: vocabulary.tsv.
    Vocabulary,
    /// The SHA-256 of all files in export/, for sha256sum -c; written last: SHA256SUMS.
    Sha256sums,
}
