//! Duplicates: a process that marks them and lets them share their bytes may end at any call, or any call of
//! it may fail. Every blob is whole then, and marking again leaves what one run that nothing disturbed
//! leaves: the same files, the same of them one, and none that are temporary.
//!
//! The run directory is sharded, and has the same bytes plain and compressed.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use blob_store::{layout::Layout, run_blobs::RunBlobs};
use corpus::duplicates::mark;
use flow::{
    blobs::{BlobKind, BlobStore},
    durability::Durability,
    stage::{Attempt, Stage},
};
use nix::errno::Errno;
use powercut::{
    faults::{Fault, FaultPlan},
    ptrace,
};
use store::stage::Store;
use tempfile::TempDir;

use crate::{
    child,
    fault::injector::Injector,
    layout::RunLayout,
    oracle::{bytes, files},
    workload::{job_of, raw, spool_bytes},
};

/// The number of texts with the same bytes. One more has others.
const SAME: usize = 3;
const DOCUMENTS: usize = SAME + 1;

/// The entry point of the processes that mark. It reports nothing. Without orders it does nothing.
#[test]
fn a_process_that_is_told_to_marks_duplicates() {
    let Some(run) = child::orders::<PathBuf>() else { return };
    powercut::child::wait_for_start();
    // The files that it leaves show whether it failed.
    if let Ok(blobs) = RunLayout::Compressed.open(&run, Durability::Power, 0) {
        drop(mark(&blobs));
    }
}

#[test]
fn marking_may_end_at_any_call_where_the_first_is_plain() {
    end_everywhere(["none", "zstd"], &[Fault::Kill, Fault::Fails(Errno::EIO)]);
}

#[test]
fn marking_may_end_at_any_call_where_the_first_is_packed() {
    end_everywhere(["zstd", "none"], &[Fault::Kill]);
}

fn end_everywhere(compressions: [&str; 2], faults: &[Fault]) {
    let begun = Instant::now();
    let run = stored(compressions);
    let before = Left::in_run(run.path());
    let steps = marked_by_a_process(run.path(), None).faults.steps;
    let after = Left::in_run(run.path());
    assert_eq!(after.files.len(), before.files.len());
    let links = after.links.iter().filter(|(path, first)| path != first).count();
    assert_eq!(links, 2 * (SAME - 1), "the raw bytes and texts of all but the first are those of the first");
    for (nth, step) in steps.iter().enumerate() {
        for fault in faults {
            let plan = FaultPlan { fault: *fault, nth, counts: |_| true };
            let run = stored(compressions);
            let injector = marked_by_a_process(run.path(), Some(plan));
            assert_eq!(injector.faults.hit.map(|at| injector.faults.steps[at]), Some(*step), "{plan:?}");
            check(run.path(), &before, &after, &format!("{fault:?} at {nth} ({step:?})"));
        }
    }
    println!("{} calls of marking, {faults:?}, in {:.1?}", steps.len(), begun.elapsed());
}

/// Compares what a process left, marks again, and compares once more.
fn check(run: &Path, before: &Left, after: &Left, what: &str) {
    let blobs = RunLayout::Compressed.open(run, Durability::Process, 0).unwrap();
    for (name, found) in contents(&blobs) {
        let is_whole = found == before.contents[&name] || found == after.contents[&name];
        assert!(is_whole, "{what}: {name:?}");
    }
    let report = mark(&blobs).unwrap();
    assert_eq!((report.documents, report.duplicates.len()), (DOCUMENTS as u64, SAME - 1), "{what}");
    let again = mark(&blobs).unwrap();
    assert_eq!((again.changed, again.shared), (0, 0), "{what}: something is left to do");
    let left = Left::in_run(run);
    assert!(left == *after, "{what}: {:?}", left.links);
}

/// The content of a run directory.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    files: BTreeMap<String, Vec<u8>>,
    /// The first name of every file.
    links: BTreeMap<String, String>,
    contents: BTreeMap<(usize, BlobKind), Vec<u8>>,
}

impl Left {
    fn in_run(run: &Path) -> Self {
        let files = files(run);
        let mut first_of = HashMap::new();
        let links = files.keys().map(|path| {
            let inode = fs::metadata(run.join(path)).unwrap().ino();
            (path.clone(), first_of.entry(inode).or_insert_with(|| path.clone()).clone())
        });
        let links = links.collect();
        let blobs = RunLayout::Compressed.open(run, Durability::Process, 0).unwrap();
        Self { files, links, contents: contents(&blobs) }
    }
}

/// Returns the plain bytes of all blobs.
fn contents(blobs: &RunBlobs) -> BTreeMap<(usize, BlobKind), Vec<u8>> {
    let names = (0..DOCUMENTS)
        .flat_map(|document| RunLayout::Compressed.stored().iter().map(move |kind| (document, *kind)));
    names.map(|(document, kind)| ((document, kind), bytes(blobs, kind, document).unwrap().unwrap())).collect()
}

/// Returns a run directory with all texts, with these compressions in turn.
fn stored(compressions: [&str; 2]) -> TempDir {
    let run = powercut::child::scratch();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for document in 0..DOCUMENTS {
        Layout::Sharded.establish(run.path()).unwrap();
        let compression = compressions[document % 2].parse().unwrap();
        let blobs: Arc<dyn BlobStore> =
            Arc::new(RunBlobs::open(run.path(), Durability::Process, compression).unwrap());
        let bytes = raw(document / SAME, 1);
        spool_bytes(&*blobs, document, &bytes).unwrap();
        let stage = Store::new(blobs, Arc::default());
        let attempt = Attempt { number: 1, failures: 0 };
        runtime.block_on(stage.run(job_of(document, &bytes, 1), attempt)).into_result().unwrap();
    }
    run
}

fn marked_by_a_process(run: &Path, plan: Option<FaultPlan>) -> Injector {
    let run = run.canonicalize().unwrap();
    let mut injector = Injector::of(&run, plan);
    let command = &mut child::command("marking::a_process_that_is_told_to_marks_duplicates", &run);
    ptrace::trace(command.spawn().unwrap(), &mut injector);
    injector
}
