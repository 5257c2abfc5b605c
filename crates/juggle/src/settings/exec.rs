//! The command that processes texts in place of the built-in processor.

use std::ffi::OsString;

use process::exec::config::ExecConfig;

use super::{
    duration::TimeSpan,
    error::SettingsError,
    layers::{Layers, wrong},
    resolved::{DAY, MS},
    table::Setting,
};

/// The command, where there is one.
pub(super) fn resolve(
    from: &mut Layers<'_, impl Fn(&str) -> Option<OsString>>,
) -> Result<Option<ExecConfig>, SettingsError> {
    let command: Option<String> = from.optional("exec")?;
    let version = from.optional("exec-version")?;
    let timeout = from.within::<TimeSpan>("exec-timeout", MS..=DAY)?.duration();
    match command {
        Some(command) if command.trim().is_empty() => {
            let origin = from.origin("exec");
            let message = "write a command, such as 'python3 process.py'".to_owned();
            Err(wrong(Setting::named("exec"), command.as_ref(), &origin, message))
        }
        Some(command) => Ok(Some(ExecConfig { command, version, timeout })),
        None => Ok(None),
    }
}
