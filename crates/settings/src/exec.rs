//! The command that processes texts in place of the built-in processor.

use process::exec::config::ExecConfig;

use super::{
    duration::{DAY, MS, TimeSpan},
    error::SettingsError,
    layers::Layers,
};

/// Returns the command, if there is one.
pub(super) fn resolve(from: &mut Layers<'_>) -> Result<Option<ExecConfig>, SettingsError> {
    let command: Option<String> = from.optional("exec")?;
    let version = from.optional("exec-version")?;
    let timeout = from.within::<TimeSpan>("exec-timeout", MS..=DAY)?.duration();
    match command {
        Some(command) if command.trim().is_empty() => {
            Err(from.refuse("exec", &command, "use a command, such as 'python3 process.py'"))
        }
        Some(command) => Ok(Some(ExecConfig { command, version, timeout })),
        None => Ok(None),
    }
}
