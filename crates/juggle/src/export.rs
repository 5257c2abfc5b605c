//! `juggle export`: the corpus in other forms, in `export/`.

mod progress;
mod result;

use std::path::PathBuf;

use ::export::{
    combined,
    corpus::{Corpus, Duplicates},
    directory::ExportDirectory,
    error::ExportError,
    metadata, sums, vocabulary,
    written::Written,
};
use flow::durability::Durability;
use store::local::LocalBlobs;

use self::{progress::Watcher, result::Exported};
use crate::{
    blocking::blocking,
    cli::export::{ExportArgs, ExportFormat},
    directory,
    exit::{CliError, Exit},
    output::Out,
    pipeline::show,
    progress::Show,
    settings::{choice::Run, resolved::Settings},
};

/// What is asked for.
#[derive(Debug, Clone)]
struct Request {
    run: PathBuf,
    /// Each once; sums come last.
    formats: Vec<ExportFormat>,
    duplicates: Duplicates,
    separator: combined::Separator,
    memory_bytes: u64,
}

/// Runs it.
///
/// # Errors
/// Where there is no run, an option is of a form that is not asked for, blobs cannot be read or files not be written;
/// nothing half-written is left under a final name.
pub async fn run(args: &ExportArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let request = Request::of(args, settings)?;
    directory::must_exist(&settings.output_dir)?;
    if settings.run == Run::Dry {
        request.say(out)?;
        return Ok(Exit::Done);
    }
    let show = show(settings);
    let exported = blocking(move || request.export(show)).await??;
    result::print(&exported, settings, out)?;
    let is_complete = exported.iter().all(|one| one.not_processed == 0);
    Ok(if is_complete { Exit::Done } else { Exit::SomeFailed })
}

impl Request {
    fn of(args: &ExportArgs, settings: &Settings) -> Result<Self, CliError> {
        for (is_given, option, format) in [
            (args.separator.is_some(), "--separator", ExportFormat::Combined),
            (args.memory.is_some(), "--memory", ExportFormat::Vocabulary),
        ] {
            if is_given && !args.formats.contains(&format) {
                let message = format!("{option} is for the form {}, which is not asked for", name(format));
                return Err(CliError::new(Exit::Usage, message));
            }
        }
        let mut formats = args.formats.clone();
        formats.sort_unstable();
        formats.dedup();
        Ok(Self {
            run: settings.output_dir.clone(),
            formats,
            duplicates: if args.no_duplicates { Duplicates::LeftOut } else { Duplicates::Marked },
            separator: args.separator.clone().unwrap_or_default(),
            memory_bytes: args.memory.map_or(vocabulary::MEMORY_BYTES, |size| size.bytes()),
        })
    }

    fn directory(&self) -> PathBuf {
        self.run.join("export")
    }

    /// Says what would be written.
    fn say(&self, out: &Out) -> Result<(), CliError> {
        let would: Vec<_> = self.formats.iter().map(|format| self.would_write(*format)).collect();
        if out.is_json() {
            let each = self.formats.iter().zip(would);
            let each = each
                .map(|(format, paths)| serde_json::json!({ "format": name(*format), "would_write": paths }));
            return out.json(&each.collect::<Vec<_>>());
        }
        for path in would.iter().flatten() {
            out.line(&format!("would write '{}'", path.display()))?;
        }
        out.line("nothing was done")
    }

    fn would_write(&self, format: ExportFormat) -> Vec<PathBuf> {
        let files: &[&str] = match format {
            ExportFormat::Combined => &[combined::FILE],
            ExportFormat::Metadata => &[metadata::FILE],
            ExportFormat::Vocabulary => &[vocabulary::FILE],
            ExportFormat::Sha256sums => &[sums::FILE],
        };
        files.iter().map(|file| self.directory().join(file)).collect()
    }

    /// Writes all forms, one after the other. Blocking.
    fn export(&self, show: Show) -> Result<Vec<Exported>, CliError> {
        let blobs = LocalBlobs::open(&self.run, Durability::Power)?;
        let directory = ExportDirectory::open(&self.directory())?;
        let mut exported = Vec::new();
        for format in &self.formats {
            let watcher = Watcher::new(name(*format), show);
            let watch = |step| watcher.see(step);
            let corpus = Corpus::open(&blobs, self.duplicates, &watch)?;
            let written = self.write(*format, &corpus, &directory);
            watcher.finish();
            exported.push(Exported::of(name(*format), written?));
        }
        Ok(exported)
    }

    fn write(
        &self,
        format: ExportFormat,
        corpus: &Corpus<'_>,
        directory: &ExportDirectory,
    ) -> Result<Written, ExportError> {
        match format {
            ExportFormat::Combined => combined::write(corpus, directory, &self.separator),
            ExportFormat::Metadata => metadata::write(corpus, directory),
            ExportFormat::Vocabulary => vocabulary::write(corpus, directory, self.memory_bytes),
            ExportFormat::Sha256sums => sums::write(directory, corpus.watch()),
        }
    }
}

/// As it is typed.
const fn name(format: ExportFormat) -> &'static str {
    match format {
        ExportFormat::Combined => "combined",
        ExportFormat::Metadata => "metadata",
        ExportFormat::Vocabulary => "vocabulary",
        ExportFormat::Sha256sums => "sha256sums",
    }
}
