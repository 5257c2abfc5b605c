//! Counts, ages and rates, for people who request.

use std::{cmp::Reverse, collections::VecDeque};

use flow::{
    clock::Millis,
    lane::Lane,
    queue::{GROUPS_NAMED_MAX, GroupStats, LaneDetails, QueueDetails, QueueStats, RATES_WINDOW_MS, Rates},
};

use super::Ledger;

impl Ledger {
    /// Returns all counts, including changes that are not committed yet. Takes constant time. See
    /// [`flow::queue::QueueAdmin::stats`].
    #[must_use]
    pub fn stats(&self) -> QueueStats {
        let lanes = Lane::ALL.map(|lane| {
            let mut stats = self.lanes[lane.index()].stats.clone();
            stats.workers = self.sessions.workers(lane);
            stats
        });
        let skipped = self.cursors.values().map(|cursor| cursor.skipped).sum();
        QueueStats { lanes, unfed: self.unread_entries, skipped }
    }

    /// Returns ages, rates and groups. See [`flow::queue::QueueAdmin::details`]. Takes time in proportion to
    /// the pending jobs.
    #[must_use]
    pub fn details(&self, now: Millis) -> QueueDetails {
        QueueDetails {
            owner_ms: now.saturating_sub(self.opened_ms),
            lanes: Lane::ALL.map(|lane| self.lane_details(lane, now)),
        }
    }

    fn lane_details(&self, lane: Lane, now: Millis) -> LaneDetails {
        let index = &self.lanes[lane.index()];
        let mut groups: Vec<GroupStats> = index
            .groups()
            .map(|group| GroupStats {
                group: group.name.clone(),
                ready: group.ready.len() as u64,
                delayed: u64::from(group.delayed),
                in_flight: u64::from(group.in_flight),
                pause: group.pause(now),
            })
            .collect();
        let groups_total = groups.len() as u64;
        groups.sort_by(|a, b| {
            let rank = |stats: &GroupStats| (Reverse(stats.in_flight), Reverse(stats.ready));
            rank(a).cmp(&rank(b)).then_with(|| a.group.cmp(&b.group))
        });
        groups.truncate(GROUPS_NAMED_MAX);
        // Nothing indexes jobs by age: this is for people, who ask rarely.
        let pending = self.jobs.iter().filter(|(_, job)| job.lane == lane);
        let oldest = pending.map(|(_, job)| job.pushed_ms).min();
        LaneDetails {
            oldest_pending_ms: oldest.map(|pushed_ms| now.saturating_sub(pushed_ms)),
            rates: self.rates[lane.index()].rates(now),
            groups,
            groups_total,
        }
    }
}

const SLICE_MS: Millis = 1_000;

/// Counts events by the second, for as long as rates look back.
#[derive(Debug, Default)]
pub(super) struct RateCounter {
    /// The seconds in which something happened, the latest last.
    seconds: VecDeque<(Millis, Rates)>,
}

impl RateCounter {
    /// Returns the counts of the present second.
    pub(super) fn at(&mut self, now: Millis) -> &mut Rates {
        let second = now / SLICE_MS;
        // Only seconds in which something happens take memory.
        if self.seconds.back().is_none_or(|(last, _)| *last < second) {
            self.seconds.push_back((second, Rates::default()));
            let oldest = second.saturating_sub(RATES_WINDOW_MS / SLICE_MS);
            while self.seconds.front().is_some_and(|(at, _)| *at < oldest) {
                self.seconds.pop_front();
            }
        }
        &mut self.seconds.back_mut().expect("one was just added if there was none").1
    }

    fn rates(&self, now: Millis) -> Rates {
        let window = |at: Millis| now / SLICE_MS - at.min(now / SLICE_MS) < RATES_WINDOW_MS / SLICE_MS;
        let mut sum = Rates::default();
        for (_, second) in self.seconds.iter().filter(|(at, _)| window(*at)) {
            sum.pushed += second.pushed;
            sum.claimed += second.claimed;
            sum.done += second.done;
            sum.failed += second.failed;
            sum.dead += second.dead;
        }
        sum
    }
}
