//! How fast: runs of all forms in turn, each in a directory of its own whose spool is full.

use std::{cell::RefCell, fs::File, path::Path, process::Stdio};

use anyhow::{Context, ensure};
use flow::blobs::{BlobKind, BlobName, BlobStore};
use std::io::Write as _;
use tempfile::TempDir;

use super::{
    form::Form,
    step::{Report, STEP, Step, items},
};
use crate::{
    fetch::{
        bare,
        item::{self, Item},
        running::sync,
        speed::Files,
        text::Prose,
    },
    machine::Machine,
    program::held,
    row::{Better, Measured, Outcome, Row, compare},
    speed::RUN,
    table::grouped,
};

/// Texts that are put into the spool together.
const GROUP: usize = 256;

/// The rows to measure.
#[derive(Debug)]
pub struct Plan<'a> {
    /// In which forms.
    pub forms: &'a [Form],
    /// Number of runs.
    pub runs: usize,
    /// The part of the work that is done.
    pub divide: u64,
    /// Existing directory for all data of a run.
    pub directory: &'a Path,
    /// Data of finished runs, removed after the last: ext4 creates files slowly after many were removed.
    pub left: RefCell<Vec<TempDir>>,
}

impl Plan<'_> {
    /// Measures. Says on `progress` what it does.
    ///
    /// # Errors
    /// If texts cannot be stored.
    pub fn measure(&self, files: Files, progress: &mut dyn FnMut(&str)) -> anyhow::Result<Vec<Row>> {
        let (texts, prose) = (items(files, self.divide), Prose::default());
        let megabytes = item::bytes(&texts) as f64 / 1e6;
        let shape = format!("{} {}", grouped(texts.len() as u64), files.name());
        let mut all: Vec<(Form, Vec<Report>)> = self.forms.iter().map(|form| (*form, Vec::new())).collect();
        for run in 1..=self.runs {
            for (form, reports) in &mut all {
                progress(&format!("{shape}: run {run} of {}, {form}", self.runs));
                let directory = tempfile::Builder::new().prefix(RUN).tempdir_in(self.directory)?;
                let ran = self.run_once(*form, files, &texts, &prose, directory.path());
                reports.push(ran.with_context(|| format!("{form} failed at '{shape}'"))?);
                self.left.borrow_mut().push(directory);
            }
        }
        Ok(self.rows(&shape, texts.len() as f64, megabytes, &all))
    }

    fn run_once(
        &self,
        form: Form,
        files: Files,
        texts: &[Item],
        prose: &Prose,
        directory: &Path,
    ) -> anyhow::Result<Report> {
        if form == Form::BareFiles {
            let [_, stored] =
                bare::steps(texts, prose, directory, &mut || sync(directory, directory).map(drop))?;
            return Ok(Report { seconds: stored.seconds, flushes: stored.flushes, rss_kib: None });
        }
        spool(form, texts, prose, directory)?;
        sync(directory, directory)?;
        let step = Step { directory: directory.to_owned(), form, files, divide: self.divide };
        let report = store(&step)?;
        must_be_stored(form, texts, prose, directory)?;
        Ok(report)
    }

    /// The same runs as documents and as bytes a second.
    fn rows(&self, shape: &str, documents: f64, megabytes: f64, all: &[(Form, Vec<Report>)]) -> Vec<Row> {
        let machine = Machine::here(self.directory);
        let mut rows = Vec::new();
        for (work, unit, amount) in
            [("store: documents", "documents/s", documents), ("store: bytes", "MB/s", megabytes)]
        {
            let mut view: Vec<Row> = all
                .iter()
                .filter_map(|(form, reports)| {
                    Some(Row {
                        work: work.to_owned(),
                        shape: shape.to_owned(),
                        tool: form.name(),
                        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
                        unit,
                        outcome: Outcome::Measured(measured(*form, reports, amount, documents)?),
                        machine: machine.clone(),
                    })
                })
                .collect();
            compare(&mut view, Better::Higher);
            rows.extend(view);
        }
        rows
    }
}

fn measured(form: Form, reports: &[Report], amount: f64, documents: f64) -> Option<Measured> {
    let figures: Vec<f64> = reports.iter().map(|report| amount / report.seconds).collect();
    let rss_kib = reports.iter().filter_map(|report| report.rss_kib).max();
    let flushes = reports.iter().map(|report| report.flushes).max()?;
    let mut measured = Measured::of(&figures, rss_kib, form.durability())?;
    measured.syncs_per_job = Some(crate::row::rounded(flushes as f64 / documents));
    Some(measured)
}

/// Puts all texts into the spool of a run directory.
fn spool(form: Form, texts: &[Item], prose: &Prose, directory: &Path) -> anyhow::Result<()> {
    let blobs = form.open(directory)?;
    for group in texts.chunks(GROUP) {
        let mut staged = Vec::with_capacity(group.len());
        for item in group {
            let mut blob = blobs.stage(&BlobName::new(BlobKind::Spool, item.id.parse()?))?;
            for chapter in prose.text(item.seed, item.bytes) {
                blob.write_all(&chapter)?;
            }
            staged.push(blob);
        }
        blobs.publish(staged)?;
    }
    Ok(())
}

/// Runs the step in a process of its own.
fn store(step: &Step) -> anyhow::Result<Report> {
    let mut command = held(std::env::current_exe()?.as_os_str())?;
    command.arg(STEP).arg("--directory").arg(&step.directory);
    command.args(["--form", step.form.name(), "--files", step.files.name()]);
    command.args(["--divide", &step.divide.to_string()]);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "the store process failed ({})", output.status);
    serde_json::from_slice(&output.stdout).context("the store process printed no report")
}

/// Looks whether all texts are stored, and the raw bytes are those that were in the spool.
fn must_be_stored(form: Form, texts: &[Item], prose: &Prose, directory: &Path) -> anyhow::Result<()> {
    let blobs = form.open(directory)?;
    for kind in [BlobKind::Text, BlobKind::Arrival, BlobKind::Meta] {
        ensure!(blobs.list(kind)?.len() == texts.len(), "not every text has its {}", kind.directory());
    }
    ensure!(blobs.list(BlobKind::Spool)?.is_empty(), "the spool is not empty");
    let raw = blobs.list(BlobKind::Raw)?.len();
    let expected = if form == Form::RawDropped { 0 } else { texts.len() };
    ensure!(raw == expected, "{raw} raw files, not {expected}");
    for item in texts.iter().step_by(texts.len().div_ceil(50)).take(expected) {
        let mut unpacked = tempfile::NamedTempFile::new()?;
        std::io::copy(&mut blobs.open(&BlobName::new(BlobKind::Raw, item.id.parse()?))?, &mut unpacked)?;
        File::flush(unpacked.as_file_mut())?;
        prose.must_be_at(unpacked.path(), item.seed, item.bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spooled_and_stored_is_found_stored_and_what_is_missing_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let (texts, prose) = (items(Files::Small, 1000), Prose::default());
        spool(Form::Default, &texts, &prose, directory.path()).unwrap();
        let told = must_be_stored(Form::Default, &texts, &prose, directory.path()).unwrap_err();
        assert!(told.to_string().contains("not every text has its text"), "{told}");
    }
}
