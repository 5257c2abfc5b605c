//! The process stage: the built-in processor, or the user's command.

use std::{sync::Arc, time::Duration};

use flow::{blobs::BlobStore, counters::Counters, shutdown::Phase};
use process::{
    error::ProcessError,
    exec::stage::Exec,
    schedule::partition_table::{Partition, partitions},
    stage::Process,
    stop_word_warnings::TokensBy,
    words::Words,
};

use settings::resolved::Settings;

/// The time that a command's processes have to end by themselves: at the end of a run, and after a signal.
const FAREWELL: Duration = Duration::from_secs(10);
const FAREWELL_STOPPED: Duration = Duration::from_secs(2);

/// The process stage.
#[derive(Clone)]
pub(crate) enum ProcessStage {
    BuiltIn(Arc<Process>),
    Exec(Arc<Exec>),
}

impl ProcessStage {
    /// Creates the stage of the settings.
    ///
    /// # Errors
    /// Returns an error if the threads cannot be started.
    pub(crate) fn new(
        settings: &Settings,
        blobs: Arc<dyn BlobStore>,
        counters: Arc<Counters>,
    ) -> Result<Self, ProcessError> {
        let options = settings.words.clone();
        match settings.exec.clone() {
            Some(exec) => {
                let stage = Exec::new(exec, options, settings.threads, blobs, counters)?;
                Ok(Self::Exec(Arc::new(stage)))
            }
            None => {
                let config = settings.process_config();
                let stage = Process::with_processor(config, blobs, counters, Words::with_options(options))?;
                Ok(Self::BuiltIn(Arc::new(stage)))
            }
        }
    }

    /// Returns the working time of each thread or process.
    pub(crate) fn busy(&self) -> Vec<Duration> {
        match self {
            Self::BuiltIn(stage) => stage.busy(),
            Self::Exec(stage) => stage.busy(),
        }
    }

    /// Returns the number of documents that it holds at a time. A command may be slow, so few wait for it:
    /// another process could take them.
    pub(crate) fn concurrency(&self, settings: &Settings) -> usize {
        match self {
            Self::BuiltIn(stage) => settings.process_concurrency(stage.threads()),
            // One document in work and one ready for each process, so that none waits for the queue.
            Self::Exec(stage) => 2 * stage.threads(),
        }
    }

    /// Returns the partitions of the work, the given one first. The work of a command is not divided.
    pub(crate) fn partitions(&self, settings: &Settings) -> Vec<Partition> {
        match self {
            Self::BuiltIn(stage) => partitions(&stage.sizes(), settings.chunk, stage.threads(), stage.pace()),
            Self::Exec(_) => Vec::new(),
        }
    }

    /// Returns the part that decides what a token is.
    pub(crate) const fn tokens_by(&self) -> TokensBy {
        match self {
            Self::BuiltIn(_) => TokensBy::Tokenizer,
            Self::Exec(_) => TokensBy::Command,
        }
    }

    /// Ends the processes of a command when the work has ended or the run is stopped.
    pub(crate) async fn end(&self, phase: Phase) {
        match self {
            Self::BuiltIn(_) => {}
            Self::Exec(stage) => {
                let patience = match phase {
                    Phase::Running => FAREWELL,
                    Phase::Draining => FAREWELL_STOPPED,
                    // The second signal: the processes are killed.
                    Phase::Now => Duration::ZERO,
                };
                stage.end(patience).await;
            }
        }
    }
}
