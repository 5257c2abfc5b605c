//! Kills the broker while three client processes go on.

use std::{
    fs,
    path::Path,
    process::Child,
    time::{Duration, Instant},
};

use flow::queue::QueueAdmin;
use queue::transport::client::QueueClient;
use rustix::process::{Pid, Signal, kill_process};

use super::{KILLS, Lines, compare};
use crate::{
    child::{Orders, Role, Start, connect},
    oracle::Oracle,
};

const CLIENTS: u32 = 3;
/// The factor by which brokers are killed less often than owners, since their start takes most of the time.
const SHARE: u32 = 3;
/// The maximum time until a killed broker is replaced. On an idle machine it should be one second.
const TAKEOVER_MAX: Duration = Duration::from_secs(10);

#[test]
fn clients_go_on_without_loss_when_the_broker_is_killed() {
    let seed = powercut::settings::seed("kills of the broker");
    let kills = powercut::settings::number("JUGGLE_TORTURE_KILLS", KILLS).div_ceil(SHARE);
    let mut random = fastrand::Rng::with_seed(seed);
    let run = tempfile::tempdir().unwrap();
    let orders = Orders {
        run: run.path().to_owned(),
        process: 0,
        seed,
        role: Role::Client,
        tasks: 2,
        steps: None,
        start: Start::AtOnce,
    };
    let mut oracle = Oracle::default();
    let (clients, lines) = start_clients(&orders);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let probe = runtime.block_on(connect(&orders));
    let mut takeovers: Vec<Duration> = Vec::new();
    for _ in 0..kills {
        lines.observe(&mut oracle, u32::MAX, Duration::from_micros(random.u64(..60_000)));
        let mut killed = kill_broker(run.path(), None);
        if random.u8(..4) == 0 {
            killed = kill_broker(run.path(), Some(killed));
        }
        takeovers.push(runtime.block_on(served_again(&probe)));
        assert!(!is_alive(killed));
    }
    drop((probe, runtime));
    stop(clients, lines, &mut oracle);
    compare(&mut oracle, run.path()).unwrap_or_else(|wrong| panic!("{wrong:#?}"));
    report(takeovers, oracle.operations());
}

fn start_clients(orders: &Orders) -> (Vec<Child>, Lines) {
    let (reader, writer) = std::io::pipe().unwrap();
    let start = |process| {
        let orders = Orders { process, ..orders.clone() };
        orders.command().stdout(writer.try_clone().unwrap()).spawn().unwrap()
    };
    ((0..CLIENTS).map(start).collect(), Lines::of(reader))
}

/// Lets the clients finish their operations.
fn stop(mut clients: Vec<Child>, lines: Lines, oracle: &mut Oracle) {
    clients.iter_mut().for_each(|client| drop(client.stdin.take()));
    lines.finish(oracle);
    for mut client in clients {
        assert!(client.wait().unwrap().success(), "a client could not go on");
    }
}

/// Kills the owner of the queue, as soon as that is not the process `before`. Returns once it is dead.
fn kill_broker(run: &Path, before: Option<i32>) -> i32 {
    let until = Instant::now() + Duration::from_secs(60);
    let owner = || {
        let pid = fs::read_to_string(run.join("queue/lock")).ok()?.trim().parse().ok()?;
        (Some(pid) != before && is_alive(pid) && belongs_to(pid, run)).then_some(pid)
    };
    let pid = loop {
        match owner() {
            Some(pid) => break pid,
            None => assert!(Instant::now() < until, "no broker in a minute"),
        }
        std::thread::yield_now();
    };
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    while is_alive(pid) {
        std::thread::yield_now();
    }
    pid
}

/// Returns whether a process is alive. A zombie is dead.
fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, fields)| !fields.trim_start().starts_with(['Z', 'X']))
}

/// Returns whether the orders of a process name this directory: the system gives process ids again.
fn belongs_to(pid: i32, run: &Path) -> bool {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    String::from_utf8_lossy(&environment).contains(run.to_str().unwrap())
}

/// Measures the time to the next answer after a kill.
async fn served_again(probe: &QueueClient) -> Duration {
    let begun = Instant::now();
    probe.stats().await.unwrap();
    begun.elapsed()
}

fn report(mut takeovers: Vec<Duration>, operations: u64) {
    takeovers.sort_unstable();
    let (median, longest) = (takeovers[takeovers.len() / 2], takeovers[takeovers.len() - 1]);
    println!(
        "{operations} acknowledged operations over {} kills; served again after {median:.0?} (median), {longest:.0?} at most",
        takeovers.len()
    );
    assert!(longest < TAKEOVER_MAX, "a broker must be replaced at once");
}
