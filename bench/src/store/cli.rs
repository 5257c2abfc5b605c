//! `juggle-bench store`.

use std::{cell::RefCell, path::PathBuf};

use clap::Args;

use super::{form::Form, speed::Plan};
use crate::{
    amount::Amount,
    cli::{data, note, publish},
    fetch::speed::Files,
    only::Only,
    table,
};

/// Command-line arguments.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  juggle-bench store
  juggle-bench store --only books --only sharded --runs 9
  juggle-bench store --quick

The benchmark stores 1,000 texts with a mean of 367 KB, and 10,000 texts of 4 KiB. They are in the spool \
    when the measurement starts. Every run is a separate process in a separate directory below the output \
    directory (25 GB in total, removed at the end). Its files are checked after the run. 'fsyncs/job' \
    counts all flushes for each text. 'bare files' is a loop that writes the same files just as durably \
    and does nothing else.")]
pub struct StoreArgs {
    /// Only shapes ('books', 'small files') or forms whose name holds this, in any case. May be repeated.
    #[arg(long, value_name = "SHAPE|FORM")]
    only: Vec<String>,
    /// Amount of work.
    #[command(flatten)]
    amount: Amount,
    /// Directory for the JSON file and, during a run, for all data.
    #[arg(long, default_value = "target/bench")]
    output_dir: PathBuf,
}

impl StoreArgs {
    /// Measures, writes the JSON and prints the table.
    ///
    /// # Errors
    /// What went wrong, with its causes.
    pub fn run(self) -> anyhow::Result<()> {
        let directory = data(&self.output_dir)?;
        let (files, forms) = chosen(&self.only)?;
        let plan = Plan {
            forms: &forms,
            runs: self.amount.runs(),
            divide: self.amount.divisor(),
            directory: &directory,
            left: RefCell::default(),
        };
        let mut rows = Vec::new();
        for files in files {
            rows.extend(plan.measure(files, &mut note)?);
        }
        publish(&rows, &table::compared(&rows), &self.output_dir.join("store.json"))
    }
}

/// Selects by `--only`: shapes together that are named, or all if none is; forms likewise.
fn chosen(only: &[String]) -> anyhow::Result<(Vec<Files>, Vec<Form>)> {
    let only = Only::of(only, &Files::ALL.map(Files::name), &Form::ALL.map(Form::name))?;
    Ok((only.works(&Files::ALL, Files::name), only.tools(&Form::ALL, Form::name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_named_is_measured() {
        let only = |parts: &[&str]| chosen(&parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>());
        assert_eq!(only(&[]).unwrap(), (Files::ALL.to_vec(), Form::ALL.to_vec()));
        assert_eq!(only(&["BOOKS", "zstd"]).unwrap(), (vec![Files::Books], vec![Form::Zstd]));
        assert_eq!(only(&["bare"]).unwrap(), (Files::ALL.to_vec(), vec![Form::BareFiles]));
        assert!(only(&["tape"]).is_err());
    }
}
