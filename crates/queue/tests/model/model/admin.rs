//! The administration of a queue: lists, retries, drops, details.

use std::{cmp::Reverse, collections::BTreeMap};

use flow::{
    clock::Millis,
    job::{Group, JobEventKind, JobId, JobState, JobView, Selection},
    lane::Lane,
    queue::{BATCH_MAX, GROUPS_NAMED_MAX, GroupStats, LaneDetails, QueueDetails, RATES_WINDOW_MS, Rates},
};

use super::{Check, Model, Times};

/// Rates are counted by the second.
const RATES_STEP_MS: Millis = 1_000;

impl Model {
    /// Checks a list.
    pub(crate) fn check_list(
        &self,
        selection: &Selection,
        after: Option<JobId>,
        limit: usize,
        listed: &[JobView],
    ) -> Check {
        let selected = self.jobs.values().filter(|job| {
            after.is_none_or(|after| job.view.id > after) && selection.takes(&job.view, self.now)
        });
        let expected: Vec<_> = selected.take(limit.min(BATCH_MAX)).collect();
        let ids: Vec<_> = expected.iter().map(|job| job.view.id).collect();
        let listed_ids: Vec<_> = listed.iter().map(|view| view.id).collect();
        if ids != listed_ids {
            let keys = |views: &mut dyn Iterator<Item = &JobView>| -> Vec<_> {
                views.map(|view| format!("{}/{}", view.lane, view.key)).collect()
            };
            let (listed, expected) =
                (keys(&mut listed.iter()), keys(&mut expected.iter().map(|job| &job.view)));
            return Err(format!("the list holds {listed:?}, not {expected:?}"));
        }
        for (view, job) in listed.iter().zip(expected) {
            let is_other_time = job.or_changed_ms == Some(view.changed_ms);
            let changed_ms = if is_other_time { view.changed_ms } else { job.view.changed_ms };
            let expected = JobView { changed_ms, ..job.view.clone() };
            if without_internal_message(view) != expected {
                return Err(format!("the job is listed as\n{}\nnot\n{}", brief(view), brief(&expected)));
            }
        }
        Ok(())
    }

    pub(crate) fn retry(&mut self, selection: &Selection) -> u64 {
        let now = self.now;
        let selected = self
            .jobs
            .values_mut()
            .filter(|job| job.view.state == JobState::Dead && selection.takes(&job.view, now));
        let mut retried = 0;
        for job in selected {
            (job.view.group, job.view.priority, job.view.payload) = job.as_pushed.clone();
            job.begin_anew();
            job.enter(JobState::Ready, None, now);
            job.view.pushed_ms = now;
            job.remember(JobEventKind::Retried, now);
            retried += 1;
        }
        retried
    }

    pub(crate) fn drop_jobs(&mut self, selection: &Selection) -> u64 {
        let before = self.jobs.len();
        let now = self.now;
        self.jobs.retain(|_, job| job.view.state == JobState::Leased || !selection.takes(&job.view, now));
        (before - self.jobs.len()) as u64
    }

    /// Checks ages, rates and groups.
    pub(crate) fn check_details(&self, details: &QueueDetails) -> Check {
        for lane in Lane::ALL {
            let mut told = details.lanes[lane.index()].clone();
            for stats in &mut told.groups {
                self.check_pause(lane, stats)?;
                stats.pause = None;
            }
            let expected = LaneDetails { rates: told.rates, ..self.lane_details(lane) };
            if told != expected {
                return Err(format!("the details of {lane} are {told:?}, not {expected:?}"));
            }
            let least = self.rates(lane, RATES_WINDOW_MS - RATES_STEP_MS);
            let most = self.rates(lane, RATES_WINDOW_MS + RATES_STEP_MS);
            let lies_between = |of: fn(&Rates) -> u64| (of(&least)..=of(&most)).contains(&of(&told.rates));
            let all: [fn(&Rates) -> u64; 5] =
                [|r| r.pushed, |r| r.claimed, |r| r.done, |r| r.failed, |r| r.dead];
            if !all.into_iter().all(lies_between) {
                return Err(format!("{:?} in {lane} is not in {least:?} ..= {most:?}", told.rates));
            }
        }
        Ok(())
    }

    /// Checks the pause of a group. A new owner may have forgotten it.
    fn check_pause(&self, lane: Lane, stats: &GroupStats) -> Check {
        let told = stats.pause.as_ref().map_or(0, |pause| pause.for_ms);
        let times = stats.group.as_ref().map(|group| self.group_times(lane, group)).unwrap_or_default();
        let left = |times: Times| times.paused_until_ms.saturating_sub(self.now);
        if told < left(times.certain) || told > left(times.possible) {
            return Err(format!("the pause of {:?} is {told} ms, not as in {times:?}", stats.group));
        }
        Ok(())
    }

    fn rates(&self, lane: Lane, window_ms: Millis) -> Rates {
        let mut rates = Rates::default();
        for (at, of, count) in &self.memory.happened {
            if *of == lane && self.now - at < window_ms {
                *count(&mut rates) += 1;
            }
        }
        rates
    }

    fn lane_details(&self, lane: Lane) -> LaneDetails {
        let mut groups = BTreeMap::<Option<Group>, GroupStats>::new();
        let mut oldest_pending_ms = None;
        for job in self.jobs.values().filter(|job| job.view.lane == lane && job.is_pending()) {
            let group = job.view.group.clone();
            let empty = GroupStats { group: group.clone(), ready: 0, delayed: 0, in_flight: 0, pause: None };
            let stats = groups.entry(group).or_insert(empty);
            match job.view.state {
                JobState::Ready => stats.ready += 1,
                JobState::Delayed => stats.delayed += 1,
                JobState::Leased => stats.in_flight += 1,
                JobState::Done | JobState::Dead => {}
            }
            oldest_pending_ms = oldest_pending_ms.max(Some(self.now - job.view.pushed_ms));
        }
        let groups_total = groups.len() as u64;
        let mut groups: Vec<_> = groups.into_values().collect();
        groups.sort_by_key(|stats| (Reverse(stats.in_flight), Reverse(stats.ready), stats.group.clone()));
        groups.truncate(GROUPS_NAMED_MAX);
        LaneDetails { oldest_pending_ms, rates: Rates::default(), groups, groups_total }
    }
}

/// Clears the message of the queue's own failures. Its text is for people, so any will do, but it must not be
/// empty.
fn without_internal_message(view: &JobView) -> JobView {
    let mut view = view.clone();
    for event in &mut view.history {
        if let JobEventKind::Died(failure) = &mut event.what
            && failure.reason == flow::failure::Reason::Internal
            && !failure.message.is_empty()
        {
            failure.message.clear();
        }
    }
    view
}

fn brief(view: &JobView) -> String {
    let payload = format!("{} bytes", view.payload.len()).into_bytes();
    let first = view.payload.first().copied();
    let shown = format!("{:?}", JobView { payload: Vec::new(), ..view.clone() });
    format!("{shown} with {} of {first:?}", String::from_utf8_lossy(&payload))
}
