//! The result of an export, for people and as JSON.

use std::path::PathBuf;

use ::export::report::ExportReport;
use indicatif::HumanBytes;
use serde::Serialize;

use flow::shell::quoted_path;

use crate::{
    exit::CliError,
    output::{Out, counted},
};
use settings::resolved::Settings;

/// The maximum number of files of a format that are printed.
const NAMED_MAX: usize = 8;

/// One format.
#[derive(Debug, Serialize)]
pub(super) struct ExportedFormat {
    format: String,
    files: Vec<ExportedFile>,
    documents: u64,
    duplicates_left_out: u64,
    /// The number of documents without results, because they were not processed.
    pub(super) not_processed: u64,
    /// The number of documents whose received bytes were not kept.
    raw_dropped: u64,
}

#[derive(Debug, Serialize)]
struct ExportedFile {
    path: PathBuf,
    bytes: u64,
    rows: u64,
}

impl ExportedFormat {
    pub(super) fn of(format: String, ExportReport { files, totals }: ExportReport) -> Self {
        let file = |file: ::export::report::WrittenFile| ExportedFile {
            path: file.path,
            bytes: file.bytes,
            rows: file.rows,
        };
        Self {
            format,
            files: files.into_iter().map(file).collect(),
            documents: totals.documents,
            duplicates_left_out: totals.duplicates_left_out,
            not_processed: totals.not_processed,
            raw_dropped: totals.raw_dropped,
        }
    }
}

pub(super) fn print(exported: &[ExportedFormat], settings: &Settings, out: &Out) -> Result<(), CliError> {
    if out.is_json() {
        return out.json(&exported);
    }
    let run = quoted_path(&settings.output_dir);
    for one in exported {
        let format = &one.format;
        for ExportedFile { path, bytes, rows } in one.files.iter().take(NAMED_MAX) {
            let (rows, bytes) = (counted(*rows, "row"), HumanBytes(*bytes));
            out.line(&format!("Wrote {} ({rows}, {bytes})", path.display()))?;
        }
        if one.files.len() > NAMED_MAX {
            out.line(&format!("{format}: {} in total", counted(one.files.len() as u64, "file")))?;
        }
        if one.duplicates_left_out > 0 {
            let documents = counted(one.duplicates_left_out, "document");
            out.line(&format!("{format}: {documents} left out: same text as another"))?;
        }
        if one.raw_dropped > 0 {
            let documents = counted(one.raw_dropped, "document");
            out.line(&format!(
                "{format}: {documents} without received bytes: they were not kept (--raw drop)"
            ))?;
        }
        if one.not_processed > 0 {
            let documents = counted(one.not_processed, "document");
            // The exit code is not 0, so --quiet must give the reason.
            if out.is_quiet() {
                tracing::error!("{format}: {documents} not processed yet");
            }
            out.line(&format!(
                "{format}: {documents} not processed yet. Run 'juggle pipeline -o {run}', then export again."
            ))?;
        }
    }
    Ok(())
}
