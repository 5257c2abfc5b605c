//! Ages, rates and groups, for people who ask.

use std::{
    cmp::Reverse,
    collections::{HashMap, VecDeque},
};

use flow::{
    clock::Millis,
    job::{Group, State},
    lane::Lane,
    queue::{GROUPS_NAMED_MAX, GroupStats, LaneDetails, QueueDetails, RATES_WINDOW_MS, Rates},
};

use super::{Body, Ledger};

impl Ledger {
    /// See [`flow::queue::JobQueue::details`]. Looks at every job.
    pub fn details(&mut self, now: Millis) -> QueueDetails {
        QueueDetails { lanes: Lane::ALL.map(|lane| self.lane_details(lane, now)) }
    }

    fn lane_details(&self, lane: Lane, now: Millis) -> LaneDetails {
        let mut groups: HashMap<Option<&Group>, GroupStats> = HashMap::new();
        let mut oldest_ms = None;
        for slot in self.slots.values().filter(|slot| slot.lane == lane) {
            let Body::Live(record) = &slot.body else { continue };
            let empty = || GroupStats { group: record.group.clone(), ready: 0, delayed: 0, in_flight: 0 };
            let group = groups.entry(record.group.as_ref()).or_insert_with(empty);
            match record.phase.state() {
                State::Ready => group.ready += 1,
                State::Delayed => group.delayed += 1,
                State::Leased => group.in_flight += 1,
                State::Done | State::Dead => {}
            }
            oldest_ms = oldest_ms.max(Some(now.saturating_sub(record.pushed_ms)));
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        let groups_total = groups.len() as u64;
        groups.sort_by(|a, b| {
            let rank = |stats: &GroupStats| (Reverse(stats.in_flight), Reverse(stats.ready));
            rank(a).cmp(&rank(b)).then_with(|| a.group.cmp(&b.group))
        });
        groups.truncate(GROUPS_NAMED_MAX);
        let rates = self.events[lane.index()].rates(now);
        LaneDetails { oldest_pending_ms: oldest_ms, rates, groups, groups_total }
    }
}

const SLICE_MS: Millis = 1_000;

/// Counts events by the second, for as long as rates look back.
#[derive(Debug, Default)]
pub(super) struct Events {
    /// By second, the latest last; only seconds in which something happened.
    seconds: VecDeque<(Millis, Rates)>,
}

impl Events {
    /// The counts of the present second.
    pub(super) fn at(&mut self, now: Millis) -> &mut Rates {
        let second = now / SLICE_MS;
        if self.seconds.back().is_none_or(|(last, _)| *last < second) {
            self.seconds.push_back((second, Rates::default()));
            let oldest = second.saturating_sub(RATES_WINDOW_MS / SLICE_MS);
            while self.seconds.front().is_some_and(|(at, _)| *at < oldest) {
                self.seconds.pop_front();
            }
        }
        &mut self.seconds.back_mut().expect("one was just added where there was none").1
    }

    fn rates(&self, now: Millis) -> Rates {
        let window = |at: Millis| now / SLICE_MS - at.min(now / SLICE_MS) < RATES_WINDOW_MS / SLICE_MS;
        let mut sum = Rates::default();
        for (_, second) in self.seconds.iter().filter(|(at, _)| window(*at)) {
            sum.pushed += second.pushed;
            sum.claimed += second.claimed;
            sum.done += second.done;
            sum.failed += second.failed;
        }
        sum
    }
}
