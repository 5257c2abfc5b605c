//! `juggle.toml`: one key a setting, no sections.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs, io,
    ops::Range,
    path::{Path, PathBuf},
};

use toml::de::{DeTable, DeValue};

use super::{
    error::SettingsError,
    origin::Origin,
    table::{Setting, TABLE, Takes},
};

/// The name that is looked for where none is given.
const NAME: &str = "juggle.toml";
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// What a settings file says, by setting.
pub(crate) type Said = BTreeMap<&'static str, (Vec<OsString>, Origin)>;

/// The settings file: `named`, which must exist, or `juggle.toml` in `directory`, which may not.
pub(crate) fn read(named: Option<&Path>, directory: &Path) -> Result<Said, SettingsError> {
    let path = named.map_or_else(|| directory.join(NAME), Path::to_owned);
    match bounded(&path) {
        Ok(text) => parse(&text, &path),
        Err(error) if named.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(Said::new()),
        Err(source) => Err(SettingsError::ReadFile { path, source }),
    }
}

fn bounded(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 1 MiB"));
    }
    fs::read_to_string(path)
}

fn parse(text: &str, path: &Path) -> Result<Said, SettingsError> {
    let file = File { text, path };
    let table = DeTable::parse(text)
        .map_err(|error| file.wrong(error.span().unwrap_or_default(), error.message().to_owned()))?;
    let mut said = Said::new();
    let mut lines: Vec<_> = table.get_ref().iter().collect();
    lines.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in lines {
        let setting = setting(key.get_ref()).map_err(|message| file.wrong(key.span(), message))?;
        let values = values(setting, value.get_ref())
            .ok_or_else(|| file.wrong(value.span(), wrong_type(setting, value.get_ref())))?;
        let values = values.into_iter().map(|value| file.rooted(setting, value)).collect();
        let origin = Origin::File { path: path.to_owned(), line: file.line(&key.span()) };
        if said.insert(setting.name, (values, origin)).is_some() {
            return Err(file.wrong(key.span(), format!("'{}' is set twice", key.get_ref())));
        }
    }
    Ok(said)
}

/// The setting of a key; dashes are as good as underscores.
fn setting(key: &str) -> Result<&'static Setting, String> {
    let name = key.replace('_', "-");
    TABLE.iter().find(|setting| setting.name == name).ok_or_else(|| {
        let keys: Vec<String> = TABLE.iter().map(Setting::key).collect();
        format!("there is no setting '{}'; there are: {}", key.escape_debug(), keys.join(", "))
    })
}

/// The values as they would be typed; `None` where the type does not fit.
fn values(setting: &Setting, value: &DeValue<'_>) -> Option<Vec<String>> {
    match (setting.takes, value) {
        (Takes::Texts(_) | Takes::Paths(_), DeValue::Array(values)) => {
            values.iter().map(|value| value.get_ref().as_str().map(str::to_owned)).collect()
        }
        (
            Takes::Text(_) | Takes::Texts(_) | Takes::Path(_) | Takes::Paths(_) | Takes::Amount(_),
            DeValue::String(text),
        ) => Some(vec![text.to_string()]),
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
        Takes::Text(_) | Takes::Path(_) => "a string",
        Takes::Texts(_) | Takes::Paths(_) => "a string or an array of strings",
        Takes::Switch => "true or false",
    };
    format!("'{}' must be {wanted}, not of type {}", setting.key(), value.type_str())
}

struct File<'a> {
    text: &'a str,
    path: &'a Path,
}

impl File<'_> {
    fn line(&self, span: &Range<usize>) -> usize {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        before.split(|byte| *byte == b'\n').count()
    }

    fn wrong(&self, span: Range<usize>, message: String) -> SettingsError {
        SettingsError::File { path: self.path.to_owned(), line: self.line(&span), message }
    }

    /// A relative path starts from the directory of the file; a URL stays as it is.
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
