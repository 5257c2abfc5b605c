//! `juggle export`: the corpus in other forms, in `export/`.

mod files;
mod progress;
mod result;

use std::{num::NonZeroU64, path::PathBuf};

use ::export::{
    checksums, concatenation,
    corpus::{Corpus, Duplicates},
    directory::ExportDirectory,
    jsonl, metadata, parquet,
    report::ExportReport,
    vocabulary, warc,
};
use blob_store::{local::compression::Compression, run_blobs::RunBlobs};
use flow::{blobs::BlobKind, byte_size::ByteSize, durability::Durability};

use self::{progress::ExportProgress, result::ExportedFormat};
use crate::{
    blocking::blocking,
    cli::export::{ExportArgs, ExportFormat, JsonlCompression},
    directory,
    exit::{CliError, Exit},
    output::Out,
    progress::Show,
};
use settings::{
    enums::{self, Run},
    resolved::Settings,
};

/// The minimum memory of a vocabulary. With less, most of the time would go to the disk.
const MEMORY_BYTES_MIN: u64 = 64 << 10;

/// The formats to write, and their options.
#[derive(Debug, Clone)]
struct ExportRequest {
    run: PathBuf,
    /// Each format once; checksums come last.
    formats: Vec<ExportFormat>,
    duplicates: Duplicates,
    separator: concatenation::Separator,
    compression: jsonl::Compression,
    shard_bytes: NonZeroU64,
    tokens: parquet::Tokens,
    memory_bytes: u64,
    kinds: Vec<BlobKind>,
}

/// Runs `juggle export`. Never leaves an incomplete file under its final name.
///
/// # Errors
/// Returns an error if there is no run, an option belongs to a format that is not asked for, or a file
/// cannot be read or written.
pub async fn run(args: &ExportArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    // Before the directory is looked for: a wrong option is reported even without a run.
    let request = ExportRequest::of(args, settings)?;
    directory::must_exist(&settings.output_dir)?;
    if settings.run == Run::Dry {
        request.say(out)?;
        return Ok(Exit::Done);
    }
    let show = Show::of(settings, out);
    let exported = blocking(move || request.export(&show)).await??;
    result::print(&exported, settings, out)?;
    let is_complete = exported.iter().all(|one| one.not_processed == 0);
    Ok(if is_complete { Exit::Done } else { Exit::SomeFailed })
}

impl ExportRequest {
    fn of(args: &ExportArgs, settings: &Settings) -> Result<Self, CliError> {
        belong_together(args)?;
        let mut formats = args.formats.clone();
        // The order of the enum puts the checksums last, after the files that they cover.
        formats.sort_unstable();
        formats.dedup();
        Ok(Self {
            run: settings.output_dir.clone(),
            formats,
            duplicates: if args.no_duplicates { Duplicates::LeftOut } else { Duplicates::Marked },
            separator: args.separator.clone().unwrap_or_default(),
            compression: args.jsonl_compress.map_or_else(jsonl::Compression::default, compression),
            shard_bytes: args
                .shard_size
                .and_then(|size| NonZeroU64::new(size.bytes()))
                .unwrap_or(jsonl::SHARD_BYTES),
            tokens: if args.tokens { parquet::Tokens::Written } else { parquet::Tokens::LeftOut },
            memory_bytes: args.memory.map_or(vocabulary::MEMORY_BYTES, ByteSize::bytes),
            kinds: files::kinds(&args.kinds),
        })
    }

    fn directory(&self) -> PathBuf {
        self.run.join("export")
    }

    /// Prints what would be written.
    fn say(&self, out: &Out) -> Result<(), CliError> {
        let would: Vec<_> = self.formats.iter().map(|format| self.would_write(*format)).collect();
        if out.is_json() {
            let each = self.formats.iter().zip(would);
            let each = each.map(
                |(format, paths)| serde_json::json!({ "format": enums::name(format), "would_write": paths }),
            );
            return out.json(&each.collect::<Vec<_>>());
        }
        for path in would.iter().flatten() {
            out.line(&format!("Would write {}", path.display()))?;
        }
        out.line("Dry run: nothing was written.")
    }

    fn would_write(&self, format: ExportFormat) -> Vec<PathBuf> {
        let shards = format!("{}/part-*{}", jsonl::DIRECTORY, self.compression.ending());
        let files: &[&str] = match format {
            ExportFormat::Combined => &[concatenation::FILE],
            ExportFormat::Jsonl => &[&shards],
            ExportFormat::Parquet if self.tokens == parquet::Tokens::Written => {
                &[parquet::DOCUMENTS, parquet::COUNTS, parquet::TOKENS]
            }
            ExportFormat::Parquet => &[parquet::DOCUMENTS, parquet::COUNTS],
            ExportFormat::Metadata => &[metadata::FILE],
            ExportFormat::Vocabulary => &[vocabulary::FILE],
            ExportFormat::Files => {
                let directory = self.directory().join(::export::files::DIRECTORY);
                return self.kinds.iter().map(|kind| directory.join(kind.directory())).collect();
            }
            ExportFormat::Warc => &[warc::FILE],
            ExportFormat::Sha256sums => &[checksums::FILE],
        };
        files.iter().map(|file| self.directory().join(file)).collect()
    }

    /// Writes all formats, one after the other. Blocking.
    fn export(&self, show: &Show) -> Result<Vec<ExportedFormat>, CliError> {
        let blobs = RunBlobs::open(&self.run, Durability::Power, Compression::default())?;
        let directory = ExportDirectory::open(&self.directory())?;
        let mut exported = Vec::new();
        for format in &self.formats {
            let watcher = ExportProgress::new(enums::name(format), show);
            let watch = |step| watcher.see(step);
            let corpus = Corpus::open(&blobs, self.duplicates, &watch)?;
            let written = self.write(*format, &corpus, &directory);
            // Before the error is returned: the bar would stay on the terminal.
            watcher.finish();
            exported.push(ExportedFormat::of(enums::name(format), written?));
        }
        Ok(exported)
    }

    fn write(
        &self,
        format: ExportFormat,
        corpus: &Corpus<'_>,
        directory: &ExportDirectory,
    ) -> Result<ExportReport, CliError> {
        let written = match format {
            ExportFormat::Combined => concatenation::write(corpus, directory, &self.separator),
            ExportFormat::Jsonl => jsonl::write(corpus, directory, self.compression, self.shard_bytes),
            ExportFormat::Parquet => parquet::write(corpus, directory, self.tokens),
            ExportFormat::Metadata => metadata::write(corpus, directory),
            ExportFormat::Vocabulary => vocabulary::write(corpus, directory, self.memory_bytes),
            ExportFormat::Files => return files::write(corpus, directory, &self.kinds),
            ExportFormat::Warc => warc::write(corpus, directory),
            ExportFormat::Sha256sums => checksums::write(directory, corpus.on_progress()),
        };
        Ok(written?)
    }
}

/// Checks that every option belongs to a format that is asked for, and is within its bounds.
fn belong_together(args: &ExportArgs) -> Result<(), CliError> {
    let refuse = |message: String| Err(CliError::new(Exit::Usage, message));
    for (is_given, option, format) in [
        (args.separator.is_some(), "--separator", ExportFormat::Combined),
        (args.jsonl_compress.is_some(), "--jsonl-compress", ExportFormat::Jsonl),
        (args.shard_size.is_some(), "--shard-size", ExportFormat::Jsonl),
        (args.tokens, "--tokens", ExportFormat::Parquet),
        (args.memory.is_some(), "--memory", ExportFormat::Vocabulary),
        (!args.kinds.is_empty(), "--kinds", ExportFormat::Files),
    ] {
        if is_given && !args.formats.contains(&format) {
            return refuse(format!("{option} needs the format {}", enums::name(&format)));
        }
    }
    let is_small = |size: Option<ByteSize>, least| size.is_some_and(|size| size.bytes() < least);
    if is_small(args.shard_size, 1) {
        return refuse("--shard-size must be at least 1 byte".to_owned());
    }
    if is_small(args.memory, MEMORY_BYTES_MIN) {
        return refuse(format!("--memory must be at least {MEMORY_BYTES_MIN} bytes"));
    }
    Ok(())
}

const fn compression(typed: JsonlCompression) -> jsonl::Compression {
    match typed {
        JsonlCompression::None => jsonl::Compression::None,
        JsonlCompression::Gz => jsonl::Compression::Gz,
        JsonlCompression::Zst => jsonl::Compression::Zst,
    }
}
