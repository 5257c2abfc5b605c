//! The state that follows from the lines of processes, and the comparison with a run directory.
//!
//! These hold for every text, in any state of the directory:
//!
//! * a file with a final name is one of the versions that were published under that name, whole;
//! * an acknowledged blob is there, in that version or a later one that had been begun;
//! * where no publication was under way, raw, text, arrival and meta are of one version; where one was, and
//!   the file system keeps changes of names in their order, none of them is of a later version than the one
//!   before it: so where a first version has a meta, it has all that the meta tells of;
//! * a download that was acknowledged is in spool or, where it may be renamed, in raw. Where it is always
//!   removed, it is in spool until all that it became is there; after a power cut it may be in spool again,
//!   but none that came before it;
//! * where raw bytes are not kept, there never are any;
//! * when all that was not acknowledged is done again, all blobs are there, in one form, and nothing else.

use std::{collections::BTreeMap, fs, io::Read, path::Path, sync::Arc};

use flow::{
    blobs::{BlobError, BlobKind, BlobStore},
    durability::Durability,
    testing::memory_blobs::MemoryBlobs,
};
use powercut::{crash_states, disk::Model};
use serde::{Deserialize, Serialize};

use crate::{
    layout::RunLayout,
    operation::{Line, Operation, Step},
    workload::{Worker, name, raw},
};

/// The progress of one of the steps with a text, in versions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) tried: u32,
    pub(crate) done: u32,
}

/// The progress of a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Course {
    pub(crate) spool: Progress,
    pub(crate) store: Progress,
}

/// The progress of all texts, and the blobs that they must have.
#[derive(Debug, Clone)]
pub(crate) struct Oracle {
    courses: Vec<Course>,
    versions: u32,
    layout: RunLayout,
    expected: Arc<Expected>,
}

/// The expected bytes of every blob, by text and version.
#[derive(Debug)]
struct Expected(Vec<Vec<BTreeMap<BlobKind, Vec<u8>>>>);

impl Expected {
    /// Runs the stage undisturbed, and keeps its blobs.
    fn of(documents: usize, versions: u32, layout: RunLayout) -> Self {
        let version_of = |document, version| {
            let blobs: Arc<dyn BlobStore> = Arc::new(MemoryBlobs::default());
            let spool = Progress { tried: version - 1, done: version - 1 };
            finish(&blobs, layout, [(document, Course { spool, store: spool })], version);
            let of_kind = |kind| (kind, bytes(&*blobs, kind, document).unwrap().expect("it was stored"));
            let mut blobs: BTreeMap<_, _> = layout.stored().iter().copied().map(of_kind).collect();
            blobs.insert(BlobKind::Spool, raw(document, version));
            blobs
        };
        let versions_of = |document| (1..=versions).map(|version| version_of(document, version)).collect();
        Self((0..documents).map(versions_of).collect())
    }

    /// Returns the version of a blob with these bytes, or `None` if it is no whole version.
    fn version(&self, kind: BlobKind, document: usize, bytes: &[u8]) -> Option<u32> {
        let found = self.0[document]
            .iter()
            .position(|version| version.get(&kind).is_some_and(|whole| whole == bytes))?;
        Some(u32::try_from(found).unwrap() + 1)
    }
}

/// Returns the plain bytes of a blob, or `None` if there is none.
pub(crate) fn bytes(
    blobs: &dyn BlobStore,
    kind: BlobKind,
    document: usize,
) -> Result<Option<Vec<u8>>, BlobError> {
    let name = name(kind, document);
    let mut reader = match blobs.open(&name) {
        Err(BlobError::NotFound(_)) => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(|error| BlobError::at(&name.relative_path(), error))?;
    Ok(Some(bytes))
}

/// Does all operations that are left to do, one text after the other. Returns the lines.
fn finish(
    blobs: &Arc<dyn BlobStore>,
    layout: RunLayout,
    courses: impl IntoIterator<Item = (usize, Course)>,
    versions: u32,
) -> Vec<Line> {
    let said = Arc::new(std::sync::Mutex::new(Vec::new()));
    let worker = Worker::new(Arc::clone(blobs), layout.config(), {
        let said = Arc::clone(&said);
        move |line| said.lock().unwrap().push(line.clone())
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        for (document, course) in courses {
            worker.bring(document, course, versions).await;
        }
    });
    std::mem::take(&mut said.lock().unwrap())
}

impl Oracle {
    /// Creates the oracle of texts without any operation.
    pub(crate) fn of(documents: usize, versions: u32, layout: RunLayout) -> Self {
        let expected = Arc::new(Expected::of(documents, versions, layout));
        Self { courses: vec![Course::default(); documents], versions, layout, expected }
    }

    /// Returns the last version of every text.
    pub(crate) const fn versions(&self) -> u32 {
        self.versions
    }

    /// Returns the layout of the run directory.
    pub(crate) const fn layout(&self) -> RunLayout {
        self.layout
    }

    /// Returns the progress of each text.
    pub(crate) fn courses(&self) -> &[Course] {
        &self.courses
    }

    pub(crate) fn hear(&mut self, line: &Line) {
        let (Line::Tries(operation) | Line::Did(operation) | Line::Failed(operation, _)) = line;
        let Operation { document, version, step } = *operation;
        let course = &mut self.courses[document];
        let progress = match step {
            Step::Spool => &mut course.spool,
            Step::Store => &mut course.store,
        };
        match line {
            Line::Tries(_) => progress.tried = progress.tried.max(version),
            Line::Did(_) => progress.done = progress.done.max(version),
            Line::Failed(..) => {}
        }
    }

    /// Compares a run directory as it was left, does all operations again that were not acknowledged, and
    /// compares once more.
    ///
    /// # Errors
    /// A message for each difference.
    pub(crate) fn check(mut self, run: &Path, model: Model) -> Result<(), Vec<String>> {
        let opened = self.layout.open(run, Durability::Process, 0).map_err(|error| vec![error])?;
        let blobs: Arc<dyn BlobStore> = Arc::new(opened);
        self.agrees(&*blobs, model)?;
        let said = finish(&blobs, self.layout, self.courses.iter().copied().enumerate(), self.versions);
        said.iter().for_each(|line| self.hear(line));
        let unfinished: Vec<String> = said
            .iter()
            .filter(|line| matches!(line, Line::Failed(..)))
            .map(|line| format!("then {line:?}"))
            .collect();
        if !unfinished.is_empty() {
            return Err(unfinished);
        }
        self.agrees(&*blobs, model)?;
        drop(blobs);
        let files = files(run);
        let has_two_forms = |path: &str| files.contains_key(&format!("{path}.zst"));
        // A segment has the bytes of a download before its file is removed, which a power cut may undo.
        let may_stay = |path: &str| self.layout.is_packed() && path.ends_with(".part");
        let extra = files.keys().filter(|path| !may_stay(path) && (!is_final(path) || has_two_forms(path)));
        let extra: Vec<String> = extra.map(|path| format!("{path} is left")).collect();
        if extra.is_empty() { Ok(()) } else { Err(extra) }
    }

    fn agrees(&self, blobs: &dyn BlobStore, model: Model) -> Result<(), Vec<String>> {
        let mut wrong = Vec::new();
        for document in 0..self.courses.len() {
            self.look(blobs, document, model, &mut wrong);
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn look(&self, blobs: &dyn BlobStore, document: usize, model: Model, wrong: &mut Vec<String>) {
        let Course { spool, store } = self.courses[document];
        let mut version = |kind: BlobKind, tried: u32| {
            let found = match bytes(blobs, kind, document) {
                Ok(None) => return 0,
                Ok(Some(bytes)) => self.expected.version(kind, document, &bytes),
                Err(error) => {
                    wrong.push(error.to_string());
                    return 0;
                }
            };
            if found.is_none_or(|found| found > tried) {
                wrong.push(format!("{kind:?} of {document} is cut or mixed, or from nowhere: {found:?}"));
            }
            found.unwrap_or(0)
        };
        let in_spool = version(BlobKind::Spool, spool.tried);
        let kinds = self.layout.stored();
        let stored: Vec<u32> = kinds.iter().map(|kind| version(*kind, store.tried)).collect();
        let outlives = self.layout.outlives_the_download().iter();
        let became = outlives.map(|kind| version(*kind, store.tried)).min().unwrap_or(0);
        if !kinds.contains(&BlobKind::Raw) {
            version(BlobKind::Raw, 0);
        }
        let mut say = |what: &str| {
            wrong.push(format!(
                "{what}: {document} has spool {in_spool}, {kinds:?} {stored:?}, {:?}",
                self.courses[document]
            ));
        };
        if stored.iter().any(|version| *version < store.done) {
            say("what was stored is gone");
        }
        if in_spool.max(became) < spool.done {
            say("what was spooled is gone");
        }
        if store.tried == store.done && stored.iter().any(|version| *version != store.done) {
            say("versions are mixed without need");
        }
        if spool.tried == store.done && in_spool != 0 && !self.layout.removes_the_download() {
            say("the download is there still");
        }
        if in_spool != 0 && in_spool < spool.done {
            say("an earlier download is there again");
        }
        if model == Model::Ext4 && !stored.is_sorted_by(|before, after| before >= after) {
            say("a later kind is of a later version");
        }
    }
}

impl crash_states::Oracle for Oracle {
    type Line = Line;

    fn observe(&mut self, line: Line) {
        self.hear(&line);
    }

    fn check(self, run: &Path, model: Model) -> Result<(), Vec<String>> {
        self.check(run, model)
    }
}

/// Returns whether a file has a final name.
fn is_final(path: &str) -> bool {
    !["tmp", "part"].iter().any(|ending| Path::new(path).extension().is_some_and(|found| found == *ending))
}

/// Returns all files below a directory.
pub(crate) fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(above) = directories.pop() {
        for entry in fs::read_dir(above).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}
