//! What was exported, for people and machines.

use std::path::PathBuf;

use ::export::written::Written;
use serde::Serialize;

use flow::shell::quoted_path;

use crate::{exit::CliError, output::Out, settings::resolved::Settings};

/// Files of one form that are named for people.
const NAMED_MAX: usize = 8;

/// One form.
#[derive(Debug, Serialize)]
pub(super) struct ExportedFormat {
    format: &'static str,
    files: Vec<ExportedFile>,
    documents: u64,
    duplicates_left_out: u64,
    /// Documents that are not in it, or not with all they have, for they were not processed.
    pub(super) not_processed: u64,
}

#[derive(Debug, Serialize)]
struct ExportedFile {
    path: PathBuf,
    bytes: u64,
    rows: u64,
}

impl ExportedFormat {
    pub(super) fn of(format: &'static str, Written { files, seen }: Written) -> Self {
        let file = |file: ::export::written::WrittenFile| ExportedFile {
            path: file.path,
            bytes: file.bytes,
            rows: file.rows,
        };
        Self {
            format,
            files: files.into_iter().map(file).collect(),
            documents: seen.documents,
            duplicates_left_out: seen.duplicates_left_out,
            not_processed: seen.not_processed,
        }
    }
}

pub(super) fn print(exported: &[ExportedFormat], settings: &Settings, out: &Out) -> Result<(), CliError> {
    if out.is_json() {
        return out.json(&exported);
    }
    for one in exported {
        for ExportedFile { path, bytes, rows } in one.files.iter().take(NAMED_MAX) {
            out.line(&format!("{}: {rows} rows, {bytes} bytes in '{}'", one.format, path.display()))?;
        }
        if one.files.len() > NAMED_MAX {
            out.line(&format!("{}: {} files in all", one.format, one.files.len()))?;
        }
        if one.duplicates_left_out > 0 {
            let count = one.duplicates_left_out;
            out.line(&format!("{}: left out, for they have the text of another: {count}", one.format))?;
        }
        if one.not_processed > 0 {
            let (count, run) = (one.not_processed, quoted_path(&settings.output_dir));
            if out.is_quiet() {
                tracing::error!("{}: {count} documents are not processed yet", one.format);
            }
            out.line(&format!(
                "{}: without the tokens of documents that are not processed yet: {count}; juggle pipeline -o \
                 {run}, then export again",
                one.format
            ))?;
        }
    }
    Ok(())
}
