//! `juggle convert`: another run directory with the same corpus, in another layout.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use blob_store::{
    conversion::{Copied, copy_blobs},
    layout::Layout,
    local::compression::Compression,
    run_blobs::RunBlobs,
};
use flow::{atomic_file, durability::Durability, locked_file::LockedFile, safe_file, shell::quoted_path};
use indicatif::HumanBytes;
use queue::directory::QueueDirectory;

use crate::{
    blocking::blocking,
    cli::ConvertArgs,
    directory,
    exit::{CliError, Exit},
    output::{Out, counted},
    progress::Show,
    rebuild::{in_use, progress},
};
use settings::{
    args::Args,
    remembered::{self, Change, Remembered},
    resolved::Settings,
};

/// The files of a run directory that belong to no document, and are copied as they are.
const FILES: [&str; 5] = ["settings.toml", "PROCESSOR", "corpus.lock", "duplicates.tsv", "logs/events.jsonl"];

/// Runs `juggle convert`.
///
/// # Errors
/// Returns an error if there is no run to convert, a process works on it, there is a run in the new
/// directory, or a file cannot be read or written. The same command continues then.
pub async fn run(args: &ConvertArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let (from, to) = (args.run.clone(), settings.output_dir.clone());
    directory::must_exist(&from)?;
    let Some(layout) = settings.layout else {
        return Err(CliError::new(Exit::Usage, "the new layout is missing")
            .advise("Use --layout flat, sharded or packed."));
    };
    if directory::has_run(&to) {
        return Err(CliError::new(Exit::Usage, format!("there is a run in '{}'", to.display()))
            .advise("Use -o DIR to name a new directory."));
    }
    let queue = QueueDirectory::of(&from);
    // Nothing changes as long as nobody owns the queue.
    let lock = queue.try_lock()?.ok_or_else(|| in_use(&from))?;
    prepare(&to)?;
    let target = directory::open_blobs(settings).await?;
    let conversion = Conversion { from, to: to.clone(), layout, queue, target, _lock: lock };
    let on_progress = progress(Show::of(settings, out));
    let copied = blocking(move || conversion.run(&*on_progress)).await??;
    if out.is_json() {
        out.json(&serde_json::json!({
            "documents": copied.documents, "skipped": copied.skipped, "bytes": copied.bytes,
            "layout": layout.to_string(),
        }))?;
        return Ok(Exit::Done);
    }
    let (documents, bytes) = (counted(copied.documents, "document"), HumanBytes(copied.bytes));
    out.line(&format!("Copied {documents} ({bytes}), layout {layout}."))?;
    out.line(&format!("To continue there: juggle pipeline -o {}", quoted_path(&to)))?;
    Ok(Exit::Done)
}

/// Creates the new directory, and refuses a path that cannot be one.
fn prepare(to: &Path) -> Result<(), CliError> {
    fs::create_dir_all(to).map_err(|error| CliError::unwritten(to, &error))
}

/// A conversion, while nobody owns the queue of the old directory.
struct Conversion {
    from: PathBuf,
    to: PathBuf,
    layout: Layout,
    queue: QueueDirectory,
    target: RunBlobs,
    _lock: LockedFile,
}

impl Conversion {
    /// Copies everything, the queue last: without it there is no run in the new directory.
    fn run(&self, on_progress: &dyn Fn(u64, u64)) -> Result<Copied, CliError> {
        let source = RunBlobs::open(&self.from, Durability::Process, Compression::default())?;
        let copied = copy_blobs(&source, &self.target, on_progress)?;
        for name in FILES {
            let path = self.to.join(name);
            self.copy_file(name, &path).map_err(|error| CliError::unwritten(&path, &error))?;
        }
        self.remember_layout()?;
        self.queue.copy_to(&QueueDirectory::of(&self.to))?;
        Ok(copied)
    }

    fn copy_file(&self, name: &str, to: &Path) -> io::Result<()> {
        match safe_file::read(&self.from.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            bytes => {
                let bytes = bytes?;
                fs::create_dir_all(to.parent().unwrap_or(to))?;
                atomic_file::write(to, bytes)
            }
        }
    }

    /// The new directory remembers its own layout.
    fn remember_layout(&self) -> Result<(), CliError> {
        let layout = [self.layout.to_string()];
        self.remember(&Change { key: "layout", values: Some(&layout) })?;
        if self.layout == Layout::Packed {
            self.remember(&Change { key: "compress", values: None })?;
        }
        Ok(())
    }

    fn remember(&self, change: &Change<'_>) -> Result<(), CliError> {
        let changed = remembered::changed(&self.to, change)?;
        let named = |name: &str| (name == "JUGGLE_OUTPUT_DIR").then(|| self.to.clone().into());
        let resolved = Settings::resolve(&Args::default(), named, &self.to, Remembered::Given(changed))?;
        resolved.remember().map_err(|error| CliError::unwritten(&self.to, &error))
    }
}
