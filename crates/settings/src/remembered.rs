//! The settings that a run directory remembers: its file `settings.toml`, in the form of `juggle.toml`.
//!
//! It contains the values that differ from the default, for the settings that affect the work or the results.
//! So a later command on the same directory continues with the same settings, and a printed command needs no
//! flags. A value that contains a password is never written.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Path, PathBuf},
    sync::Once,
};

use fetch::candidate;
use flow::{atomic_file, safe_file};
use toml::{Table, Value};

use super::{
    error::SettingsError,
    file::{self, FileSettings, HOST, Values},
    origin::Origin,
    table::{Group, Setting, Takes},
};

/// The name of the file in the run directory.
pub(crate) const NAME: &str = "settings.toml";
static WARNED: Once = Once::new();
const HEADER: &str = "\
# The settings of this run directory. Flags, the environment and juggle.toml take precedence.
# To change one: juggle config set KEY VALUE, or juggle config unset KEY.

";

/// The layer of remembered settings.
#[derive(Debug)]
pub enum Remembered {
    /// The settings of the run directory.
    OfRunDirectory,
    /// No settings. For commands that only read the queue: a missing tokenizer file must not stop them.
    Ignored,
    /// These settings.
    Given(FileSettings),
}

/// A change of one remembered setting.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The setting, or `host.NAME.` and a setting of a host. Dashes and underscores are the same.
    pub key: &'a str,
    /// The new values; `None` to forget the setting.
    pub values: Option<&'a [String]>,
}

/// Returns what the run directory `run` remembers, with a change. The values are not checked.
///
/// # Errors
/// Returns an error if the file cannot be read, or the key is not one that can be remembered.
pub fn changed(run: &Path, change: &Change<'_>) -> Result<FileSettings, SettingsError> {
    let mut settings = read(run)?;
    let refuse = |message| SettingsError::Key { key: change.key.to_owned(), message };
    let (section, setting) = match change.key.strip_prefix("host.").and_then(|rest| rest.rsplit_once('.')) {
        Some((host, key)) => {
            let host = host.trim_matches('"');
            let group = candidate::group_of_host(host).map_err(|error| refuse(error.to_string()))?;
            let setting = file::host_setting(key).map_err(refuse)?;
            (settings.hosts.entry(group).or_default(), setting)
        }
        None => (&mut settings.values, file::setting(change.key).map_err(refuse)?),
    };
    if !is_remembered(setting) {
        return Err(refuse("this setting is not remembered. Use it with each command".to_owned()));
    }
    let is_list = matches!(setting.takes, Takes::Texts(_) | Takes::Paths(_));
    match change.values {
        Some(values) if values.len() > 1 && !is_list => {
            return Err(refuse("this setting takes one value".to_owned()));
        }
        Some(values) if values.iter().any(|value| setting.holds_secret(value)) => {
            let variable = setting.variable();
            return Err(refuse(format!(
                "the value contains a password, which is never stored. Set {variable}"
            )));
        }
        Some(values) => {
            let values = values.iter().map(OsString::from).collect();
            section.insert(setting.name, (values, Origin::Remembered));
        }
        None => drop(section.remove(setting.name)),
    }
    settings.hosts.retain(|_, values| !values.is_empty());
    Ok(settings)
}

/// The values that the run directory will remember.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    pub(crate) settings: FileSettings,
    /// The settings that are not remembered because their values contain a password.
    pub(crate) with_password: Vec<&'static str>,
}

impl Kept {
    /// Writes the values into the run directory `run`. Warns, once, of those with a password. Blocking.
    ///
    /// # Errors
    /// Returns an error if the file cannot be written.
    pub(crate) fn remember(&self, run: &Path) -> io::Result<()> {
        WARNED.call_once(|| self.warn());
        write(run, &self.settings)
    }

    fn warn(&self) {
        for name in &self.with_password {
            let variable = Setting::named(name).variable();
            tracing::warn!(
                "--{name} contains a password, so the run directory does not remember it. Use it with each command, \
                 or set {variable}."
            );
        }
    }

    /// Keeps the values of a setting, if they are remembered and not the default.
    pub(crate) fn put(&mut self, setting: &'static Setting, values: &[OsString], origin: &Origin) {
        let is_default = *origin == Origin::Default
            || match (values, setting.takes) {
                ([value], Takes::Switch) => switch(value) == Some(false),
                ([value], _) => value == setting.default,
                _ => false,
            };
        if is_default || !is_remembered(setting) {
            return;
        }
        match values.iter().map(|value| absolute_value(setting, value)).collect() {
            Some(values) => drop(self.settings.values.insert(setting.name, (values, Origin::Remembered))),
            None => self.with_password.push(setting.name),
        }
    }
}

/// Returns the meaning of the usual words for on and off.
pub(crate) fn switch(value: &OsStr) -> Option<bool> {
    match value.to_string_lossy().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Some(true),
        "0" | "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// Returns `true` if the setting affects the work or the results of a run. Settings of the output, and those
/// that are meant for one command, are not remembered.
pub(crate) fn is_remembered(setting: &Setting) -> bool {
    let is_once = ["input-file", "offline", "keep-going", "fail-fast", "accept-dead"].contains(&setting.name);
    setting.group != Group::General && !is_once
}

/// Reads what the run directory `run` remembers: nothing if it has no file.
pub(crate) fn read(run: &Path) -> Result<FileSettings, SettingsError> {
    let path = run.join(NAME);
    match safe_file::open(&path).and_then(file::bounded) {
        Ok(text) => file::parse(&text, &path, |_, _| Origin::Remembered),
        // `NotADirectory`: the command itself reports that the run directory is a file.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(FileSettings::default())
        }
        Err(source) => Err(SettingsError::ReadFile { path, source }),
    }
}

/// Replaces what the run directory `run` remembers. Writes nothing if it is the same. Blocking.
///
/// # Errors
/// Returns an error if the file cannot be written.
pub(crate) fn write(run: &Path, remembered: &FileSettings) -> io::Result<()> {
    let path = run.join(NAME);
    let text = format!("{HEADER}{}", table_of(remembered));
    match safe_file::open(&path).and_then(file::bounded) {
        Ok(old) if old == text => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && table_of(remembered).is_empty() => {
            return Ok(());
        }
        // Also if it cannot be read: the new file replaces it.
        Ok(_) | Err(_) => {}
    }
    atomic_file::write(&path, text)
}

fn table_of(remembered: &FileSettings) -> Table {
    let mut table = section(&remembered.values);
    let hosts: Table =
        remembered.hosts.iter().map(|(host, values)| (host.clone(), Value::Table(section(values)))).collect();
    if !hosts.is_empty() {
        table.insert(HOST.to_owned(), Value::Table(hosts));
    }
    table
}

fn section(values: &Values) -> Table {
    let lines = values.iter().filter_map(|(name, (values, _))| {
        let setting = Setting::named(name);
        Some((setting.key(), toml_value(setting, values)?))
    });
    lines.collect()
}

/// Returns `None` for a value that is no Unicode text, which TOML cannot hold.
fn toml_value(setting: &Setting, values: &[OsString]) -> Option<Value> {
    let texts: Vec<&str> = values.iter().map(|value| value.to_str()).collect::<Option<_>>()?;
    let last = texts.last().copied().unwrap_or_default();
    Some(match setting.takes {
        Takes::Texts(_) | Takes::Paths(_) => Value::Array(texts.into_iter().map(Value::from).collect()),
        Takes::Number(_) | Takes::Count => Value::Integer(last.parse().ok()?),
        Takes::Switch => Value::Boolean(switch(last.as_ref())?),
        Takes::Amount(_) | Takes::Text(_) | Takes::OneOf(_) | Takes::Path(_) => Value::from(last),
    })
}

/// Returns the value with an absolute path, so that it means the same in every working directory. `None` if
/// it contains a password.
fn absolute_value(setting: &Setting, value: &OsStr) -> Option<OsString> {
    if setting.holds_secret(&value.to_string_lossy()) {
        return None;
    }
    let absolute =
        |path: &OsStr| std::path::absolute(path).map_or_else(|_| path.to_owned(), PathBuf::into_os_string);
    let text = value.to_str().unwrap_or_default();
    match (setting.takes, setting.name, text.strip_prefix("hf:")) {
        (Takes::Path(_) | Takes::Paths(_), ..) => Some(absolute(value)),
        (_, "tokenizer", Some(path)) => {
            let mut named = OsString::from("hf:");
            named.push(absolute(path.as_ref()));
            Some(named)
        }
        // Otherwise it is the name of a language.
        (_, "stop-words", _) if Path::new(value).is_file() => Some(absolute(value)),
        _ => Some(value.to_owned()),
    }
}
