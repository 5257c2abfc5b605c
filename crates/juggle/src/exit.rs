//! Exit codes, and the error of a command: one message with advice on what to do next.

use std::{fmt, io, path::Path, process::ExitCode};

use export::error::ExportError;
use fetch::list_download::ListError;
use flow::{
    blobs::BlobError, failure::Reason, machine::MachineFailure, queue::QueueError, worker::WorkerError,
};

use sources::error::SourceError;

use settings::{error::SettingsError, origin::Origin};

/// The exit codes, a contract with scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All done.
    Done = 0,
    /// A fault in juggle.
    Bug = 1,
    /// Usage or configuration.
    Usage = 2,
    /// An input or output file.
    File = 3,
    /// The network; nothing was fetched.
    Network = 4,
    /// Interrupted; the same command resumes.
    Interrupted = 7,
    /// Finished, but some documents failed.
    SomeFailed = 8,
    /// No room on the disk.
    DiskFull = 9,
    /// The run directory is in use in a way that cannot be shared.
    InUse = 11,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// The reason why a command failed.
#[derive(Debug)]
pub struct CliError {
    /// The code it ends with.
    pub exit: Exit,
    message: String,
    advice: Option<String>,
}

impl CliError {
    /// Creates an error from a sentence without a full stop.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), advice: None }
    }

    /// Adds advice on what to do next.
    #[must_use]
    pub fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    /// Creates the error for a command that failed to start. A failure of the machine is not reported as a
    /// bug in juggle.
    #[must_use]
    pub fn unstarted(error: &io::Error) -> Self {
        let exit = if MachineFailure::from_any_io(error).is_some() { Exit::File } else { Exit::Bug };
        Self::new(exit, format!("failed to start: {}", MachineFailure::describe(error)))
    }

    /// Creates the error for a file that cannot be read.
    #[must_use]
    pub fn unreadable(path: &Path, error: &io::Error) -> Self {
        Self::new(Exit::File, format!("failed to read '{}': {error}", path.display()))
    }

    /// Creates the error for a file that cannot be written.
    #[must_use]
    pub fn unwritten(path: &Path, error: &io::Error) -> Self {
        let message = format!("failed to write '{}': {}", path.display(), MachineFailure::describe(error));
        if is_full(error) {
            Self::new(Exit::DiskFull, message).advise(MAKE_ROOM)
        } else {
            Self::new(Exit::File, message)
        }
    }

    /// Creates the error for a failure whose message fits after "failed to", with all its causes.
    #[must_use]
    pub fn failed_to(exit: Exit, error: &dyn std::error::Error) -> Self {
        let error = Self::caused(exit, error);
        Self { message: format!("failed to {}", error.message), ..error }
    }

    /// Creates an error with all its causes as one message.
    #[must_use]
    pub fn caused(exit: Exit, error: &dyn std::error::Error) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Many errors repeat their cause in their own message.
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            cause = error.source();
        }
        Self::new(exit, message)
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "juggle: {}", self.message)?;
        self.advice.as_ref().map_or(Ok(()), |advice| write!(f, "\n  {advice}"))
    }
}

const MAKE_ROOM: &str = "Free some disk space, then run the same command to continue. Nothing is lost.";

const CONTINUE: &str = "then run the same command to continue. Nothing is lost.";

/// The same after the cause has gone.
const RESUME: &str = "Remove the cause, then run the same command to continue. Nothing is lost.";

const MEND_COMMAND: &str = "Correct the command, then run juggle again. No document has failed because of \
    it. The command must read one line of JSON for each document until its input ends, answer each line, \
    flush its output, and end with status 0.";

impl From<QueueError> for CliError {
    fn from(error: QueueError) -> Self {
        let exit = match &error {
            QueueError::DiskFull(_) => return Self::caused(Exit::DiskFull, &error).advise(MAKE_ROOM),
            QueueError::InUse(_) => Exit::InUse,
            QueueError::Broken(_) => return Self::caused(Exit::File, &error).advise(RESUME),
            QueueError::Version(_) | QueueError::Damaged(_) | QueueError::Unreachable(_) => Exit::File,
            // Workers and the feeder handle these; one that reaches the user is a fault in juggle.
            QueueError::Stale(_)
            | QueueError::Full(_)
            | QueueError::CursorMoved(_)
            | QueueError::Invalid(_) => Exit::Bug,
        };
        Self::caused(exit, &error)
    }
}

/// The advice for missing or damaged files.
pub(crate) const MEND: &str = "Run 'juggle verify' to list all damaged files. With --repair, it puts their documents back into the \
     queue.";

impl From<BlobError> for CliError {
    fn from(error: BlobError) -> Self {
        match &error {
            BlobError::NotFound(_) | BlobError::Damaged { .. } => {
                Self::caused(Exit::File, &error).advise(MEND)
            }
            BlobError::DiskFull { .. } => Self::caused(Exit::DiskFull, &error).advise(MAKE_ROOM),
            BlobError::Machine { .. } => Self::caused(Exit::File, &error).advise(RESUME),
            BlobError::Busy(_) | BlobError::TooLarge { .. } | BlobError::Io { .. } => {
                Self::caused(Exit::File, &error)
            }
        }
    }
}

impl From<ExportError> for CliError {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Blob(error) => error.into(),
            ExportError::Write { path, source } => Self::unwritten(&path, &source),
            ExportError::Damaged { .. } => Self::caused(Exit::File, &error).advise(MEND),
            ExportError::Read { .. } => Self::caused(Exit::File, &error),
            ExportError::Busy(_) => Self::caused(Exit::InUse, &error).advise("Wait until it has finished."),
            ExportError::NothingThere(_) => Self::caused(Exit::File, &error)
                .advise("Export another format first, or at the same time: juggle export jsonl sha256sums"),
        }
    }
}

impl From<SourceError> for CliError {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Queue(error) => error.into(),
            SourceError::Blob(error) => error.into(),
            SourceError::Download(error) => error.into(),
            SourceError::Argument { .. } => Self::failed_to(Exit::Usage, &error),
            // Before the other failures of the machine: a full disk has its own exit code and advice.
            SourceError::Write { ref source, .. } if is_full(source) => {
                Self::failed_to(Exit::DiskFull, &error).advise(MAKE_ROOM)
            }
            SourceError::Read { ref source, .. }
            | SourceError::Write { ref source, .. }
            | SourceError::Snapshot { ref source, .. }
                if MachineFailure::from_any_io(source).is_some() =>
            {
                let advice =
                    MachineFailure::from_any_io(source).map(|condition| format!("{condition}, {CONTINUE}"));
                Self { advice, ..Self::failed_to(Exit::File, &error) }
            }
            SourceError::Read { .. }
            | SourceError::NotAList { .. }
            | SourceError::Write { .. }
            | SourceError::Snapshot { .. }
            | SourceError::Altered { .. }
            | SourceError::Damaged { .. } => Self::failed_to(Exit::File, &error),
            SourceError::NoTexts => Self::caused(Exit::File, &error)
                .advise("A line of a list has a URL, pg:NUMBER or a path. A table needs a column 'url'."),
            SourceError::NoCatalog => Self::caused(Exit::Usage, &error).advise(
                "Add the catalogue as a URL or a file: --catalog \
                 https://www.gutenberg.org/cache/epub/feeds/pg_catalog.csv.gz",
            ),
            SourceError::Bulk { .. } => Self::caused(Exit::Usage, &error).advise(
                "To fetch them from a mirror, add --mirror \
                 https://www.gutenberg.org=https://gutenberg.pglaf.org. Books that are named as pg:NUMBER, \
                 as pg:FIRST-LAST or by --catalog are fetched from mirrors, too (--gutenberg-mirror BASE \
                 chooses them). For robots, the site offers \
                 https://www.gutenberg.org/robot/harvest?filetypes[]=txt&langs[]=en with 2 s between \
                 requests.",
            ),
            SourceError::Panicked(_) => Self::caused(Exit::Bug, &error),
        }
    }
}

impl From<ListError> for CliError {
    fn from(error: ListError) -> Self {
        match &error {
            ListError::Invalid(_) | ListError::Client(_) => Self::caused(Exit::Usage, &error),
            ListError::Failed(_) => Self::failed_to(Exit::Network, &error).advise(
                "Nothing was added. Try again, or download the list with another program and use \
                    the file.",
            ),
            ListError::Keep { source, .. } if is_full(source) => Self::failed_to(Exit::DiskFull, &error),
            ListError::Keep { .. } => Self::failed_to(Exit::File, &error),
        }
    }
}

impl From<SettingsError> for CliError {
    fn from(error: SettingsError) -> Self {
        // A condition of the machine is no mistake of the user.
        let exit = match &error {
            SettingsError::ReadFile { source, .. } if MachineFailure::from_own_io(source).is_some() => {
                Exit::File
            }
            _ => Exit::Usage,
        };
        let failed = Self::failed_to(exit, &error);
        match error {
            SettingsError::Value { name, origin: Origin::Remembered, .. } => {
                failed.advise(format!("To remove the remembered value: juggle config unset {name} -o DIR"))
            }
            _ => failed,
        }
    }
}

/// Returns whether the disk is full.
#[must_use]
pub fn is_full(error: &io::Error) -> bool {
    MachineFailure::from_own_io(error) == Some(MachineFailure::DiskFull)
}

impl From<WorkerError> for CliError {
    fn from(error: WorkerError) -> Self {
        match error {
            WorkerError::Queue(error) => error.into(),
            WorkerError::Halted(failure) if failure.reason == Reason::DiskFull => {
                Self::new(Exit::DiskFull, failure.message).advise(MAKE_ROOM)
            }
            // The user's command is part of the usage: the documents are not at fault.
            WorkerError::Halted(failure) if failure.reason == Reason::Command => {
                Self::new(Exit::Usage, failure.message).advise(MEND_COMMAND)
            }
            WorkerError::Halted(failure) => Self::new(Exit::File, failure.message).advise(RESUME),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_at_the_start_names_its_cause_and_is_no_bug() {
        let error = CliError::unstarted(&io::Error::from(rustix::io::Errno::MFILE));
        assert_eq!(error.exit, Exit::File);
        assert!(error.to_string().contains("ulimit -n"), "{error}");
        assert_eq!(CliError::unstarted(&io::ErrorKind::Other.into()).exit, Exit::Bug);
    }
}
