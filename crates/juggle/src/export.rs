//! `juggle export`: the corpus in another form.

use std::{
    fs::{self},
    io,
    path::Path,
};

use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    durability::Durability,
};
use store::local::LocalBlobs;

use crate::{
    blocking::blocking,
    cli::{ExportArgs, ExportFormat},
    directory,
    exit::{CliError, Exit},
    output::Out,
    settings::{choice::Run, resolved::Settings},
    whole_file::WholeFile,
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
                let writing = blocking(move || combined(&run));
                let (documents, bytes) = writing.await??;
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
    let directory = run.join("export");
    fs::create_dir_all(&directory).map_err(|error| CliError::unwritten(&directory, &error))?;
    let mut file = WholeFile::begin(&path)?;
    let mut bytes = 0;
    for document in &documents {
        let mut text =
            LastByte { from: blobs.open(&BlobName::new(BlobKind::Text, document.clone()))?, last: 0 };
        bytes += file.write(|file| io::copy(&mut text, file))?;
        if text.last != b'\n' {
            file.write(|file| file.write_all(b"\n"))?;
            bytes += 1;
        }
    }
    file.finish()?;
    Ok((documents.len(), bytes))
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
