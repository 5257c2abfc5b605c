//! The layers that a value can come from, and typed access to the value of the strongest layer.

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
    error::SettingsError,
    file::{self, FileSettings, Values},
    origin::{Origin, SettingRow},
    remembered::{self, Kept, Remembered, switch},
    table::{CONFIG, Setting, Takes},
};

/// The layers: flags, environment, file, what the run directory remembers, defaults. Each value that is read
/// becomes a row of `juggle config show`.
pub(crate) struct Layers<'a> {
    args: &'a Args,
    environment: &'a dyn Fn(&str) -> Option<OsString>,
    file: FileSettings,
    remembered: FileSettings,
    kept: Kept,
    rows: Vec<SettingRow>,
}

impl<'a> Layers<'a> {
    pub(crate) fn new(
        args: &'a Args,
        environment: &'a dyn Fn(&str) -> Option<OsString>,
        directory: &Path,
        remembered: Remembered,
    ) -> Result<Self, SettingsError> {
        let mut layers = Self {
            args,
            environment,
            file: FileSettings::default(),
            remembered: FileSettings::default(),
            kept: Kept::default(),
            rows: Vec::new(),
        };
        // The file that --config names is looked up with an empty file layer.
        let (named, _) = layers.find(CONFIG);
        // What is remembered must be valid by itself.
        if !matches!(remembered, Remembered::Given(_)) {
            layers.file = file::read(named.first().map(Path::new), directory)?;
        }
        let (run, _) = layers.find(Setting::named("output-dir"));
        layers.remembered = match remembered {
            Remembered::OfRunDirectory => remembered::read(run.first().map_or(directory, Path::new))?,
            Remembered::Ignored => FileSettings::default(),
            Remembered::Given(settings) => settings,
        };
        Ok(layers)
    }

    /// Takes the values that were read, in the order of reading.
    pub(crate) fn take_rows(&mut self) -> Vec<SettingRow> {
        std::mem::take(&mut self.rows)
    }

    /// Takes what the run directory will remember.
    pub(crate) fn take_kept(&mut self) -> Kept {
        std::mem::take(&mut self.kept)
    }

    /// Finds the values of a setting, and keeps them for the run directory to remember.
    fn read(&mut self, setting: &'static Setting) -> (Vec<OsString>, Origin) {
        let (values, origin) = self.find(setting);
        self.kept.put(setting, &values, &origin);
        (values, origin)
    }

    fn find(&self, setting: &Setting) -> (Vec<OsString>, Origin) {
        let (mut values, origin) = self.strongest(setting);
        // Texts that were accepted when a host was allowed must not fail because a later command names
        // another.
        if setting.name == "allow-host"
            && origin != Origin::Remembered
            && let Some((remembered, _)) = self.remembered.values.get(setting.name)
        {
            let more = remembered.iter().filter(|host| !values.contains(host)).cloned();
            values.extend(more.collect::<Vec<_>>());
        }
        (values, origin)
    }

    fn strongest(&self, setting: &Setting) -> (Vec<OsString>, Origin) {
        if let Some(values) = self.args.typed(setting) {
            return (values.to_vec(), Origin::Flag(setting.name));
        }
        let variable = setting.variable();
        // An empty variable counts as unset, as in most programs: a script can switch it off.
        if let Some(value) = (self.environment)(&variable).filter(|value| !value.is_empty()) {
            return (split(setting, value), Origin::Environment(variable));
        }
        if let Some((values, origin)) = self.file.values.get(setting.name) {
            return (values.clone(), origin.clone());
        }
        if let Some((values, origin)) = self.remembered.values.get(setting.name) {
            return (values.clone(), origin.clone());
        }
        let default = Some(setting.default).filter(|default| !default.is_empty());
        (default.map(OsString::from).into_iter().collect(), Origin::Default)
    }

    /// Takes the sections of single hosts.
    pub(crate) fn take_hosts(&mut self) -> BTreeMap<String, Values> {
        let mut hosts = std::mem::take(&mut self.remembered.hosts);
        for (host, values) in std::mem::take(&mut self.file.hosts) {
            hosts.entry(host).or_default().extend(values);
        }
        self.kept.settings.hosts.clone_from(&hosts);
        hosts
    }

    /// Reads a value of a host's section.
    pub(crate) fn of_host<T>(
        &mut self,
        host: &str,
        section: &Values,
        name: &str,
        range: RangeInclusive<T>,
    ) -> Result<Option<T>, SettingsError>
    where
        T: FromStr<Err: Display> + Display + PartialOrd,
    {
        let setting = Setting::named(name);
        let Some((values, origin)) = section.get(setting.name) else { return Ok(None) };
        let value = parse_within(setting, first(values), origin, &range)?;
        self.note(format!("host.\"{host}\".{name}"), vec![value.to_string()], origin.clone());
        Ok(Some(value))
    }

    /// Reads all values of a setting that can be repeated.
    pub(crate) fn all<T: FromStr<Err: Display> + Display>(
        &mut self,
        name: &str,
    ) -> Result<Vec<T>, SettingsError> {
        let setting = Setting::named(name);
        let (values, origin) = self.read(setting);
        let parsed: Vec<T> =
            values.iter().map(|value| parse(setting, value, &origin)).collect::<Result<_, _>>()?;
        self.note(name.to_owned(), parsed.iter().map(T::to_string).collect(), origin);
        Ok(parsed)
    }

    /// Reads a setting that has a default.
    pub(crate) fn one<T: FromStr<Err: Display> + Display>(&mut self, name: &str) -> Result<T, SettingsError> {
        let value = self.optional(name)?;
        Ok(value.expect("the table gives a default to every setting read so"))
    }

    /// Reads a setting that has no default.
    pub(crate) fn optional<T: FromStr<Err: Display> + Display>(
        &mut self,
        name: &str,
    ) -> Result<Option<T>, SettingsError> {
        Ok(self.all(name)?.pop())
    }

    /// Reads a value that must be within a range.
    pub(crate) fn within<T>(&mut self, name: &str, range: RangeInclusive<T>) -> Result<T, SettingsError>
    where
        T: FromStr<Err: Display> + Display + PartialOrd,
    {
        let setting = Setting::named(name);
        let (values, origin) = self.read(setting);
        let value = parse_within(setting, first(&values), &origin, &range)?;
        self.note(name.to_owned(), vec![value.to_string()], origin);
        Ok(value)
    }

    /// Reads paths, which need not be UTF-8.
    pub(crate) fn paths(&mut self, name: &str) -> Vec<PathBuf> {
        let (values, origin) = self.read(Setting::named(name));
        let paths: Vec<PathBuf> = values.into_iter().map(PathBuf::from).collect();
        self.note(name.to_owned(), paths.iter().map(|path| path.display().to_string()).collect(), origin);
        paths
    }

    /// Returns whether a switch is on.
    pub(crate) fn is_on(&mut self, name: &str) -> Result<bool, SettingsError> {
        let setting = Setting::named(name);
        let (values, origin) = self.read(setting);
        let is_on = match values.first() {
            Some(value) => parse_switch(setting, value, &origin)?,
            None => false,
        };
        self.note(name.to_owned(), vec![is_on.to_string()], origin);
        Ok(is_on)
    }

    /// Returns how often a counting switch was given.
    pub(crate) fn count(&mut self, name: &str) -> Result<u8, SettingsError> {
        let setting = Setting::named(name);
        let (values, origin) = self.find(setting);
        let count = match values.first() {
            Some(value) => parse(setting, value, &origin)?,
            None => 0,
        };
        self.note(name.to_owned(), vec![count.to_string()], origin);
        Ok(count)
    }

    /// Decides between two settings that contradict each other, given whether each is set. Returns the one
    /// that is set, or the one of the stronger layer if both are.
    ///
    /// # Errors
    /// Returns [`SettingsError::Contradiction`] if both are set in the same layer.
    pub(crate) fn decide(
        &mut self,
        first: (&'static str, bool),
        second: (&'static str, bool),
    ) -> Result<Option<&'static str>, SettingsError> {
        let (first_origin, second_origin) = (self.origin(first.0), self.origin(second.0));
        match (first.1, second.1) {
            (false, false) => Ok(None),
            (true, false) => Ok(Some(first.0)),
            (false, true) => Ok(Some(second.0)),
            (true, true) if first_origin.rank() > second_origin.rank() => {
                self.kept.settings.values.remove(second.0);
                Ok(Some(first.0))
            }
            (true, true) if first_origin.rank() < second_origin.rank() => {
                self.kept.settings.values.remove(first.0);
                Ok(Some(second.0))
            }
            (true, true) => {
                let (first, second) = (first.0, second.0);
                Err(SettingsError::Contradiction { first, first_origin, second, second_origin })
            }
        }
    }

    fn origin(&self, name: &str) -> Origin {
        self.find(Setting::named(name)).1
    }

    /// Returns the error for a value that is not allowed.
    pub(crate) fn refuse(&self, name: &str, value: &str, message: impl Into<String>) -> SettingsError {
        wrong(Setting::named(name), value.as_ref(), &self.origin(name), message.into())
    }

    fn note(&mut self, name: String, values: Vec<String>, origin: Origin) {
        self.rows.push(SettingRow { name, values, origin });
    }
}

fn first(values: &[OsString]) -> &OsStr {
    values.first().map_or(OsStr::new(""), OsString::as_os_str)
}

fn wrong(setting: &Setting, value: &OsStr, origin: &Origin, message: String) -> SettingsError {
    // The message goes to logs; the value may hold a password.
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

fn parse_within<T: FromStr<Err: Display> + Display + PartialOrd>(
    setting: &Setting,
    value: &OsStr,
    origin: &Origin,
    range: &RangeInclusive<T>,
) -> Result<T, SettingsError> {
    let parsed = parse(setting, value, origin)?;
    if range.contains(&parsed) {
        return Ok(parsed);
    }
    Err(wrong(setting, value, origin, format!("use {} to {}", range.start(), range.end())))
}

/// Reads the usual words for on and off.
fn parse_switch(setting: &Setting, value: &OsStr, origin: &Origin) -> Result<bool, SettingsError> {
    switch(value).ok_or_else(|| wrong(setting, value, origin, "use one of: true, false".to_owned()))
}

/// Splits the value of an environment variable if the setting can be repeated.
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
