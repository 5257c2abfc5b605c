//! The composition root: arguments and settings in, stages wired, exit codes out.
//!
//! In reading order:
//!
//! * [`run`], [`cli`], [`settings`]: from the arguments to checked settings;
//! * `broker_command`, [`stages`]: the command that starts an owner of the queue, and the three workers;
//! * [`pipeline`], [`stage_command`]: the commands that run stages; both use `stage_run`, which uses
//!   `lock_session` (the lock that a run must match, or writes) and `retract` (block pages that were stored
//!   as texts);
//! * [`add`], [`plan`], [`queue_command`], [`status`], [`verify`], [`cat`], [`convert`], [`redecode`],
//!   [`gc`], [`rebuild`], [`export`], [`distance_command`], [`compare`], [`config_command`]: the other
//!   commands;
//! * [`partition_report`]: other partitions of the work of the process stage; `process_stage`: the built-in
//!   processor or the user's command;
//! * `source_arguments`: the sources that a command names; `listed_jobs`: documents in the source lists;
//!   `directory::leftovers`: the temporary files that killed processes left behind;
//! * [`sample`]: the bundled library for machines without a network;
//! * [`summary`], [`progress`], [`output`], [`telemetry`], [`signals`], [`directory`], [`exit`]: output,
//!   signals and exit codes; `blocking`: threads that may block.

pub mod add;
mod blocking;
mod broker_command;
pub mod cat;
pub mod cli;
pub mod compare;
pub mod config_command;
pub mod convert;
pub mod dashboard_command;
pub mod directory;
pub mod distance_command;
mod event_sink;
pub mod exit;
pub mod export;
pub mod gc;
mod listed_jobs;
mod lock_session;
pub mod log_command;
pub mod manual;
pub mod output;
pub mod partition_report;
pub mod pipeline;
pub mod plan;
mod process_stage;
pub mod progress;
pub mod queue_command;
pub mod rebuild;
pub mod redecode;
pub mod report;
mod retract;
pub mod run;
pub mod sample;
pub mod signals;
mod source_arguments;
pub mod stage_command;
mod stage_run;
pub mod stages;
pub mod status;
pub mod summary;
pub mod telemetry;
pub mod verify;
