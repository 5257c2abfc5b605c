//! The process stage: the built-in processor, or a command of the user's.

use std::{sync::Arc, time::Duration};

use flow::{blobs::BlobStore, counters::Counters, shutdown::Phase};
use process::{error::ProcessError, exec::stage::Exec, stage::Process, words::Words};

use crate::{
    partition_report::{Partition, partitions},
    settings::resolved::Settings,
    stop_word_warnings::TokensBy,
};

/// How long a command's children have to end by themselves at the end of a run, and of one that was told to stop.
const FAREWELL: Duration = Duration::from_secs(10);
const FAREWELL_STOPPED: Duration = Duration::from_secs(2);

/// The process stage.
#[derive(Clone)]
pub(crate) enum ProcessStage {
    BuiltIn(Arc<Process>),
    Exec(Arc<Exec>),
}

impl ProcessStage {
    /// As the settings say.
    ///
    /// # Errors
    /// Where the threads cannot be started.
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

    /// How long each of them was at work.
    pub(crate) fn busy(&self) -> Vec<Duration> {
        match self {
            Self::BuiltIn(stage) => stage.busy(),
            Self::Exec(stage) => stage.busy(),
        }
    }

    /// How many documents it holds at a time. A command may be slow: what waits for it could go to another process.
    pub(crate) fn concurrency(&self, settings: &Settings) -> usize {
        match self {
            Self::BuiltIn(stage) => settings.process_concurrency(stage.threads()),
            Self::Exec(stage) => 2 * stage.threads(),
        }
    }

    /// In which ways the work could have been divided, that which was asked for first. A command's is not divided.
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

    /// How unevenly: the busiest one's time over the mean. None where none was.
    pub(crate) fn imbalance(&self) -> Option<f64> {
        match self {
            Self::BuiltIn(stage) => stage.imbalance(),
            Self::Exec(stage) => stage.imbalance(),
        }
    }

    /// There is no more work, or the run is stopped: ends what was started.
    pub(crate) async fn end(&self, phase: Phase) {
        match self {
            Self::BuiltIn(_) => {}
            Self::Exec(stage) => {
                let patience = match phase {
                    Phase::Running => FAREWELL,
                    Phase::Draining => FAREWELL_STOPPED,
                    Phase::Now => Duration::ZERO,
                };
                stage.end(patience).await;
            }
        }
    }
}
