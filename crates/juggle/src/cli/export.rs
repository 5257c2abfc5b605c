//! The arguments of `juggle export`.

use clap::Args;
use export::concatenation::Separator;
use flow::byte_size::ByteSize;

use settings::args;

/// `juggle export`
#[derive(Debug, Args)]
#[command(after_long_help = include_str!("help/export.txt"))]
pub struct ExportArgs {
    /// Formats to write
    #[arg(required = true, value_name = "FORMAT")]
    pub formats: Vec<ExportFormat>,
    /// Leave out documents with the same text as another
    #[arg(long)]
    pub no_duplicates: bool,
    /// combined: separator of texts
    ///
    /// \n, \t, \f, \0 and \\ are special characters. A separator with {id} or {title} is written before each
    /// text, with the ID or title of this text.
    #[arg(long, value_name = "TEXT")]
    pub separator: Option<Separator>,
    /// jsonl: compression of the shards [default: zst]
    #[arg(long, value_name = "FORM", value_enum)]
    pub jsonl_compress: Option<JsonlCompression>,
    /// jsonl: minimum size of a shard before compression [default: 512MiB]
    #[arg(long, value_name = "SIZE")]
    pub shard_size: Option<ByteSize>,
    /// parquet: also write tokens.parquet, every token in order
    #[arg(long)]
    pub tokens: bool,
    /// vocabulary: memory before tokens are sorted on disk [default: 256MiB]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<ByteSize>,
    /// files: only these kinds, separated by commas [default: all]
    #[arg(long, value_name = "KINDS", value_enum, value_delimiter = ',')]
    pub kinds: Vec<FileKind>,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// The compression of shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum JsonlCompression {
    /// No compression
    None,
    /// gzip
    Gz,
    /// zstd
    Zst,
}

/// The kinds of files of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum FileKind {
    /// raw/: the received bytes
    Raw,
    /// text/: the text
    Text,
    /// meta/: where the text came from, and how it was decoded
    Meta,
    /// tokens/: the tokens in order
    Tokens,
    /// counts/: the tokens with their counts
    Counts,
    /// stats/: measures of the text
    Stats,
    /// logs/arrival/: when the text was downloaded
    Arrival,
}

/// The formats of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum ExportFormat {
    /// all.txt: all texts in one file, in order of their IDs
    Combined,
    /// jsonl/part-00000.jsonl.zst and so on: one JSON object per document, in the format of Dolma
    Jsonl,
    /// documents.parquet and counts.parquet: tables with the column names of FineWeb
    Parquet,
    /// metadata.csv: one row per document, with the columns of the Standardized Project Gutenberg Corpus
    Metadata,
    /// vocabulary.tsv: every token with its count and number of documents, most frequent first
    Vocabulary,
    /// files/: the files of each document, as in the layout flat
    Files,
    /// corpus.warc.gz: received bytes and texts as records of a web archive
    Warc,
    /// SHA256SUMS of all files in export/, for sha256sum -c; written last
    Sha256sums,
}
