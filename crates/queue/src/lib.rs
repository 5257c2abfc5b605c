//! A durable job queue on sled, shared by many processes.
//!
//! One process owns the database. Every other process talks to it through a Unix socket. In reading order:
//!
//! * [`ledger`]: the synchronous core: every transition of a job, with `now` as an argument;
//! * [`log`]: what the ledger writes: commit groups, first in a write-ahead log, then in a database;
//! * [`owner`]: the one thread that owns the ledger, and commits many requests at once;
//! * [`transport`]: how clients reach the owner, in its own process or through its socket;
//! * [`session`]: identifies a client and its process;
//! * [`directory`]: the queue's files in a run directory, and who may own them; [`condition`]: damaged and
//!   unfinished ones;
//! * [`connection`]: connects a program to the queue of a run directory, as its owner or as a client;
//! * [`error`]: converts failures of the storage.
//!
//! # Example
//!
//! A stage of one's own, and a worker that runs it. The jobs survive a crash, and any number of processes may
//! share them.
//!
//! ```
//! use std::sync::Arc;
//!
//! use flow::{
//!     clock::Clock,
//!     durability::Durability,
//!     events::NoEvents,
//!     job::NewJob,
//!     lane::Lane,
//!     payload::Nothing,
//!     queue::{Push, QueueAdmin},
//!     shutdown::shutdown,
//!     stage::{Attempt, Ending, Report, Stage},
//!     worker::{Ended, Worker, WorkerConfig},
//! };
//! use queue::{directory::QueueDirectory, transport::client::QueueClient};
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
//! let run = tempfile::tempdir()?;
//! let clock = Clock::start();
//! let owned = QueueDirectory::of(run.path()).own(Durability::Power, 1_000, Arc::new(move || clock.now_ms()))?;
//! let (link, owner) = owned.expect("no other process owns the queue");
//! let queue = Arc::new(QueueClient::Local(link));
//! let job = CountLines { name: "haiku".to_owned(), text: "An old pond\n".to_owned() };
//! queue.push(Push { jobs: vec![job.into()], cursor: None }).await?;
//!
//! let (trigger, shutdown) = shutdown();
//! let (stage, counters, events) = (Arc::new(LineCounter), Arc::default(), Arc::new(NoEvents));
//! let worker =
//!     Worker { stage, queue: queue.clone(), config: WorkerConfig::default(), counters, events, shutdown, trigger };
//! assert_eq!(worker.run().await?, Ended::Finished);
//! assert_eq!(queue.stats().await?.lane(Lane::Process).done, 1);
//!
//! drop(queue);
//! owner.join().expect("the owner does not panic");
//! # Ok(())
//! # }
//! ```

pub mod condition;
pub mod connection;
pub mod directory;
pub mod error;
pub mod ledger;
pub mod log;
pub mod owner;
pub mod session;
pub mod transport;
