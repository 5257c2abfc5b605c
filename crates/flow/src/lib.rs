//! The contracts of juggle's dataflow, and the worker loop that connects them.
//!
//! A *stage* does one step of the work on a document. Its jobs wait in a *lane* of the *queue*. A *worker*
//! claims a job, runs the stage, and completes the job and adds the follow-up jobs in one step. This crate
//! names these parts, and knows neither the queue's database nor HTTP nor threads. In reading order:
//!
//! * [`lane`], [`job`], [`failure`]: what waits in the queue, and why a job failed;
//! * [`document`], [`payload`]: the id of a document, and the payloads of jobs;
//! * [`queue`]: the contracts of the durable queue: [`JobQueue`](queue::JobQueue) for workers,
//!   [`QueueAdmin`](queue::QueueAdmin) for people and the feeder;
//! * [`blobs`]: the contract of the blob store, [`BlobStore`](blobs::BlobStore);
//! * [`stage`]: the contract of a stage, [`Stage`](stage::Stage);
//! * [`worker`]: **the loop**; it uses [`retry`], [`shutdown`], [`counters`] and [`events`];
//! * [`machine`]: conditions of the machine that stop a run and that no document causes;
//! * [`record`], [`json_line`]: JSON files with a checksum, and JSON that stays in one line;
//! * [`atomic_file`], [`locked_file`], [`safe_file`], [`temporary`]: files that are written as a whole,
//!   locked, opened without following links, and removed after their writer was killed;
//! * [`clock`], [`durability`], [`byte_size`], [`choice`], [`shell`]: the wall clock, what a write survives,
//!   sizes as people write them, enums that people choose from by name, and quoting of commands.
//!
//! With the feature `testing`, `testing` has a queue and a blob store in memory, and a test suite for each
//! contract.
//!
//! # Example
//!
//! A stage of one's own, and a worker that runs it on a queue in memory. The crate `queue` has the same
//! example on the durable queue.
//!
//! ```
//! use std::sync::Arc;
//!
//! use flow::{
//!     events::NoEvents,
//!     job::NewJob,
//!     lane::Lane,
//!     payload::Nothing,
//!     queue::{Push, QueueAdmin},
//!     shutdown::shutdown,
//!     stage::{Attempt, Ending, Report, Stage},
//!     testing::memory_queue::MemoryQueue,
//!     worker::{Ended, Worker, WorkerConfig},
//! };
//!
//! #[derive(serde::Serialize, serde::Deserialize)]
//! struct CountLines { name: String, text: String }
//!
//! impl From<CountLines> for NewJob {
//!     fn from(job: CountLines) -> Self { Self::new(Lane::Process, &job.name, &job) }
//! }
//!
//! struct LineCounter;
//!
//! impl Stage for LineCounter {
//!     const LANE: Lane = Lane::Process;
//!     type Input = CountLines;
//!     type Output = Nothing;
//!
//!     async fn run(&self, job: CountLines, _: Attempt) -> Report<CountLines, Nothing> {
//!         println!("{}: {} lines", job.name, job.text.lines().count());
//!         Ending::Done(vec![]).into()
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let queue = Arc::new(MemoryQueue::default());
//! let job = CountLines { name: "haiku".to_owned(), text: "An old pond\n".to_owned() };
//! queue.push(Push { jobs: vec![job.into()], cursor: None }).await?;
//!
//! let (trigger, shutdown) = shutdown();
//! let (stage, counters, events) = (Arc::new(LineCounter), Arc::default(), Arc::new(NoEvents));
//! let worker =
//!     Worker { stage, queue: queue.clone(), config: WorkerConfig::default(), counters, events, shutdown, trigger };
//! assert_eq!(worker.run().await?, Ended::Finished);
//! assert_eq!(queue.stats().await?.lane(Lane::Process).done, 1);
//! # Ok(())
//! # }
//! ```

pub mod atomic_file;
pub mod blobs;
pub mod byte_size;
pub mod choice;
pub mod clock;
pub mod counters;
pub mod document;
pub mod durability;
pub mod events;
pub mod failure;
pub mod job;
pub mod json_line;
pub mod lane;
pub mod locked_file;
pub mod machine;
mod names;
pub mod payload;
pub mod queue;
pub mod record;
pub mod retry;
pub mod safe_file;
pub mod shell;
pub mod shutdown;
pub mod stage;
pub mod temporary;
pub mod worker;

#[cfg(any(test, feature = "testing"))]
pub mod testing;
