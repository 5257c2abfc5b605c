//! The process that may be killed: this test binary, started with its orders in the environment.

use std::{
    env,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use flow::{clock::Clock, durability::Durability, lane::Lane, queue::QueueError, shutdown::shutdown};
use queue::{
    directory::QueueDirectory,
    ledger::Ledger,
    owner::Owned,
    transport::broker::{Broker, Idle},
    transport::client::QueueClient,
    transport::socket::{AnswerTimeout, BrokerCommand, IfNoOwner, SocketLink},
};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::{operation::OperationLog, workload::Worker};

const ORDERS: &str = "JUGGLE_CRASH_ORDERS";
/// The number of jobs that a lane takes.
const CAPACITY: usize = 10_000;

/// The orders of a process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) run: PathBuf,
    /// Its number among the processes of the test.
    pub(crate) process: u32,
    pub(crate) seed: u64,
    pub(crate) role: Role,
    pub(crate) tasks: u32,
    /// The number of steps of each task; `None` until the process is killed or its standard input ends.
    pub(crate) steps: Option<u32>,
    pub(crate) start: Start,
}

/// The start of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Start {
    AtOnce,
    /// It reports that it is ready, and waits for a line.
    OnCommand,
}

/// The role of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Role {
    /// It owns the queue and works.
    OwnerPower,
    /// It owns the queue and works, but forces nothing to the medium.
    OwnerProcess,
    /// It works through a broker, which it starts if there is none.
    Client,
    /// It owns the queue and serves it.
    Broker,
}

impl Orders {
    /// Returns the command of the process. Its standard input and output are pipes, unless the caller changes
    /// that.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(ARGUMENTS).env(ORDERS, serde_json::to_string(self).unwrap());
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command
    }

    /// Returns the command by which clients start the broker.
    fn starter(&self) -> BrokerCommand {
        let orders =
            serde_json::to_string(&Self { role: Role::Broker, start: Start::AtOnce, ..self.clone() })
                .unwrap();
        let mut arguments = vec![format!("{ORDERS}={orders}").into(), env::current_exe().unwrap().into()];
        arguments.extend(ARGUMENTS.map(Into::into));
        BrokerCommand { program: "env".into(), arguments, disk_full_code: 9 }
    }
}

const ARGUMENTS: [&str; 4] =
    ["--exact", "child::a_process_that_is_told_to_is_there_to_be_killed", "--nocapture", "--test-threads=1"];

/// The entry point of the child processes. Does nothing in a normal test run.
#[test]
fn a_process_that_is_told_to_is_there_to_be_killed() {
    let Ok(orders) = env::var(ORDERS) else { return };
    let orders: Orders = serde_json::from_str(&orders).unwrap();
    if orders.start == Start::OnCommand {
        powercut::child::wait_for_start();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        match orders.role {
            Role::OwnerPower | Role::OwnerProcess => own_and_work(&orders).await,
            Role::Client => work_through_a_broker(&orders).await,
            Role::Broker => serve(&orders).await,
        }
    });
}

/// Becomes the owner of the queue, unless another process is.
fn own(run: &Path, durability: Durability) -> Option<Owned> {
    let clock = Clock::start();
    let now = Arc::new(move || clock.now_ms());
    // The smaller the write-ahead log, the more checkpoints and compactions there are.
    let wal_bytes = [0, 2_000, 20_000, 4 << 20][usize::try_from(clock.now_ms() % 4).unwrap()];
    let tune = move |ledger: &mut Ledger| ledger.set_room(wal_bytes, wal_bytes / 2);
    QueueDirectory::of(run).own_tuned(durability, CAPACITY, now, tune).unwrap()
}

/// Opens a queue whose owners are dead or end by themselves. The clock stands still, so that counts and lists
/// are of the same moment.
pub(crate) fn open_at_rest(run: &Path) -> Result<Owned, QueueError> {
    let now = Clock::start().now_ms();
    loop {
        if let Some(owned) =
            QueueDirectory::of(run).own(Durability::Process, CAPACITY, Arc::new(move || now))?
        {
            return Ok(owned);
        }
        // The owner is a broker without clients, which ends soon.
        File::open(run.join("queue/lock")).unwrap().lock().unwrap();
    }
}

async fn own_and_work(orders: &Orders) {
    let durability = if orders.role == Role::OwnerPower { Durability::Power } else { Durability::Process };
    let (link, thread) = own(&orders.run, durability).expect("whoever owned it before is dead");
    work(&QueueClient::Local(link), orders).await;
    tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
}

async fn work_through_a_broker(orders: &Orders) {
    work(&connect(orders).await, orders).await;
}

/// Connects a client that starts a broker if there is none.
pub(crate) async fn connect(orders: &Orders) -> QueueClient {
    let absent = IfNoOwner::Start(orders.starter());
    QueueClient::Socket(
        SocketLink::connect(QueueDirectory::of(&orders.run), absent, AnswerTimeout::LONG).await.unwrap(),
    )
}

async fn serve(orders: &Orders) {
    // Another client's broker may have been faster.
    let Some((link, thread)) = own(&orders.run, Durability::Process) else { return };
    let (_trigger, stop) = shutdown();
    let broker = Broker::listen(&QueueDirectory::of(&orders.run), link).unwrap();
    broker.serve(Idle::EndAfter(Duration::from_millis(200)), stop).await;
    tokio::task::spawn_blocking(|| thread.join().unwrap()).await.unwrap();
}

async fn work(queue: &QueueClient, orders: &Orders) {
    let stop = stop_at_end_of_input();
    let log = Arc::new(OperationLog::new(u64::from(orders.process) << 32));
    let mut tasks = JoinSet::new();
    for task in 0..orders.tasks {
        let mut worker = Worker {
            queue: queue.clone(),
            log: Arc::clone(&log),
            random: fastrand::Rng::with_seed(
                orders.seed ^ u64::from(orders.process) << 32 ^ u64::from(task) << 16,
            ),
            name: format!("{}-{task}", orders.process),
            keys_made: 0,
            lasting: None,
            cursor: None,
            // One task for each lane: with two, the order of their operations would be unknown.
            pauses: (task == 0).then(|| Lane::ALL[orders.process as usize % 3]),
        };
        let (stop, steps) = (Arc::clone(&stop), orders.steps.unwrap_or(u32::MAX));
        tasks.spawn(async move {
            for _ in 0..steps {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                worker.step().await;
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

/// Returns a flag that becomes true when the standard input ends.
fn stop_at_end_of_input() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    // Ends with the process.
    std::thread::spawn(move || {
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        told.store(true, Ordering::Relaxed);
    });
    stop
}
