//! Reads `juggle.toml`: one key a setting, and a section `[host."NAME"]` for each host with other settings.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    ffi::OsString,
    fs::File,
    io::{self, Read},
    ops::Range,
    path::{Path, PathBuf},
};

use fetch::candidate;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    error::SettingsError,
    origin::Origin,
    table::{Setting, TABLE, Takes},
};

/// The file that is read if none is named.
const NAME: &str = "juggle.toml";
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The maximum number of hosts with settings of their own.
const HOSTS_MAX: usize = 256;
/// The settings that can be set for a host.
const HOST_SETTINGS: [&str; 2] = [WAIT_NAME, CONNECTIONS_NAME];
pub(super) const WAIT_NAME: &str = "wait";
pub(super) const CONNECTIONS_NAME: &str = "max-connection-per-server";
/// The key of the sections of hosts.
pub(super) const HOST: &str = "host";

/// Values with their origins, by setting.
pub(crate) type Values = BTreeMap<&'static str, (Vec<OsString>, Origin)>;

/// The contents of a settings file.
#[derive(Debug, Clone, Default)]
pub struct FileSettings {
    /// The settings of all hosts.
    pub(crate) values: Values,
    /// The settings of single hosts, by [group](candidate::group_of_host).
    pub(crate) hosts: BTreeMap<String, Values>,
}

/// Reads the file `named`, which must exist, or `juggle.toml` in `directory`, which need not.
pub(crate) fn read(named: Option<&Path>, directory: &Path) -> Result<FileSettings, SettingsError> {
    let path = named.map_or_else(|| directory.join(NAME), Path::to_owned);
    match File::open(&path).and_then(bounded) {
        Ok(text) => parse(&text, &path, |path, line| Origin::File { path: path.to_owned(), line }),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => {
            Ok(FileSettings::default())
        }
        Err(source) => Err(SettingsError::ReadFile { path, source }),
    }
}

/// Reads a settings file.
pub(super) fn bounded(file: File) -> io::Result<String> {
    // A mistyped path may name a corpus, which must not be read into memory.
    if file.metadata()?.len() > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    io::read_to_string(file.take(FILE_BYTES_MAX))
}

/// Parses the text of the settings file `path`. The origin of a value is made from the path and the line.
pub(super) fn parse(
    text: &str,
    path: &Path,
    origin: fn(&Path, usize) -> Origin,
) -> Result<FileSettings, SettingsError> {
    let file = Source { text, path, origin };
    let table = DeTable::parse(text)
        .map_err(|error| file.wrong(error.span().unwrap_or_default(), error.message().to_owned()))?;
    let mut found = FileSettings::default();
    for (key, value) in in_order(table.get_ref()) {
        if key.get_ref() == HOST {
            found.hosts = hosts(&file, value)?;
            continue;
        }
        let setting = setting(key.get_ref()).map_err(|message| file.wrong(key.span(), message))?;
        file.put(&mut found.values, setting, key, value)?;
    }
    Ok(found)
}

/// Returns the keys of a table in the order of the file.
fn in_order<'t, 'i>(table: &'t DeTable<'i>) -> Vec<(&'t Key<'i>, &'t Value<'i>)> {
    let mut lines: Vec<_> = table.iter().collect();
    // The table is sorted by key, but the first mistake in the file should be reported first.
    lines.sort_by_key(|(key, _)| key.span().start);
    lines
}

/// Reads the sections of hosts.
fn hosts(file: &Source<'_>, section: &Value<'_>) -> Result<BTreeMap<String, Values>, SettingsError> {
    let table = |value: &Value<'_>| {
        let message = "a host needs a section, such as [host.\"example.org\"] with a line wait = 5";
        file.wrong(value.span(), message.to_owned())
    };
    let mut hosts = BTreeMap::new();
    for (name, value) in in_order(section.get_ref().as_table().ok_or_else(|| table(section))?) {
        let host = candidate::group_of_host(name.get_ref())
            .map_err(|error| file.wrong(name.span(), error.to_string()))?;
        if hosts.len() == HOSTS_MAX {
            return Err(file.wrong(name.span(), format!("settings of more than {HOSTS_MAX} hosts")));
        }
        let mut values = Values::new();
        for (key, value) in in_order(value.get_ref().as_table().ok_or_else(|| table(value))?) {
            let setting = host_setting(key.get_ref()).map_err(|message| file.wrong(key.span(), message))?;
            file.put(&mut values, setting, key, value)?;
        }
        // Two spellings of one host, such as with and without its default port.
        if hosts.insert(host, values).is_some() {
            return Err(file.wrong(name.span(), format!("the host '{}' occurs twice", name.get_ref())));
        }
    }
    Ok(hosts)
}

/// Returns the setting of a key, which may have dashes or underscores.
pub(super) fn setting(key: &str) -> Result<&'static Setting, String> {
    let name = key.replace('_', "-");
    TABLE.iter().find(|setting| setting.name == name).ok_or_else(|| {
        let keys: Vec<String> = TABLE.iter().map(Setting::key).chain([HOST.to_owned()]).collect();
        format!("unknown setting '{}'. The settings are: {}", key.escape_debug(), keys.join(", "))
    })
}

/// Returns the setting of a key in a section of a host.
pub(super) fn host_setting(key: &str) -> Result<&'static Setting, String> {
    let name = key.replace('_', "-");
    HOST_SETTINGS.iter().find(|known| **known == name).map(|known| Setting::named(known)).ok_or_else(|| {
        let keys = HOST_SETTINGS.map(|name| Setting::named(name).key());
        format!(
            "unknown setting '{}' of a host. The settings of a host are: \
            {}",
            key.escape_debug(),
            keys.join(", ")
        )
    })
}

/// Returns the values as they would be typed, or `None` if the type is wrong.
fn values(setting: &Setting, value: &DeValue<'_>) -> Option<Vec<String>> {
    match (setting.takes, value) {
        (Takes::Texts(_) | Takes::Paths(_), DeValue::Array(values)) => {
            values.iter().map(|value| value.get_ref().as_str().map(str::to_owned)).collect()
        }
        // A string would be parsed successfully, but hide a mistake such as quiet = "false".
        (Takes::Number(_) | Takes::Count | Takes::Switch, DeValue::String(_)) => None,
        (_, DeValue::String(text)) => Some(vec![text.to_string()]),
        (Takes::Number(_) | Takes::Amount(_) | Takes::Count, DeValue::Integer(number)) => {
            let number = i128::from_str_radix(number.as_str(), number.radix()).ok()?;
            Some(vec![number.to_string()])
        }
        (Takes::Amount(_), DeValue::Float(number)) => Some(vec![number.as_str().to_owned()]),
        (Takes::Switch, DeValue::Boolean(on)) => Some(vec![on.to_string()]),
        _ => None,
    }
}

fn wrong_type(setting: &Setting, value: &DeValue<'_>) -> String {
    let wanted = match setting.takes {
        Takes::Number(_) | Takes::Count => "a whole number",
        Takes::Amount(_) => "a number, or a string with a number and a unit",
        Takes::Text(_) | Takes::Path(_) | Takes::OneOf(_) => "a string",
        Takes::Texts(_) | Takes::Paths(_) => "a string or an array of strings",
        Takes::Switch => "true or false",
    };
    format!("'{}' must be {wanted}, not of type {}", setting.key(), value.type_str())
}

type Key<'i> = Spanned<Cow<'i, str>>;
type Value<'i> = Spanned<DeValue<'i>>;

struct Source<'a> {
    text: &'a str,
    path: &'a Path,
    origin: fn(&Path, usize) -> Origin,
}

impl Source<'_> {
    /// Adds the value of a line.
    fn put(
        &self,
        found: &mut Values,
        setting: &'static Setting,
        key: &Key<'_>,
        value: &Value<'_>,
    ) -> Result<(), SettingsError> {
        let values = values(setting, value.get_ref())
            .ok_or_else(|| self.wrong(value.span(), wrong_type(setting, value.get_ref())))?;
        let values = values.into_iter().map(|value| self.rooted(setting, value)).collect();
        let origin = (self.origin)(self.path, self.line(&key.span()));
        // TOML itself sees two keys if one has a dash and the other an underscore.
        if found.insert(setting.name, (values, origin)).is_some() {
            return Err(self.wrong(key.span(), format!("'{}' is set twice", key.get_ref())));
        }
        Ok(())
    }

    fn line(&self, span: &Range<usize>) -> usize {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        before.split(|byte| *byte == b'\n').count()
    }

    fn wrong(&self, span: Range<usize>, message: String) -> SettingsError {
        SettingsError::File { path: self.path.to_owned(), line: self.line(&span), message }
    }

    /// Makes a path relative to the directory of the file. A URL is kept.
    fn rooted(&self, setting: &Setting, value: String) -> OsString {
        match (setting.takes, self.path.parent()) {
            (Takes::Path(_) | Takes::Paths(_), Some(parent))
                if value != "-" && !value.contains("://") && parent != Path::new("") =>
            {
                PathBuf::from(parent).join(value).into()
            }
            _ => value.into(),
        }
    }
}
