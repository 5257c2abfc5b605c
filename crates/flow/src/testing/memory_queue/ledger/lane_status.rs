//! The room of lanes, and what a worker can expect of them.

use super::Ledger;
use crate::{
    clock::Millis,
    lane::Lane,
    queue::{BATCH_MAX, ClaimRequest, LaneStatus, RESTING_AFTER_MS},
    testing::memory_queue::record::Job,
};

impl Ledger {
    pub(super) fn hands_out(&self, lane: Lane) -> bool {
        !self.lanes[lane.index()].paused && self.room_below(lane) > 0
    }

    /// Returns how many jobs the lane below still takes. Each leased job may bring one, so it counts as well.
    fn room_below(&self, lane: Lane) -> u64 {
        let stats = self.stats();
        lane.downstream().map_or(u64::MAX, |below| {
            self.lane_capacity.saturating_sub(stats.lane(below).pending() + stats.lane(lane).leased)
        })
    }

    fn is_served(&self, lane: Lane) -> bool {
        self.lanes[lane.index()].workers > 0
    }

    /// Returns whether all pending jobs belong to groups with a long pause, and no job can be added.
    fn is_resting(&self, request: &ClaimRequest, now_ms: Millis) -> bool {
        let is_pending = |job: &&Job| job.lane == request.lane && job.is_pending();
        let is_awake = |job: &Job| {
            job.is_leased()
                || self.scheduler.free_at_ms(job, request) <= now_ms.saturating_add(RESTING_AFTER_MS)
        };
        let pending = self.jobs.values().filter(is_pending).count() as u64;
        // Only the first lane is fed from source lists.
        let more = if request.lane == Lane::Fetch { self.unfed().min(BATCH_MAX as u64) } else { 0 };
        // A lane that can be fed gets new jobs soon, so it does not rest.
        let has_room = more > 0 && pending + more <= self.lane_capacity;
        pending > 0
            && !has_room
            && !self.lanes[request.lane.index()].paused
            && !request.lane.upstream().iter().any(|above| self.is_served(*above))
            && !self.jobs.values().filter(is_pending).any(is_awake)
    }

    pub(super) fn lane_status(&self, request: &ClaimRequest, now_ms: Millis) -> LaneStatus {
        let lane = request.lane;
        let stats = self.stats();
        let is_fed = lane == Lane::Fetch && stats.unfed > 0;
        let is_blocked =
            lane.downstream().is_some_and(|below| self.room_below(lane) == 0 && !self.is_served(below));
        // Several may apply, so the order counts.
        if self.is_resting(request, now_ms) {
            LaneStatus::Resting
        } else if stats.lane(lane).paused {
            LaneStatus::Paused
        } else if stats.lane(lane).pending() == 0 {
            // A lane without jobs waits for none below it, however full that is.
            match lane.upstream().iter().any(|above| self.is_served(*above)) {
                _ if is_fed => LaneStatus::Feeding,
                true => LaneStatus::Open,
                false => LaneStatus::Drained,
            }
        } else if is_blocked {
            LaneStatus::Blocked
        } else if is_fed {
            LaneStatus::Feeding
        } else if stats.lane(lane).ready > 0 {
            LaneStatus::HeldBack
        } else {
            LaneStatus::Open
        }
    }
}
