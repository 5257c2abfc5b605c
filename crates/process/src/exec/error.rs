//! What can go wrong with a command, by what becomes of the document.

use std::{fmt, io, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use flow::{
    failure::{Failure, Reason},
    machine::MachineFailure,
    payload::ProcessJob,
    stage::StageError,
};

/// How much of what was said last is told with a failure, in bytes. The log has more.
const TOLD_BYTES_MAX: usize = 160;

/// Exit statuses from here on say of a shell that a signal ended what it ran.
const SHELL_SIGNALS: i32 = 128;

/// Why a command gave no results for a document.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// A child ended before it had answered: it may go better with another one.
    #[error("the command {0}")]
    Ended(Ending),
    /// A child did not answer in time: give it more time, or look why it hangs.
    #[error(
        "the command did not answer within {} s and was killed (--exec-timeout); does it flush its output after each line?{said}",
        timeout.as_secs_f64()
    )]
    Late {
        /// The time it had.
        timeout: Duration,
        /// What it said last.
        said: Said,
    },
    /// An answer had no end: it was not read on.
    #[error(
        "the command's answer is over {bytes_max} bytes long, eight times the text and a MiB; it was killed"
    )]
    TooLong {
        /// The longest answer for this document.
        bytes_max: usize,
    },
    /// An answer cannot be used.
    #[error("the command's answer cannot be used: {0}")]
    Garbled(String),
    /// The command itself says that it cannot do this document.
    #[error("the command says: {0}")]
    Refused(String),
    /// The text is too large to be handed over in one piece.
    #[error("the text is over {bytes_max} bytes long, the most that --exec hands over in one piece")]
    TextTooLarge {
        /// The longest text.
        bytes_max: u64,
    },
    /// The command does not work at all, whatever the document.
    #[error("the command of --exec does not work: started {tries} times {given}, it {ending}")]
    Unusable {
        /// How often it was tried.
        tries: u32,
        /// What it was given.
        given: &'static str,
        /// How it ended each time.
        ending: Ending,
    },
    /// The system starts no process.
    #[error("cannot start 'sh -c' for the command of --exec: {0}")]
    Unstartable(#[source] io::Error),
}

impl ExecError {
    /// Whether it may come from what the child did for other documents before.
    pub(super) const fn may_be_of_another(&self) -> bool {
        match self {
            Self::Ended(_) | Self::TooLong { .. } | Self::Garbled(_) => true,
            Self::Late { .. }
            | Self::Refused(_)
            | Self::TextTooLarge { .. }
            | Self::Unusable { .. }
            | Self::Unstartable(_) => false,
        }
    }
}

impl From<ExecError> for StageError<ProcessJob> {
    fn from(error: ExecError) -> Self {
        let message = error.to_string();
        match error {
            ExecError::Ended(_) => Self::retry(Reason::Command, message),
            ExecError::Late { .. } => Self::fatal(Reason::Timeout, message),
            ExecError::TextTooLarge { .. } => Self::fatal(Reason::TooLarge, message),
            ExecError::TooLong { .. } | ExecError::Garbled(_) | ExecError::Refused(_) => {
                Self::fatal(Reason::Command, message)
            }
            // A shortage of processes is reported as `WouldBlock`, like a temporary condition (fork(2)).
            ExecError::Unstartable(source)
                if MachineFailure::from_any_io(&source).is_some()
                    || source.kind() == io::ErrorKind::WouldBlock =>
            {
                Self::Halt(Failure::new(Reason::Internal, message))
            }
            ExecError::Unusable { .. } | ExecError::Unstartable(_) => {
                Self::Halt(Failure::new(Reason::Command, message))
            }
        }
    }
}

/// How a child ended by itself, and what it said last.
#[derive(Debug)]
pub struct Ending {
    /// None where it closed its output and went on, and was killed.
    pub(super) status: Option<ExitStatus>,
    pub(super) said: Said,
}

impl Ending {
    pub(super) fn is_success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status.map(|status| (status.code(), status.signal())) {
            None => f.write_str("closed its input or output, went on, and was killed")?,
            Some((Some(code), _)) => {
                write!(f, "ended with exit status {code}")?;
                if (SHELL_SIGNALS + 1..SHELL_SIGNALS + 65).contains(&code) {
                    write!(f, " (signal {}, where a shell says so)", code - SHELL_SIGNALS)?;
                }
            }
            Some((None, Some(signal))) => write!(f, "was ended by signal {signal}")?,
            Some((None, None)) => f.write_str("ended in an unknown way")?,
        }
        write!(f, " before it had answered{}", self.said)
    }
}

/// The last lines that a child said on standard error.
#[derive(Debug, Default)]
pub struct Said(pub(super) String);

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.trim();
        if text.is_empty() {
            return Ok(());
        }
        let last = &text[text.ceil_char_boundary(text.len().saturating_sub(TOLD_BYTES_MAX))..];
        // From the beginning of a line, where one begins there.
        let begins_within = last.len() < text.len();
        let last = last.split_once('\n').filter(|_| begins_within).map_or(last, |(_, lines)| lines);
        let lines: Vec<&str> = last.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        write!(f, "; it said last: {}", lines.join(" | ").escape_debug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_says_how_and_what_was_said_last() {
        let ending = |raw: i32, said: &str| {
            let status = Some(ExitStatus::from_raw(raw));
            Ending { status, said: Said(said.to_owned()) }.to_string()
        };
        assert_eq!(ending(3 << 8, ""), "ended with exit status 3 before it had answered");
        assert_eq!(ending(9, "\n"), "was ended by signal 9 before it had answered");
        assert!(ending(139 << 8, "").contains("139 (signal 11, where a shell says so)"));
        let trace = "Traceback\n".repeat(100) + "  at line 7\n\nValueError: no\tluck\n";
        let told = ending(1 << 8, &trace);
        assert!(told.ends_with("Traceback | at line 7 | ValueError: no\\tluck"), "{told}");
        assert!(told.len() < 300, "{told}");
        assert!(ending(1 << 8, &"é".repeat(500)).ends_with("éé"));
    }
}
