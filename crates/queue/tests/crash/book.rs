//! What the lines of processes that were killed say about the queue.
//!
//! A deed that was answered has happened, or not, as the answer said. One that was not may have happened or not, but as
//! a whole. A job that is handed out shows what has become of it; so does one that is seen in the queue.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use flow::{
    job::{JobId, JobState, JobView, Lease, Selection},
    lane::Lane,
    queue::{BATCH_MAX, QueueAdmin},
};

use crate::deed::{Change, DeedId, Fate, Line, Subject};

/// What is known of the queue.
#[derive(Debug, Clone, Default)]
pub(crate) struct Book {
    things: BTreeMap<Subject, Thing>,
    /// Deeds without an answer, with their subjects.
    open: HashMap<DeedId, Vec<Subject>>,
    /// The highest attempt that was handed out of each job.
    attempts: HashMap<JobId, u32>,
    /// What the lines themselves show to be wrong.
    wrong: Vec<String>,
    deeds: u64,
}

/// What is known of one subject.
#[derive(Debug, Clone)]
struct Thing {
    /// What it may be if the open deed did not happen.
    settled: BTreeSet<Fate>,
    /// A deed without an answer, and what it would be after it.
    open: Option<(DeedId, Fate)>,
}

impl Thing {
    fn of(subject: &Subject) -> Self {
        Self { settled: BTreeSet::from([fate_of_unknown(subject)]), open: None }
    }

    fn may_be(&self, fate: &Fate) -> bool {
        self.settled.contains(fate) || self.open.as_ref().is_some_and(|(_, to)| to == fate)
    }

    /// Whether being so shows that the open deed happened. `None` where it would be so in either case.
    fn evidence(&self, fate: &Fate) -> Option<(DeedId, bool)> {
        let (deed, to) = self.open.as_ref()?;
        match (self.settled.contains(fate), to == fate) {
            (false, true) => Some((*deed, true)),
            (true, false) => Some((*deed, false)),
            (true, true) | (false, false) => None,
        }
    }
}

/// What a subject is that nobody has ever touched.
fn fate_of_unknown(subject: &Subject) -> Fate {
    match subject {
        Subject::Job(_) | Subject::Cursor(_) => Fate::Absent,
        Subject::Lane(_) => Fate::Running,
    }
}

impl Book {
    /// Deeds that the queue has acknowledged so far.
    pub(crate) fn deeds(&self) -> u64 {
        self.deeds
    }

    pub(crate) fn take(&mut self, line: Line) {
        match line {
            Line::Tries { deed, changes } => self.open(deed, changes),
            Line::Did(deed) => {
                self.deeds += 1;
                self.settle(deed, true);
            }
            Line::Refused(deed) => self.settle(deed, false),
            Line::Claimed { lease, failures } => self.claimed(lease, failures),
        }
    }

    fn open(&mut self, deed: DeedId, changes: Vec<Change>) {
        let mut subjects = Vec::new();
        for Change { subject, to } in changes {
            let thing = self.things.entry(subject.clone()).or_insert_with(|| Thing::of(&subject));
            if let Some((_, maybe)) = thing.open.replace((deed, to)) {
                thing.settled.insert(maybe);
            }
            subjects.push(subject);
        }
        self.open.insert(deed, subjects);
    }

    /// Ends an open deed. Subjects that have gone on since are left alone.
    fn settle(&mut self, deed: DeedId, happened: bool) {
        for subject in self.open.remove(&deed).unwrap_or_default() {
            let Some(thing) = self.things.get_mut(&subject) else { continue };
            if let Some((_, to)) = thing.open.take_if(|(open, _)| *open == deed)
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
        let (subject, fate) = (Subject::Job(lease.id), Fate::Waiting { failures });
        let Some(thing) = self.things.get(&subject) else {
            self.wrong.push(format!("{lease:?} was handed out, but never pushed"));
            return;
        };
        if !thing.may_be(&fate) {
            self.wrong.push(format!("{lease:?} was handed out with {fate:?}, but it should be {thing:?}"));
        }
        if let Some((deed, happened)) = thing.evidence(&fate) {
            self.settle(deed, happened);
        }
        self.things.insert(subject, Thing { settled: BTreeSet::from([fate]), open: None });
    }

    /// Compares with a queue that nobody else uses, and takes what it shows for what has happened.
    ///
    /// # Errors
    /// Every disagreement.
    pub(crate) async fn compare(&mut self, queue: &impl QueueAdmin) -> Result<(), Vec<String>> {
        let mut wrong = std::mem::take(&mut self.wrong);
        let shown = shown(queue, &mut wrong).await;
        wrong.extend(self.disagreements(&shown));
        wrong.extend(self.halves(&shown));
        for (subject, thing) in &mut self.things {
            let fate = shown.get(subject).cloned().unwrap_or_else(|| fate_of_unknown(subject));
            *thing = Thing { settled: BTreeSet::from([fate]), open: None };
        }
        self.open.clear();
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }

    fn disagreements(&self, shown: &BTreeMap<Subject, Fate>) -> Vec<String> {
        let known = self.things.iter().filter_map(|(subject, thing)| {
            let fate = fate_in(shown, subject);
            (!thing.may_be(&fate)).then(|| format!("{subject:?} is {fate:?}, but it should be {thing:?}"))
        });
        let unknown = shown.iter().filter(|(subject, fate)| {
            !self.things.contains_key(subject) && **fate != fate_of_unknown(subject)
        });
        known.chain(unknown.map(|(subject, fate)| format!("{subject:?} is {fate:?} from nowhere"))).collect()
    }

    /// Open deeds of which a part has happened and another has not.
    fn halves(&self, shown: &BTreeMap<Subject, Fate>) -> Vec<String> {
        let is_half = |deed: DeedId, subjects: &[Subject]| {
            let evidence = |subject: &Subject| {
                let (open, happened) = self.things.get(subject)?.evidence(&fate_in(shown, subject))?;
                (open == deed).then_some(happened)
            };
            subjects.iter().filter_map(evidence).collect::<BTreeSet<bool>>().len() > 1
        };
        let halves = self.open.iter().filter(|(deed, subjects)| is_half(**deed, subjects));
        halves.map(|(deed, subjects)| format!("half of deed {deed} was done: {subjects:?}")).collect()
    }
}

fn fate_in(shown: &BTreeMap<Subject, Fate>, subject: &Subject) -> Fate {
    shown.get(subject).cloned().unwrap_or_else(|| fate_of_unknown(subject))
}

/// Everything that the queue tells, checked against what it counts.
async fn shown(queue: &impl QueueAdmin, wrong: &mut Vec<String>) -> BTreeMap<Subject, Fate> {
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
        shown.insert(Subject::Lane(lane), if stats.paused { Fate::Paused } else { Fate::Running });
    }
    for cursor in queue.cursors().await.unwrap() {
        shown.insert(Subject::Cursor(cursor.source), Fate::At { offset: cursor.offset });
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

fn fate_of(job: &JobView) -> Fate {
    match job.state {
        JobState::Ready | JobState::Delayed | JobState::Leased => Fate::Waiting { failures: job.failures },
        JobState::Done => Fate::Done,
        JobState::Dead => {
            let message = job.last_failure().map(|failure| failure.message.clone()).unwrap_or_default();
            Fate::Dead { message }
        }
    }
}
