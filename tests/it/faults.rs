//! Injects faults of the machine into every file operation of a pipeline. No document may fail because of
//! them, and the same command must then give the same corpus.
//!
//! A first run is traced (ptrace(2)) to find the calls of the stages and of the queue, which lives in the
//! same process. In each further run one of these calls fails, or all calls from one on. Each of these runs
//! is followed by the same command without faults. By default a sample of the faults is tried, with other
//! calls each time; `JUGGLE_TORTURE_FAULTS` sets the size of the sample, and `JUGGLE_TORTURE_SEED` its
//! seed.

use std::{
    collections::BTreeMap,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use nix::errno::Errno;
use powercut::{
    faults::{Fault, FaultPlan, Injector, Step},
    ptrace, settings,
};

use crate::harness::{Harness, assert_same};

const TEXTS: usize = 3;
/// The number of faults that are tried by default.
const FAULTS: usize = 60;
/// The number of runs at a time.
const THREADS: usize = 2;
/// The exit codes of a run that a machine failure has stopped: a file that cannot be read or written, a full
/// disk.
const STOPPED: [i32; 2] = [3, 9];

/// Returns the faults that a call of the program may have.
fn faults_of(step: Step) -> Vec<Fault> {
    let fails = |errors: &[Errno]| errors.iter().copied().map(Fault::Fails).collect::<Vec<_>>();
    match step {
        Step::Open | Step::Socket => {
            [fails(&[Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM]), vec![Fault::NoHandles]].concat()
        }
        Step::Create => {
            let errors = [Errno::EMFILE, Errno::EACCES, Errno::EROFS, Errno::EDQUOT];
            [step.faults(), fails(&errors), vec![Fault::NoHandles, Fault::DiskIsBroken]].concat()
        }
        Step::Rename | Step::Link | Step::Remove | Step::MakeDirectory => {
            [step.faults(), fails(&[Errno::EROFS]), vec![Fault::DiskIsBroken]].concat()
        }
        Step::Write { .. } | Step::Resize | Step::Flush => {
            [step.faults(), vec![Fault::DiskIsBroken]].concat()
        }
    }
}

/// A run of the pipeline that is repeated with different faults.
struct FaultRun {
    harness: Harness,
    /// The files of a run without faults.
    tree: BTreeMap<PathBuf, Vec<u8>>,
    lock: String,
}

impl FaultRun {
    async fn new() -> Self {
        let harness = Harness::of_texts(TEXTS, 40);
        harness.juggle(&["pipeline"], "undisturbed", &[harness.path("list.tsv")]).await.expect(0);
        let (tree, lock) = (harness.tree("undisturbed"), harness.read("undisturbed/corpus.lock"));
        Self { harness, tree, lock }
    }

    /// Returns the command, which waits so that it can be traced from its beginning.
    fn command(&self, out: &str) -> Command {
        let mut plain = self.harness.command("juggle", &["pipeline"], out);
        plain.arg(self.harness.path("list.tsv"));
        let plain = plain.as_std();
        let mut command = Command::new("sh");
        let wait = format!("echo '{}'; read -r line; exec \"$0\" \"$@\"", powercut::child::READY);
        command.args(["-c", &wait]).arg(plain.get_program()).args(plain.get_args());
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    /// Runs the command with a fault. Returns its exit code (`None` if it was killed), its standard error,
    /// and its calls.
    fn disturbed(&self, out: &str, plan: Option<FaultPlan>) -> (Option<i32>, String, Injector) {
        let said = self.harness.path(&format!("{out}.err"));
        let mut command = self.command(out);
        let stderr = fs::File::create(&said).unwrap();
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr).spawn().unwrap();
        let mut injector = Injector::of(&self.harness.path(out), |_| true, plan);
        let code = ptrace::trace_to_end(child, &mut injector);
        (code, fs::read_to_string(said).unwrap(), injector)
    }

    /// Runs the command with a fault and then without, and compares the results.
    fn try_out(&self, number: usize, plan: FaultPlan) {
        let out = format!("out-{number}");
        let (code, said, injector) = self.disturbed(&out, Some(plan));
        let what =
            format!("{plan:?}, {:?}: ended with {code:?}\n{said}", injector.hit.map(|at| injector.steps[at]));
        assert!(code.is_none_or(|code| code == 0 || STOPPED.contains(&code)), "{what}");
        assert!(!said.contains("rebuild"), "the queue is not damaged: {what}");

        let mut again = self.harness.command("juggle", &["pipeline"], &out);
        let again = again.arg(self.harness.path("list.tsv")).as_std_mut().output().unwrap();
        let then = String::from_utf8_lossy(&again.stderr);
        assert_eq!(again.status.code(), Some(0), "{what}\nthen:\n{then}");
        assert_eq!(self.harness.read(&format!("{out}/corpus.lock")), self.lock, "{what}");
        assert_same(&self.harness.tree(&out), &self.tree);
        assert_nothing_is_left(&self.harness.path(&out), &what);
        fs::remove_dir_all(self.harness.path(&out)).unwrap();
    }
}

/// Asserts that no temporary file is left in a directory.
fn assert_nothing_is_left(directory: &Path, what: &str) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_nothing_is_left(&path, what);
        } else {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let is_left = name.starts_with('.') || name.ends_with(".tmp");
            assert!(!is_left, "{} is left: {what}", path.display());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_machine_fails_no_document_and_the_same_command_resumes() {
    let trial = FaultRun::new().await;
    let (code, said, injector) = trial.disturbed("watched", None);
    assert_eq!(code, Some(0), "{said}");
    assert!(injector.steps.len() > 200, "hardly anything was seen");
    let all: Vec<FaultPlan> = (injector.steps.iter().enumerate())
        .flat_map(|(nth, step)| faults_of(*step).into_iter().map(move |fault| (nth, fault)))
        .map(|(nth, fault)| FaultPlan { fault, nth, counts: |_| true })
        .collect();
    let seed = settings::seed("faults");
    let plans = chosen(all, settings::number("JUGGLE_TORTURE_FAULTS", FAULTS), seed);
    let (next, failures) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(plan) = plans.get(at) else { break };
                    let tried = catch_unwind(AssertUnwindSafe(|| trial.try_out(at, *plan)));
                    if tried.is_err() {
                        failures.lock().unwrap().push(*plan);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} of {} faults: {failures:#?}", failures.len(), plans.len());
}

/// Returns `count` of the plans, chosen at random.
fn chosen(mut plans: Vec<FaultPlan>, count: usize, seed: u64) -> Vec<FaultPlan> {
    fastrand::Rng::with_seed(seed).shuffle(&mut plans);
    plans.truncate(count);
    plans
}
