//! `juggle export`: the corpus in another form.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::Path,
};

use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    durability::Durability,
};
use store::local::LocalBlobs;

use crate::{
    cli::{ExportArgs, ExportFormat},
    directory,
    exit::{CliError, Exit, is_full},
    output::Out,
    settings::{choice::Run, resolved::Settings},
};

/// Runs it.
///
/// # Errors
/// Where there is no run, or a text cannot be read or the export not be written; nothing half-written is left under
/// the final name.
pub async fn run(args: &ExportArgs, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    directory::must_exist(&settings.output_dir)?;
    if settings.run == Run::Dry {
        out.line(&format!(
            "would write '{}'; nothing was done",
            settings.output_dir.join(COMBINED).display()
        ))?;
        return Ok(Exit::Done);
    }
    for format in &args.formats {
        match format {
            ExportFormat::Combined => {
                let run = settings.output_dir.clone();
                let writing = tokio::task::spawn_blocking(move || combined(&run));
                let (documents, bytes) =
                    writing.await.map_err(|error| CliError::caused(Exit::Bug, &error))??;
                let path = settings.output_dir.join(COMBINED);
                if out.is_json() {
                    out.json(&serde_json::json!({ "path": path, "documents": documents, "bytes": bytes }))?;
                } else {
                    out.line(&format!("{documents} texts, {bytes} bytes in '{}'", path.display()))?;
                }
            }
        }
    }
    Ok(Exit::Done)
}

const COMBINED: &str = "export/all.txt";

/// All texts in order of their ids, each ended by a line feed. Returns their number and the bytes written.
fn combined(run: &Path) -> Result<(usize, u64), CliError> {
    let blobs = LocalBlobs::open(run, Durability::Power)?;
    // A text is complete when its meta is there.
    let documents = blobs.list(BlobKind::Meta)?;
    let path = run.join(COMBINED);
    let temporary = path.with_extension("txt.tmp");
    let failed = |error: io::Error| {
        let exit = if is_full(&error) { Exit::DiskFull } else { Exit::File };
        CliError::new(exit, format!("failed to write '{}': {error}", path.display()))
    };
    let directory = run.join("export");
    fs::create_dir_all(&directory).map_err(failed)?;
    let written = (|| {
        let mut file = BufWriter::new(File::create(&temporary).map_err(failed)?);
        let mut bytes = 0;
        for document in &documents {
            let mut text =
                LastByte { from: blobs.open(&BlobName::new(BlobKind::Text, document.clone()))?, last: 0 };
            bytes += io::copy(&mut text, &mut file).map_err(failed)?;
            if text.last != b'\n' {
                file.write_all(b"\n").map_err(failed)?;
                bytes += 1;
            }
        }
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        fs::rename(&temporary, &path).map_err(failed)?;
        File::open(&directory).and_then(|directory| directory.sync_all()).map_err(failed)?;
        Ok((documents.len(), bytes))
    })();
    if written.is_err()
        && let Err(error) = fs::remove_file(&temporary)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "failed to remove '{}'", temporary.display());
    }
    written
}

/// Remembers the last byte that was read.
struct LastByte<R> {
    from: R,
    last: u8,
}

impl<R: io::Read> io::Read for LastByte<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        if let Some(last) = buffer[..count].last() {
            self.last = *last;
        }
        Ok(count)
    }
}
