//! What was typed: the flags of the table, unchecked.

use std::{collections::BTreeMap, ffi::OsString};

use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, value_parser};

use super::table::{CONFIG, Setting, TABLE, Takes};

/// The shared flags of a command line. Use it in a clap command with `#[command(flatten)]`.
///
/// Environment and files are not looked at here, and no value is checked: [`Settings`](super::resolved::Settings)
/// does both, so that a mistake reads the same wherever it was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Args(BTreeMap<&'static str, Vec<OsString>>);

impl Args {
    /// The values typed for a setting; a switch has `true`, a counting one its number.
    pub(crate) fn typed(&self, setting: &Setting) -> Option<&[OsString]> {
        self.0.get(setting.name).map(Vec::as_slice)
    }
}

impl clap::Args for Args {
    fn augment_args(command: Command) -> Command {
        TABLE.iter().chain([&CONFIG]).fold(command, |command, setting| command.arg(arg(setting)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Args {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut args = Self::default();
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in TABLE.iter().chain([&CONFIG]) {
            let values = typed(setting, matches);
            if !values.is_empty() {
                self.0.insert(setting.name, values);
            }
        }
        Ok(())
    }
}

fn typed(setting: &Setting, matches: &ArgMatches) -> Vec<OsString> {
    match setting.takes {
        Takes::Switch if matches.get_flag(setting.name) => vec!["true".into()],
        Takes::Switch => Vec::new(),
        Takes::Count => match matches.get_count(setting.name) {
            0 => Vec::new(),
            count => vec![count.to_string().into()],
        },
        Takes::Number(_)
        | Takes::Amount(_)
        | Takes::Text(_)
        | Takes::Texts(_)
        | Takes::Path(_)
        | Takes::Paths(_) => {
            matches.get_many::<OsString>(setting.name).into_iter().flatten().cloned().collect()
        }
    }
}

fn arg(setting: &Setting) -> Arg {
    let default = match setting.default {
        "" => String::new(),
        default => format!(" [default: {default}]"),
    };
    let help = format!("{}{default} [env: {}]", setting.help, setting.variable());
    let mut arg = Arg::new(setting.name).long(setting.name).help(help).help_heading("Settings");
    if let Some(short) = setting.short {
        arg = arg.short(short);
    }
    match setting.takes {
        Takes::Switch => arg.action(ArgAction::SetTrue).overrides_with(setting.name),
        Takes::Count => arg.action(ArgAction::Count),
        Takes::Texts(value) | Takes::Paths(value) => {
            arg.action(ArgAction::Append).value_name(value).value_parser(value_parser!(OsString))
        }
        Takes::Number(value) | Takes::Amount(value) | Takes::Text(value) | Takes::Path(value) => arg
            .action(ArgAction::Set)
            .overrides_with(setting.name)
            .value_name(value)
            .value_parser(value_parser!(OsString)),
    }
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
        let help = Args::augment_args(Command::new("juggle")).term_width(400).render_help().to_string();
        let line = help.lines().find(|line| line.contains("--max-filesize")).expect("is there");
        assert!(line.contains("[default: 64MiB] [env: JUGGLE_MAX_FILESIZE]"), "{line}");
    }
}
