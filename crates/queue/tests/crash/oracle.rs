//! Derives from the lines of killed processes what the queue must hold.
//!
//! An operation with an answer has happened or not, as the answer says. One without an answer may have
//! happened or not, but only as a whole. A job that is handed out or listed shows whether it has happened.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use flow::{
    job::{JobId, JobState, JobView, Lease, Selection},
    lane::Lane,
    queue::{BATCH_MAX, QueueAdmin},
};

use crate::operation::{Change, Line, OperationId, Subject, SubjectState};

/// The knowledge of a queue.
#[derive(Debug, Clone, Default)]
pub(crate) struct Oracle {
    things: BTreeMap<Subject, Knowledge>,
    /// Operations without an answer, with their subjects.
    open: HashMap<OperationId, Vec<Subject>>,
    /// The highest attempt of each job that was handed out.
    attempts: HashMap<JobId, u32>,
    /// The errors that the lines alone show.
    wrong: Vec<String>,
    operations: u64,
}

/// The knowledge of one subject.
#[derive(Debug, Clone)]
struct Knowledge {
    /// The possible states if the open operation did not happen.
    settled: BTreeSet<SubjectState>,
    /// An operation without an answer, and the state after it.
    open: Option<(OperationId, SubjectState)>,
}

impl Knowledge {
    fn of(subject: &Subject) -> Self {
        Self { settled: BTreeSet::from([fate_of_unknown(subject)]), open: None }
    }

    fn may_be(&self, fate: &SubjectState) -> bool {
        self.settled.contains(fate) || self.open.as_ref().is_some_and(|(_, to)| to == fate)
    }

    /// Returns whether a state shows that the open operation happened, or `None` if it is possible in either
    /// case.
    fn evidence(&self, fate: &SubjectState) -> Option<(OperationId, bool)> {
        let (operation, to) = self.open.as_ref()?;
        match (self.settled.contains(fate), to == fate) {
            (false, true) => Some((*operation, true)),
            (true, false) => Some((*operation, false)),
            (true, true) | (false, false) => None,
        }
    }
}

/// The state of a subject that no operation has named.
fn fate_of_unknown(subject: &Subject) -> SubjectState {
    match subject {
        Subject::Job(_) | Subject::Cursor(_) => SubjectState::Absent,
        Subject::Lane(_) => SubjectState::Running,
    }
}

impl Oracle {
    /// Returns the number of operations that the queue has acknowledged.
    pub(crate) fn operations(&self) -> u64 {
        self.operations
    }

    pub(crate) fn observe(&mut self, line: Line) {
        match line {
            Line::Tries { operation, changes } => self.open(operation, changes),
            Line::Did(operation) => {
                self.operations += 1;
                self.settle(operation, true);
            }
            Line::Refused(operation) => self.settle(operation, false),
            Line::Claimed { lease, failures } => self.claimed(lease, failures),
        }
    }

    fn open(&mut self, operation: OperationId, changes: Vec<Change>) {
        let mut subjects = Vec::new();
        for Change { subject, to } in changes {
            let thing = self.things.entry(subject.clone()).or_insert_with(|| Knowledge::of(&subject));
            if let Some((_, maybe)) = thing.open.replace((operation, to)) {
                thing.settled.insert(maybe);
            }
            subjects.push(subject);
        }
        self.open.insert(operation, subjects);
    }

    /// Ends an open operation. Subjects with a later operation stay as they are.
    fn settle(&mut self, operation: OperationId, happened: bool) {
        for subject in self.open.remove(&operation).unwrap_or_default() {
            let Some(thing) = self.things.get_mut(&subject) else { continue };
            if let Some((_, to)) = thing.open.take_if(|(open, _)| *open == operation)
                && happened
            {
                thing.settled = BTreeSet::from([to]);
            }
        }
    }

    fn claimed(&mut self, lease: Lease, failures: u32) {
        let before = self.attempts.insert(lease.id, lease.attempt);
        if before.is_some_and(|before| before >= lease.attempt) {
            self.wrong.push(format!("{lease:?} was handed out after attempt {before:?}"));
        }
        let (subject, fate) = (Subject::Job(lease.id), SubjectState::Waiting { failures });
        let Some(thing) = self.things.get(&subject) else {
            self.wrong.push(format!("{lease:?} was handed out, but never pushed"));
            return;
        };
        if !thing.may_be(&fate) {
            self.wrong.push(format!("{lease:?} was handed out with {fate:?}, but it should be {thing:?}"));
        }
        if let Some((operation, happened)) = thing.evidence(&fate) {
            self.settle(operation, happened);
        }
        self.things.insert(subject, Knowledge { settled: BTreeSet::from([fate]), open: None });
    }

    /// Compares a queue that nobody else uses, and continues from what it shows.
    ///
    /// # Errors
    /// Returns every disagreement.
    pub(crate) async fn compare(&mut self, queue: &impl QueueAdmin) -> Result<(), Vec<String>> {
        let mut wrong = std::mem::take(&mut self.wrong);
        let shown = shown(queue, &mut wrong).await;
        wrong.extend(self.disagreements(&shown));
        wrong.extend(self.halves(&shown));
        for (subject, thing) in &mut self.things {
            let fate = shown.get(subject).cloned().unwrap_or_else(|| fate_of_unknown(subject));
            *thing = Knowledge { settled: BTreeSet::from([fate]), open: None };
        }
        self.open.clear();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn disagreements(&self, shown: &BTreeMap<Subject, SubjectState>) -> Vec<String> {
        let known = self.things.iter().filter_map(|(subject, thing)| {
            let fate = fate_in(shown, subject);
            (!thing.may_be(&fate)).then(|| format!("{subject:?} is {fate:?}, but it should be {thing:?}"))
        });
        let unknown = shown.iter().filter(|(subject, fate)| {
            !self.things.contains_key(subject) && **fate != fate_of_unknown(subject)
        });
        known.chain(unknown.map(|(subject, fate)| format!("{subject:?} is {fate:?} from nowhere"))).collect()
    }

    /// Returns the open operations of which only a part has happened.
    fn halves(&self, shown: &BTreeMap<Subject, SubjectState>) -> Vec<String> {
        let is_half = |operation: OperationId, subjects: &[Subject]| {
            let evidence = |subject: &Subject| {
                let (open, happened) = self.things.get(subject)?.evidence(&fate_in(shown, subject))?;
                (open == operation).then_some(happened)
            };
            subjects.iter().filter_map(evidence).collect::<BTreeSet<bool>>().len() > 1
        };
        let halves = self.open.iter().filter(|(operation, subjects)| is_half(**operation, subjects));
        halves
            .map(|(operation, subjects)| format!("half of operation {operation} was done: {subjects:?}"))
            .collect()
    }
}

fn fate_in(shown: &BTreeMap<Subject, SubjectState>, subject: &Subject) -> SubjectState {
    shown.get(subject).cloned().unwrap_or_else(|| fate_of_unknown(subject))
}

/// Returns everything that the queue lists, after a comparison with its counts.
async fn shown(queue: &impl QueueAdmin, wrong: &mut Vec<String>) -> BTreeMap<Subject, SubjectState> {
    let mut shown = BTreeMap::new();
    let mut counted: HashMap<(Lane, JobState), u64> = HashMap::new();
    for job in all_jobs(queue).await {
        *counted.entry((job.lane, job.state)).or_default() += 1;
        shown.insert(Subject::Job(job.id), fate_of(&job));
    }
    let mut stats = queue.stats().await.unwrap();
    for lane in Lane::ALL {
        let stats = &mut stats.lanes[lane.index()];
        for state in JobState::ALL {
            let (says, has) = (*stats.count_mut(state), counted.remove(&(lane, state)).unwrap_or(0));
            if says != has {
                wrong.push(format!("{lane} counts {says} {state} jobs and lists {has}"));
            }
        }
        shown.insert(
            Subject::Lane(lane),
            if stats.paused { SubjectState::Paused } else { SubjectState::Running },
        );
    }
    for cursor in queue.cursors().await.unwrap() {
        shown.insert(Subject::Cursor(cursor.source), SubjectState::At { offset: cursor.offset });
    }
    shown
}

async fn all_jobs(queue: &impl QueueAdmin) -> Vec<JobView> {
    let mut jobs: Vec<JobView> = Vec::new();
    loop {
        let after = jobs.last().map(|job| job.id);
        let page = queue.list(Selection::default(), after, BATCH_MAX).await.unwrap();
        if page.is_empty() {
            return jobs;
        }
        jobs.extend(page);
    }
}

fn fate_of(job: &JobView) -> SubjectState {
    match job.state {
        JobState::Ready | JobState::Delayed | JobState::Leased => {
            SubjectState::Waiting { failures: job.failures }
        }
        JobState::Done => SubjectState::Done,
        JobState::Dead => {
            let message = job.last_failure().map(|failure| failure.message.clone()).unwrap_or_default();
            SubjectState::Dead { message }
        }
    }
}
