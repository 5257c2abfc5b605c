//! `juggle config show`: prints each value with its origin.

use crate::{
    exit::{CliError, Exit},
    output::Out,
    settings::resolved::Settings,
};

/// Runs `juggle config show`.
///
/// # Errors
/// Returns an error if standard output cannot be written.
pub fn run(settings: &Settings, out: &Out) -> Result<Exit, CliError> {
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
