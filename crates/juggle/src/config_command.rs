//! `juggle config`: prints each value with its origin, and changes the remembered settings.

use std::path::Path;

use corpus::reprocess::Reprocess;

use crate::{
    blocking::blocking,
    cli::config::{ChangeConfigArgs, ConfigCommand},
    directory,
    exit::{CliError, Exit},
    output::{Out, counted},
};
use settings::{
    args::Args,
    remembered::{self, Change, Remembered},
    resolved::Settings,
};

/// Runs `juggle config …`.
///
/// # Errors
/// Returns an error if there is no run to change, a key or value is not allowed, or the settings cannot be
/// written.
pub async fn run(command: &ConfigCommand, settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    match command {
        ConfigCommand::Show(_) => show(settings, out),
        ConfigCommand::Set(ChangeConfigArgs { key, values, .. }) => {
            change(&Change { key, values: Some(values) }, &settings.output_dir, out).await
        }
        ConfigCommand::Unset(args) => {
            change(&Change { key: &args.key, values: None }, &settings.output_dir, out).await
        }
    }
}

fn show(settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    if out.is_json() {
        out.json(&settings.shown())?;
        return Ok(Exit::Done);
    }
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["setting", "value", "from"]);
    for shown in settings.shown() {
        table.add_row([shown.name.clone(), shown.values.join(" "), shown.origin.to_string()]);
    }
    out.line(&table.trim_fmt())?;
    Ok(Exit::Done)
}

async fn change(change: &Change<'_>, run: &Path, out: &Out) -> Result<Exit, CliError> {
    directory::must_exist(run)?;
    let changed = remembered::changed(run, change)?;
    // All values are checked together, as the next run will use them.
    let resolved = Settings::resolve(
        &Args::default(),
        |name| (name == "JUGGLE_OUTPUT_DIR").then(|| run.into()),
        run,
        Remembered::Given(changed),
    )?;
    let blobs = directory::open_blobs(&resolved).await?;
    let (of, identity) = (run.to_owned(), resolved.identity());
    let found = blocking(move || Reprocess::find(&of, &blobs, identity)).await??;
    directory::remember(&resolved).await?;
    let stale = found.map_or(0, |found| found.found);
    if out.is_json() {
        out.json(&serde_json::json!({ "key": change.key, "reprocessed": stale }))?;
    } else if stale > 0 {
        let texts = counted(stale as u64, "text");
        out.line(&format!("The next run processes {texts} again, because their results depend on it."))?;
    }
    Ok(Exit::Done)
}
