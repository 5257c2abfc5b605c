//! Arranges the help of all commands: which settings each shows, and the examples of `-h`.
//!
//! Every command accepts every shared setting, so that an alias or a script can pass the same flags to all.
//! Its help shows only those that it uses. `-h` fits on one screen: the common settings and a few examples.
//! `--help` shows everything; its text is in `help/`.

use clap::Command;

use settings::table::{ALL, Group, Setting};

/// The width of the help in columns, if the terminal is wide enough.
const WIDTH: usize = 100;

const DETAILS: &str = "All options, their defaults and more examples: --help";

/// Arranges the help of a program and of its commands.
pub(crate) fn arrange(program: Command) -> Command {
    // `juggle-fetch` is `juggle fetch`.
    let path = program.get_name().trim_start_matches("juggle-").to_owned();
    arrange_at(&path, program)
}

fn arrange_at(path: &str, command: Command) -> Command {
    let command = command.max_term_width(WIDTH).mut_subcommands(|command| {
        let below = match path {
            "juggle" => command.get_name().to_owned(),
            above => format!("{above} {}", command.get_name()),
        };
        arrange_at(&below, command)
    });
    let examples = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
    // `-h` shows only the first paragraph of the long help: the examples.
    let examples = examples.split("\n\n").next().unwrap_or_default().trim_end();
    let after_help = if path == "juggle" {
        format!("{examples}\n\nOptions of a command: juggle COMMAND --help\nExit codes: juggle --help")
    } else {
        format!("{examples}\n\n{DETAILS}")
    };
    command.after_help(after_help).mut_args(|arg| {
        let id = arg.get_id().as_str();
        let is_used = match ALL.iter().find(|setting| setting.name == id) {
            Some(setting) => uses_setting(path, setting),
            None => uses_stage_flag(path, id),
        };
        // Hidden, not removed: every command accepts every shared setting.
        if is_used { arg } else { arg.hide(true) }
    })
}

/// Returns whether a command uses a setting.
fn uses_setting(command: &str, setting: &Setting) -> bool {
    use Group::{Downloads, Failures, Files, General, Sources, Texts, Tokens};
    match (command, setting.group) {
        (_, General) | ("pipeline" | "config show", _) => true,
        ("add", group) => group == Sources || setting.name == "layout",
        ("plan", group) => matches!(group, Sources | Downloads),
        ("fetch", group) => matches!(group, Sources | Downloads | Files | Failures),
        ("store", group) => matches!(group, Texts | Files | Failures),
        ("process", group) => matches!(group, Tokens | Files | Failures),
        ("distance", _) => setting.name == "threads",
        ("convert", _) => matches!(setting.name, "layout" | "compress" | "durability"),
        ("compare", _) => matches!(setting.name, "threads" | "max-concurrent-downloads"),
        ("queue serve" | "queue", _) => setting.name == "durability",
        _ => false,
    }
}

/// Returns whether a command uses one of its own flags. The stages share their arguments.
fn uses_stage_flag(command: &str, flag: &str) -> bool {
    !matches!((command, flag), ("store" | "process", "watch" | "refresh") | ("fetch" | "store", "explain"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::{Cli, queue::QueueCli, stage_command};

    /// The number of lines of a screen.
    const LINES: usize = 42;

    fn each(command: &Command, check: &mut impl FnMut(&Command)) {
        check(command);
        command
            .get_subcommands()
            .filter(|command| command.get_name() != "help")
            .for_each(|one| each(one, check));
    }

    fn all_commands(mut check: impl FnMut(&Command)) {
        let stages = flow::lane::Lane::ALL.map(stage_command);
        let others = [Cli::command(), QueueCli::command()].map(arrange);
        for mut command in others.into_iter().chain(stages) {
            command.build();
            each(&command, &mut check);
        }
    }

    #[test]
    fn the_short_help_of_every_command_is_one_screen_with_an_example() {
        all_commands(|command| {
            let help = command.clone().term_width(WIDTH).render_help().to_string();
            let name = command.get_bin_name().unwrap_or_default();
            assert!(help.lines().count() <= LINES, "{name}: {} lines\n{help}", help.lines().count());
            assert!(help.lines().all(|line| line.chars().count() <= WIDTH), "{help}");
            assert!(help.contains("Example"), "{name}: {help}");
        });
    }

    #[test]
    fn the_help_of_every_command_is_that_of_its_snapshot() {
        insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
            all_commands(|command| {
                let name = command.get_bin_name().unwrap_or(command.get_name()).replace(' ', "_");
                let short = command.clone().term_width(WIDTH).render_help();
                let long = command.clone().term_width(WIDTH).render_long_help();
                insta::assert_snapshot!(name, format!("{short}\n=== --help\n\n{long}"));
            });
        });
    }

    #[test]
    fn the_long_help_shows_every_default_and_is_not_wrapped_by_force() {
        all_commands(|command| {
            let text = command.get_after_long_help().map(ToString::to_string).unwrap_or_default();
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        });
        let help = arrange(Cli::command()).render_long_help().to_string();
        assert!(help.contains("Exit codes:"), "{help}");
    }
}
