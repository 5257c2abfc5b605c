//! What can be typed after `juggle export`.

use clap::Args;
use export::combined::Separator;

use crate::settings::{args, size::Size};

/// `juggle export`
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  juggle export combined -o corpus                    all texts in export/all.txt
  juggle export combined --separator '\\f' -o corpus   a form feed between two texts
  juggle export combined --separator '== {id} ==\\n'   a line with its id before each text
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
    /// Of vocabulary: what is counted in memory, before it is sorted on the disk [default: 256MiB].
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Size>,
    /// Settings.
    #[command(flatten)]
    pub settings: args::Args,
}

/// The forms of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum ExportFormat {
    /// All texts in one file, in order of their ids: all.txt.
    Combined,
    /// A row for each document, with the columns of the Standardized Project Gutenberg Corpus: metadata.csv.
    Metadata,
    /// Every token, how often it occurs and in how many documents, most frequent first: vocabulary.tsv.
    Vocabulary,
    /// The SHA-256 of all files in export/, for sha256sum -c; written last: SHA256SUMS.
    Sha256sums,
}
