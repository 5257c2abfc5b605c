//! The composition root: arguments and settings in, stages wired, exit codes out.
//!
//! In reading order:
//!
//! * [`run`], [`cli`], [`settings`]: from what was typed to what is meant;
//! * [`add`]: from source lists (crate `sources`) to the fetch lane; [`plan`]: what would come
//!   of it;
//! * [`queue_connection`], [`stages`]: the queue at hand and the three workers; `take_back`: what was no text
//!   leaves again;
//! * [`pipeline`], [`stage_command`], [`queue_command`], [`status`], [`verify`], [`redecode`], [`gc`],
//!   [`rebuild`], [`export`], [`config_show`]: the commands;
//! * [`partition_report`]: how else work could be divided; `process_stage`: the built-in processor or the
//!   user's command; `stop_word_warnings`: warnings about lists of stop words;
//! * `reprocess`: what other options made is made anew;
//! * [`pipeline`], [`stage_command`], [`queue_command`], [`status`], [`verify`], [`redecode`], [`gc`],
//!   [`rebuild`], [`export`], [`distance_command`], [`compare`], [`config_show`]: the commands;
//! * `leftovers`: the temporary files that killed processes have left;
//! * `lock`: what a corpus is made of, in `corpus.lock`;
//! * [`sample`]: the bundled library for machines without a network;
//! * [`summary`], [`progress`], [`output`], [`telemetry`], [`signals`], [`directory`], [`exit`]: what people
//!   see;
//! * `blocking`: the way to threads that may block.

pub mod add;
mod anew;
mod blocking;
pub mod cli;
pub mod compare;
pub mod config_show;
pub mod directory;
pub mod distance_command;
mod duplicates;
pub mod exit;
pub mod export;
pub mod gc;
mod leftovers;
mod lock;
pub mod output;
pub mod partition_report;
pub mod pipeline;
pub mod plan;
mod process_stage;
pub mod progress;
pub mod queue_command;
pub mod queue_connection;
pub mod rebuild;
pub mod redecode;
mod reprocess;
pub mod run;
pub mod sample;
pub mod settings;
pub mod signals;
pub mod stage_command;
mod stage_run;
pub mod stages;
pub mod status;
mod stop_word_warnings;
pub mod summary;
mod take_back;
pub mod telemetry;
pub mod verify;

/// The former name of [`queue_connection`], until the commands that leave this crate have left.
#[doc(hidden)]
pub mod attach {
    pub use crate::queue_connection::QueueConnection as Attached;
}
