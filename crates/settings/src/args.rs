//! The shared flags as they were typed, unchecked.

use std::{collections::BTreeMap, ffi::OsString};

use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, builder::Str, value_parser};

use super::table::{ALL, Setting, Takes};

/// The shared flags of a command line. Use it in a clap command with `#[command(flatten)]`.
///
/// Values are not checked here but in [`Settings`](super::resolved::Settings), so that a mistake is reported
/// in the same words whether it was made in a flag, the environment or a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Args(BTreeMap<&'static str, Vec<OsString>>);

impl Args {
    /// Returns the typed values of a setting. A switch has `true`, a counting switch its number.
    pub(crate) fn typed(&self, setting: &Setting) -> Option<&[OsString]> {
        self.0.get(setting.name).map(Vec::as_slice)
    }
}

impl clap::Args for Args {
    fn augment_args(command: Command) -> Command {
        command.args(ALL.iter().map(arg))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Args {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let typed = ALL.iter().map(|setting| (setting.name, typed(setting, matches)));
        Ok(Self(typed.filter(|(_, values)| !values.is_empty()).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.0.extend(Self::from_arg_matches(matches)?.0);
        Ok(())
    }
}

fn typed(setting: &Setting, matches: &ArgMatches) -> Vec<OsString> {
    match setting.takes {
        Takes::Switch => Vec::from_iter(matches.get_flag(setting.name).then(|| "true".into())),
        Takes::Count => match matches.get_count(setting.name) {
            0 => Vec::new(),
            count => vec![count.to_string().into()],
        },
        _ => matches.get_many::<OsString>(setting.name).into_iter().flatten().cloned().collect(),
    }
}

fn arg(setting: &Setting) -> Arg {
    let default = match setting.default {
        "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    let details = if setting.details.is_empty() { String::new() } else { format!(". {}", setting.details) };
    let arg = Arg::new(setting.name)
        .long(setting.name)
        .short(setting.short)
        .help(format!("{}{default}", setting.help))
        .long_help(format!("{}{details}{default} [env: {}]", setting.help, setting.variable()))
        .hide_short_help(!setting.is_common)
        .help_heading(format!("{:?}", setting.group));
    match setting.takes {
        // A repeated flag is no error: an alias may contain it already.
        Takes::Switch => arg.action(ArgAction::SetTrue).overrides_with(setting.name),
        Takes::Count => arg.action(ArgAction::Count),
        Takes::Texts(value) | Takes::Paths(value) => with_value(arg.action(ArgAction::Append), value.into()),
        Takes::Number(value) | Takes::Amount(value) | Takes::Text(value) | Takes::Path(value) => {
            with_value(arg.overrides_with(setting.name), value.into())
        }
        Takes::OneOf(names) => with_value(arg.overrides_with(setting.name), names().into()),
    }
}

fn with_value(arg: Arg, name: Str) -> Arg {
    arg.value_name(name).value_parser(value_parser!(OsString))
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        let command = Args::augment_args(Command::new("juggle"));
        let matches = command.try_get_matches_from(line.split_whitespace())?;
        Args::from_arg_matches(&matches)
    }

    #[test]
    fn the_flags_fit_together() {
        Args::augment_args(Command::new("juggle")).debug_assert();
    }

    #[test]
    fn only_what_was_typed_is_there() {
        let args = parse("juggle -i a -i - --wait 1 -w 2 -vv --json").expect("valid");
        let typed = |name| args.typed(Setting::named(name)).map(<[OsString]>::to_vec);
        assert_eq!(typed("input-file"), Some(vec!["a".into(), "-".into()]));
        assert_eq!(typed("wait"), Some(vec!["2".into()]));
        assert_eq!(typed("verbose"), Some(vec!["2".into()]));
        assert_eq!(typed("json"), Some(vec!["true".into()]));
        assert_eq!((typed("quiet"), typed("retry")), (None, None));
        assert!(parse("juggle --robot on").is_err());
    }

    #[test]
    fn help_names_default_and_environment() {
        let help = Args::augment_args(Command::new("juggle")).term_width(400).render_long_help().to_string();
        assert!(help.contains("[default: 64MiB] [env: JUGGLE_MAX_FILESIZE]"), "{help}");
    }
}
