//! The errors of a command, by what becomes of the document.

use std::{fmt, io, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use flow::{
    failure::{Failure, Reason},
    machine::MachineFailure,
    stage::Ending,
};

use crate::error::ProcessError;

/// The maximum length of the standard error that a message shows, in bytes. The log has more.
const SHOWN_BYTES_MAX: usize = 160;

/// A shell exits with this number plus that of the signal, if a signal ended its command.
const SHELL_SIGNALS: i32 = 128;

/// An error of a command with a document.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// A child exited without an answer. Another child may succeed.
    #[error("the command {0}")]
    Exited(ChildExit),
    /// A child did not answer in time. It needs more time, or it hangs.
    #[error(
        "the command did not answer within {} s and was killed (--exec-timeout). Check that it flushes its \
         output after each line{stderr}",
        timeout.as_secs_f64()
    )]
    Timeout {
        /// The time limit.
        timeout: Duration,
        /// The end of its standard error.
        stderr: StderrTail,
    },
    /// An answer was too long, and was not read to its end.
    #[error(
        "the command was killed because its answer has more than {bytes_max} bytes, which is eight times \
         the text plus 1 MiB"
    )]
    TooLong {
        /// The maximum length of an answer to this document, in bytes.
        bytes_max: usize,
    },
    /// An answer is invalid.
    #[error("the command's answer cannot be used: {0}")]
    InvalidAnswer(String),
    /// The command itself reports that it cannot process the document.
    #[error("the command reported: {0}")]
    Refused(String),
    /// The text is too large for one line.
    #[error("the text has more than {bytes_max} bytes, the maximum for --exec")]
    TextTooLarge {
        /// The maximum length of a text, in bytes.
        bytes_max: u64,
    },
    /// The command does not work with any document.
    #[error("the command of --exec does not work: started {tries} times {given}, it {exit}")]
    Unusable {
        /// The number of times that it was started.
        tries: u32,
        /// Describes the input of those starts.
        given: &'static str,
        /// The last exit.
        exit: ChildExit,
    },
    /// The text could not be read, or the results not be written.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The system cannot start a process.
    #[error("cannot start 'sh -c' for the command of --exec: {0}")]
    Unstartable(#[source] io::Error),
}

impl ExecError {
    /// Returns whether the cause may be a document that the child had before.
    pub(super) const fn may_come_from_another(&self) -> bool {
        match self {
            Self::Exited(_) | Self::TooLong { .. } | Self::InvalidAnswer(_) => true,
            Self::Timeout { .. }
            | Self::Refused(_)
            | Self::TextTooLarge { .. }
            | Self::Process(_)
            | Self::Unusable { .. }
            | Self::Unstartable(_) => false,
        }
    }
}

impl<I, O> From<ExecError> for Ending<I, O> {
    fn from(error: ExecError) -> Self {
        let message = error.to_string();
        match error {
            ExecError::Process(error) => error.into(),
            ExecError::Exited(_) => Self::retry(Reason::Command, message),
            ExecError::Timeout { .. } => Self::dead(Reason::Timeout, message),
            ExecError::TextTooLarge { .. } => Self::dead(Reason::TooLarge, message),
            ExecError::TooLong { .. } | ExecError::InvalidAnswer(_) | ExecError::Refused(_) => {
                Self::dead(Reason::Command, message)
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

/// The exit of a child that was not killed, and the end of its standard error.
#[derive(Debug)]
pub struct ChildExit {
    /// `None` if the child closed a pipe and did not exit, so that it was killed.
    pub(super) status: Option<ExitStatus>,
    pub(super) stderr: StderrTail,
}

impl ChildExit {
    pub(super) fn is_success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

impl fmt::Display for ChildExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status.map(|status| (status.code(), status.signal())) {
            None => f.write_str("closed its input or output, did not exit, and was killed")?,
            Some((Some(code), _)) => {
                write!(f, "ended with exit status {code}")?;
                if (SHELL_SIGNALS + 1..SHELL_SIGNALS + 65).contains(&code) {
                    write!(f, " (signal {}, if a shell reports it)", code - SHELL_SIGNALS)?;
                }
            }
            Some((None, Some(signal))) => write!(f, "was ended by signal {signal}")?,
            Some((None, None)) => f.write_str("ended in an unknown way")?,
        }
        write!(f, " before it answered{}", self.stderr)
    }
}

/// The last lines of a child's standard error.
#[derive(Debug, Default)]
pub struct StderrTail(pub(super) String);

impl fmt::Display for StderrTail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.trim();
        if text.is_empty() {
            return Ok(());
        }
        let last = &text[text.ceil_char_boundary(text.len().saturating_sub(SHOWN_BYTES_MAX))..];
        // A line of which only the end is left is dropped, unless it is the only one.
        let is_cut = last.len() < text.len();
        let last = last.split_once('\n').filter(|_| is_cut).map_or(last, |(_, lines)| lines);
        let lines: Vec<&str> = last.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        write!(f, "; last on standard error: {}", lines.join(" | ").escape_debug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_has_its_status_and_the_last_lines_of_standard_error() {
        let exit = |raw: i32, stderr: &str| {
            let status = Some(ExitStatus::from_raw(raw));
            ChildExit { status, stderr: StderrTail(stderr.to_owned()) }.to_string()
        };
        assert_eq!(exit(3 << 8, ""), "ended with exit status 3 before it answered");
        assert_eq!(exit(9, "\n"), "was ended by signal 9 before it answered");
        assert!(exit(139 << 8, "").contains("139 (signal 11, if a shell reports it)"));
        let trace = "Traceback\n".repeat(100) + "  at line 7\n\nValueError: no\tluck\n";
        let message = exit(1 << 8, &trace);
        assert!(message.ends_with("Traceback | at line 7 | ValueError: no\\tluck"), "{message}");
        assert!(message.len() < 300, "{message}");
        assert!(exit(1 << 8, &"é".repeat(500)).ends_with("éé"));
    }
}
