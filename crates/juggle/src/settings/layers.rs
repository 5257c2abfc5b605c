//! The four layers a value can come from, and reading one from the strongest that has it.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fmt::Display,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    str::FromStr,
};

use super::{
    args::Args,
    enums::Switch,
    error::SettingsError,
    file::{self, FileSettings, Values},
    origin::{Origin, SettingRow},
    table::{CONFIG, Setting, Takes},
};

/// All layers. Every value that is read is noted for `juggle config show`.
pub(crate) struct Layers<'a, E> {
    args: &'a Args,
    environment: E,
    file: FileSettings,
    shown: Vec<SettingRow>,
}

impl<'a, E: Fn(&str) -> Option<OsString>> Layers<'a, E> {
    pub(crate) fn new(args: &'a Args, environment: E, directory: &Path) -> Result<Self, SettingsError> {
        let mut layers = Self { args, environment, file: FileSettings::default(), shown: Vec::new() };
        let (named, _) = layers.find(&CONFIG);
        layers.file = file::read(named.first().map(Path::new), directory)?;
        Ok(layers)
    }

    /// What was read, in the order of reading.
    pub(crate) fn into_shown(self) -> Vec<SettingRow> {
        self.shown
    }

    fn find(&self, setting: &Setting) -> (Vec<OsString>, Origin) {
        if let Some(values) = self.args.typed(setting) {
            return (values.to_vec(), Origin::Flag(setting.name));
        }
        let variable = setting.variable();
        if let Some(value) = (self.environment)(&variable).filter(|value| !value.is_empty()) {
            return (split(setting, value), Origin::Environment(variable));
        }
        if let Some((values, origin)) = self.file.values.get(setting.name) {
            return (values.clone(), origin.clone());
        }
        let default = Some(setting.default).filter(|default| !default.is_empty());
        (default.map(OsString::from).into_iter().collect(), Origin::Default)
    }

    /// What the file says of single hosts.
    pub(crate) fn hosts(&mut self) -> BTreeMap<String, Values> {
        std::mem::take(&mut self.file.hosts)
    }

    /// The value that a host has of a setting, in place of the one of all hosts.
    pub(crate) fn of_host<T>(
        &mut self,
        host: &str,
        found: &Values,
        name: &str,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, SettingsError>
    where
        T: FromStr<Err: Display> + Display + PartialOrd,
    {
        let setting = Setting::named(name);
        let Some((values, origin)) = found.get(setting.name) else { return Ok(None) };
        let given = values.first().map_or(OsStr::new(""), OsString::as_os_str);
        let value: T = parse(setting, given, origin)?;
        if !range.contains(&value) {
            return Err(out_of(&range, setting, given, origin));
        }
        let name = format!("host.\"{host}\".{name}");
        self.shown.push(SettingRow { name, values: vec![value.to_string()], origin: origin.clone() });
        Ok(Some(value))
    }

    /// All values of a setting that may be repeated.
    pub(crate) fn all<T>(&mut self, name: &str) -> Result<Vec<T>, SettingsError>
    where
        T: FromStr<Err: Display> + Display,
    {
        let setting = Setting::named(name);
        let (values, origin) = self.find(setting);
        let read: Vec<T> =
            values.iter().map(|value| parse(setting, value, &origin)).collect::<Result<_, _>>()?;
        self.note(setting, read.iter().map(T::to_string).collect(), origin);
        Ok(read)
    }

    /// The value of a setting that has a default.
    pub(crate) fn one<T: FromStr<Err: Display> + Display>(&mut self, name: &str) -> Result<T, SettingsError> {
        let value = self.optional(name)?;
        Ok(value.expect("the table gives a default to every setting read so"))
    }

    /// The value of a setting that may be absent.
    pub(crate) fn optional<T>(&mut self, name: &str) -> Result<Option<T>, SettingsError>
    where
        T: FromStr<Err: Display> + Display,
    {
        Ok(self.all(name)?.pop())
    }

    /// A value that must lie within a range.
    pub(crate) fn within<T>(&mut self, name: &str, range: RangeInclusive<T>) -> Result<T, SettingsError>
    where
        T: FromStr<Err: Display> + Display + PartialOrd,
    {
        let value: T = self.one(name)?;
        if range.contains(&value) {
            return Ok(value);
        }
        let setting = Setting::named(name);
        let (values, origin) = self.find(setting);
        Err(out_of(&range, setting, values.first().map_or(OsStr::new(""), OsString::as_os_str), &origin))
    }

    /// Paths, which need not be UTF-8.
    pub(crate) fn paths(&mut self, name: &str) -> Vec<PathBuf> {
        let setting = Setting::named(name);
        let (values, origin) = self.find(setting);
        let paths: Vec<PathBuf> = values.into_iter().map(PathBuf::from).collect();
        self.note(setting, paths.iter().map(|path| path.display().to_string()).collect(), origin);
        paths
    }

    /// Whether a switch is on, and who says so.
    pub(crate) fn switch(&mut self, name: &str) -> Result<(Switch, Origin), SettingsError> {
        let setting = Setting::named(name);
        let (values, origin) = self.find(setting);
        let on = match values.first() {
            Some(value) => parse(setting, &word(value), &origin)?,
            None => Switch::Off,
        };
        self.note(setting, vec![on.to_string()], origin.clone());
        Ok((on, origin))
    }

    /// How often a counting switch was given, and who says so.
    pub(crate) fn count(&mut self, name: &str) -> Result<(u8, Origin), SettingsError> {
        let setting = Setting::named(name);
        let (values, origin) = self.find(setting);
        let count = match values.first() {
            Some(value) => parse(setting, value, &origin)?,
            None => 0,
        };
        self.note(setting, vec![count.to_string()], origin.clone());
        Ok((count, origin))
    }

    /// Where the value of a setting comes from.
    pub(crate) fn origin(&self, name: &str) -> Origin {
        self.find(Setting::named(name)).1
    }

    fn note(&mut self, setting: &'static Setting, values: Vec<String>, origin: Origin) {
        self.shown.push(SettingRow { name: setting.name.to_owned(), values, origin });
    }
}

fn out_of<T: Display>(
    range: &RangeInclusive<T>,
    setting: &Setting,
    value: &OsStr,
    origin: &Origin,
) -> SettingsError {
    wrong(setting, value, origin, format!("use {} to {}", range.start(), range.end()))
}

/// An error that names the setting, what was given, and where.
pub(crate) fn wrong(setting: &Setting, value: &OsStr, origin: &Origin, message: String) -> SettingsError {
    let value = setting.redact(&value.to_string_lossy());
    SettingsError::Value { name: setting.name, value, origin: origin.clone(), message }
}

fn parse<T: FromStr<Err: Display>>(
    setting: &Setting,
    value: &OsStr,
    origin: &Origin,
) -> Result<T, SettingsError> {
    let Some(text) = value.to_str() else {
        return Err(wrong(setting, value, origin, "it is not UTF-8".to_owned()));
    };
    text.parse().map_err(|error: T::Err| wrong(setting, value, origin, error.to_string()))
}

/// The usual words for on and off in the environment.
fn word(value: &OsStr) -> OsString {
    match value.to_string_lossy().to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => "true".into(),
        "0" | "false" | "no" | "off" => "false".into(),
        _ => value.to_owned(),
    }
}

fn split(setting: &Setting, value: OsString) -> Vec<OsString> {
    match (setting.takes, value.to_str()) {
        (Takes::Texts(_), Some(text)) => text.split_whitespace().map(OsString::from).collect(),
        (Takes::Paths(_), _) => std::env::split_paths(&value)
            .map(PathBuf::into_os_string)
            .filter(|path| !path.is_empty())
            .collect(),
        _ => vec![value],
    }
}
