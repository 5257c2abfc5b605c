//! Attempts and their ends.

use flow::{
    clock::Millis,
    job::{Group, JobEventKind, JobState, JobView, Lease, NewJob},
    lane::Lane,
    queue::Nack,
};

use super::{
    Model,
    push::{Expected, Refusal, is_valid},
};

impl Model {
    /// Extends leases, and returns those that are not held.
    pub(crate) fn extend(&mut self, leases: &[Lease], lease_ms: Millis) -> Vec<Lease> {
        let mut lost = leases.to_vec();
        lost.retain(|lease| match self.jobs.get_mut(&lease.id).filter(|job| job.is_held_by(*lease)) {
            Some(job) => {
                job.view.due_ms = Some(self.now + lease_ms);
                false
            }
            None => true,
        });
        lost
    }

    pub(crate) fn complete(&mut self, lease: Lease, next: Vec<NewJob>) -> Expected<()> {
        let now = self.now;
        let is_invalid = !next.iter().all(is_valid);
        let Some(job) = self.jobs.get_mut(&lease.id).filter(|job| job.attempt == lease.attempt) else {
            return Err(refusals(is_invalid, true));
        };
        let is_stale = !matches!(job.view.state, JobState::Leased | JobState::Done) || lease.attempt == 0;
        if is_invalid || is_stale {
            return Err(refusals(is_invalid, is_stale));
        }
        if job.view.state == JobState::Leased {
            job.enter(JobState::Done, None, now);
            job.view.payload.clear();
            let lane = job.view.lane;
            self.count(lane, |rates| &mut rates.done);
            self.add(next);
        }
        Ok(())
    }

    pub(crate) fn pause_group(&mut self, lease: Lease, for_ms: Millis) -> Expected<()> {
        let job = self.jobs.get(&lease.id).filter(|job| job.is_held_by(lease));
        let (lane, group) = match job {
            Some(job) => (job.view.lane, job.view.group.clone()),
            None => return Err(vec![Refusal::Stale]),
        };
        let until = self.now + for_ms;
        self.change_manners(lane, group.as_ref(), |times| {
            times.paused_until_ms = times.paused_until_ms.max(until);
        });
        Ok(())
    }

    pub(crate) fn pending_in(&self, lane: Lane, groups: &[Group]) -> Vec<u64> {
        let pending = [JobState::Ready, JobState::Delayed, JobState::Leased];
        let count = |group: &Group| {
            let is_there = |view: &JobView| {
                view.lane == lane && view.group.as_ref() == Some(group) && pending.contains(&view.state)
            };
            self.jobs.values().filter(|job| is_there(&job.view)).count() as u64
        };
        groups.iter().map(count).collect()
    }

    pub(crate) fn fail(&mut self, lease: Lease, nack: Nack) -> Expected<()> {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(&lease.id) else { return Err(vec![Refusal::Stale]) };
        if !job.is_held_by(lease) {
            let is_repeated = job.failed_attempt == Some(lease.attempt);
            return if is_repeated { Ok(()) } else { Err(vec![Refusal::Stale]) };
        }
        if let Nack::Retry { revised: Some(revised), .. } | Nack::Move { revised, .. } = &nack
            && !(is_valid(revised) && revised.id() == lease.id)
        {
            return Err(vec![Refusal::Invalid]);
        }
        job.failed_attempt = Some(lease.attempt);
        let (lane, group) = (job.view.lane, job.view.group.clone());
        match nack {
            Nack::Retry { failure, after_ms, group_pause_ms, revised } => {
                job.view.failures += 1;
                job.failing_since_ms.get_or_insert(now);
                job.remember(JobEventKind::Failed(failure), now);
                job.wait(after_ms, now);
                if let Some(revised) = revised {
                    job.revise(revised);
                }
                self.lanes[lane.index()].retried += 1;
                if group_pause_ms > 0 {
                    let until = now + group_pause_ms;
                    self.change_manners(lane, group.as_ref(), |times| {
                        times.paused_until_ms = times.paused_until_ms.max(until);
                    });
                }
                self.count(lane, |rates| &mut rates.failed);
            }
            Nack::Dead { failure } => {
                job.view.failures += 1;
                job.remember(JobEventKind::Died(failure), now);
                job.enter(JobState::Dead, None, now);
                self.count(lane, |rates| &mut rates.failed);
                self.count(lane, |rates| &mut rates.dead);
            }
            Nack::Release => job.enter(JobState::Ready, None, now),
            Nack::Move { why, revised } => {
                job.remember(JobEventKind::Moved(why), now);
                job.enter(JobState::Ready, None, now);
                job.revise(revised);
            }
        }
        Ok(())
    }
}

fn refusals(is_invalid: bool, is_stale: bool) -> Vec<Refusal> {
    let invalid = is_invalid.then_some(Refusal::Invalid);
    let stale = is_stale.then_some(Refusal::Stale);
    invalid.into_iter().chain(stale).collect()
}
