//! Asks for confirmation before many jobs are changed.

use std::io::{self, IsTerminal, Write};

use crate::{
    blocking::blocking,
    exit::{CliError, Exit},
};

/// The state of a confirmation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consent {
    /// Given on the command line.
    Given,
    /// Must be asked for.
    ToAsk,
}

/// Checks that a question can be asked.
///
/// # Errors
/// Returns an error with [`Exit::Usage`] if standard input is not a terminal.
pub(super) fn must_be_askable(what: &str) -> Result<(), CliError> {
    // A script would wait for ever, or answer with whatever it reads next.
    if io::stdin().is_terminal() {
        return Ok(());
    }
    let message =
        format!("'{what}' without job ids needs a confirmation, but standard input is not a terminal");
    Err(CliError::new(Exit::Usage, message)
        .advise("Add --yes to confirm, or --dry-run to see the number of jobs. Or name the ids of the jobs."))
}

/// Asks on the terminal. Any answer but y and yes is no, and so is the end of the input.
///
/// # Errors
/// Returns an error if the terminal cannot be written or read.
pub(super) async fn agrees(question: String) -> Result<bool, CliError> {
    let asking = blocking(move || ask(&question));
    let answer = asking.await?;
    answer.map_err(|error| CliError::caused(Exit::File, &error).advise("Add --yes to confirm."))
}

fn ask(question: &str) -> io::Result<bool> {
    // On standard error, so that the question does not end up in a redirected result.
    let mut stderr = io::stderr().lock();
    write!(stderr, "{question} [y/N] ")?;
    stderr.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(is_yes(&answer))
}

fn is_yes(answer: &str) -> bool {
    let answer = answer.trim();
    answer.eq_ignore_ascii_case("y") || answer.eq_ignore_ascii_case("yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_is_one() {
        for yes in ["y\n", "Y\r\n", "yes", " YES \n"] {
            assert!(is_yes(yes), "{yes:?}");
        }
        for no in ["", "\n", "n\n", "no\n", "yess\n", "j\n", "y y\n"] {
            assert!(!is_yes(no), "{no:?}");
        }
    }
}
