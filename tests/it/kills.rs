//! Kill -9 at random moments, in every stage and in the broker: nothing is lost, nothing happens twice.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::Stdio,
    time::{Duration, Instant},
};

use blob_store::layout::Layout;
use fastrand::Rng;
use test_server::Script;
use tokio::{process::Child, time::timeout};

use crate::harness::{Harness, assert_same};

/// Kills in each of the two tests.
const KILLS: usize = 60;
const TEXTS: usize = 24;

/// A harness whose downloads take a while, and the tree of a run that nobody disturbed.
async fn slow_lab() -> (Harness, BTreeMap<PathBuf, Vec<u8>>) {
    let harness = Harness::of_texts(TEXTS, 300);
    for number in 0..TEXTS {
        let script = Script::file().throttle(2_000, Duration::from_millis(4));
        harness.server.respond(&format!("/t{number}.txt"), script);
    }
    let list = harness.path("list.tsv");
    harness.juggle(&["pipeline"], "undisturbed", &[list]).await.expect(0);
    let tree = harness.tree("undisturbed");
    assert_eq!(tree.len(), TEXTS * 6);
    (harness, tree)
}

/// A seed for this run, said so that a failure can be repeated as far as time allows.
fn rng(name: &str) -> Rng {
    let seed = Rng::new().u64(..);
    eprintln!("{name}: seed {seed}");
    Rng::with_seed(seed)
}

/// Requests that were sent before a kill may reach the server this much later.
const LATE: Duration = Duration::from_millis(200);

/// Every request for a text but the first follows a kill of a process that fetches.
#[track_caller]
fn assert_fetched_once_plus_kills(harness: &Harness, since: Instant, kills: &[Instant]) {
    let mut last: BTreeMap<String, Instant> = BTreeMap::new();
    for request in harness.server.requests().into_iter().filter(|request| request.at > since) {
        if let Some(before) = last.insert(request.path.clone(), request.at) {
            let was_hit = kills.iter().any(|kill| (before - LATE..request.at).contains(kill));
            assert!(was_hit, "{} was requested again although nothing was killed", request.path);
        }
    }
    assert_eq!(last.len(), TEXTS);
}

#[track_caller]
fn assert_ended_clean(harness: &Harness, out: &str, expected: &BTreeMap<PathBuf, Vec<u8>>) {
    assert_same(&harness.tree(out), expected);
    let spool: Vec<_> = std::fs::read_dir(harness.path(out).join("spool")).unwrap().collect();
    assert!(spool.is_empty(), "{spool:?}");
}

/// Begins a run directory. Every other one is packed.
fn begin(harness: &Harness, round: usize) -> String {
    let out = format!("out-{round}");
    if round.is_multiple_of(2) {
        Layout::Packed.establish(&harness.path(&out)).unwrap();
    }
    out
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_that_is_killed_again_and_again_ends_with_the_same_bytes() {
    let (harness, expected) = slow_lab().await;
    let mut rng = rng("pipeline");
    let mut killed = 0;
    for round in 0.. {
        let (out, started) = (begin(&harness, round), Instant::now());
        let mut kills = Vec::new();
        loop {
            let mut command = harness.command("juggle", &["pipeline"], &out);
            command.arg(harness.path("list.tsv")).args(["-j", "6"]);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let patience = Duration::from_millis(rng.u64(20..500));
            match timeout(patience, child.wait()).await {
                Ok(status) => {
                    assert_eq!(status.unwrap().code(), Some(0));
                    break;
                }
                Err(_) => {
                    kills.push(Instant::now());
                    child.kill().await.unwrap();
                }
            }
        }
        assert_ended_clean(&harness, &out, &expected);
        assert_fetched_once_plus_kills(&harness, started, &kills);
        killed += kills.len();
        if killed >= KILLS {
            break;
        }
    }
    eprintln!("pipeline: {killed} kills");
}

/// The processes of a run in which every stage is one of its own.
struct StageProcesses<'l> {
    harness: &'l Harness,
    out: String,
    members: Vec<(&'static str, Option<Child>)>,
}

impl<'l> StageProcesses<'l> {
    fn of(harness: &'l Harness, out: String) -> Self {
        let members =
            ["juggle-fetch", "juggle-fetch", "juggle-store", "juggle-process"].map(|name| (name, None));
        Self { harness, out, members: members.into() }
    }

    /// Starts whoever is not there.
    fn muster(&mut self) {
        for (name, child) in &mut self.members {
            if child.as_mut().is_none_or(|child| child.try_wait().unwrap().is_some()) {
                let mut command = self.harness.command(name, &["-j", "3"], &self.out);
                *child = Some(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
            }
        }
    }

    /// Kills one of the processes or the broker. Returns when, where it was one that fetches.
    async fn kill_one(&mut self, rng: &mut Rng) -> Option<Instant> {
        let victim = rng.usize(..=self.members.len());
        let Some((name, child)) = self.members.get_mut(victim) else {
            kill_broker(self.harness, &self.out).await;
            return None;
        };
        let now = Instant::now();
        child.as_mut().unwrap().kill().await.unwrap();
        (*name == "juggle-fetch").then_some(now)
    }

    async fn is_done(&self) -> bool {
        let status =
            self.harness.juggle::<&str>(&["status", "--json"], &self.out, &[]).await.expect(0).json();
        status["pending"] == 0
    }
}

/// Kills the process that owns the queue, if there is one.
pub(crate) async fn kill_broker(harness: &Harness, out: &str) {
    let lock = harness.path(out).join("queue/lock");
    let Ok(owner) = std::fs::read_to_string(&lock) else { return };
    let is_held = std::fs::File::open(&lock).unwrap().try_lock().is_err();
    if let (true, Ok(pid)) = (is_held, owner.trim().parse::<i32>())
        && let Some(pid) = rustix::process::Pid::from_raw(pid)
    {
        let killed = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        assert!(matches!(killed, Ok(()) | Err(rustix::io::Errno::SRCH)), "{killed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn stages_and_brokers_that_are_killed_again_and_again_end_with_the_same_bytes() {
    let (harness, expected) = slow_lab().await;
    let mut rng = rng("stages");
    let mut killed = 0;
    for round in 0.. {
        let (out, started) = (begin(&harness, round), Instant::now());
        harness.juggle(&["add"], &out, &[harness.path("list.tsv")]).await.expect(0);
        let mut crew = StageProcesses::of(&harness, out.clone());
        let mut kills = Vec::new();
        for kill in 1.. {
            crew.muster();
            // A random moment: whoever ends by itself meanwhile is started again.
            let patience = Duration::from_millis(rng.u64(5..150));
            drop(timeout(patience, std::future::pending::<()>()).await);
            kills.extend(crew.kill_one(&mut rng).await);
            killed += 1;
            if kill % 4 == 0 && crew.is_done().await {
                break;
            }
        }
        drop(crew);
        kill_broker(&harness, &out).await;
        // Whatever is pending was done above; this run only marks duplicates, if the last kill hit that.
        harness.juggle::<&str>(&["pipeline"], &out, &[]).await.expect(0);
        assert_ended_clean(&harness, &out, &expected);
        assert_fetched_once_plus_kills(&harness, started, &kills);
        if killed >= KILLS {
            break;
        }
    }
    eprintln!("stages: {killed} kills");
}
