//! An estimate of the time that a run still takes.

use std::time::Duration;

use flow::{
    lane::Lane,
    queue::{QueueDetails, QueueStats, RATES_WINDOW_MS, RESTING_AFTER_MS},
};

use crate::host::HostView;

/// Returns the number of jobs that will end in a lane when all lanes above it have passed theirs on.
#[must_use]
pub fn to_come(stats: &QueueStats, lane: Lane) -> u64 {
    let upstream: u64 = lane.upstream().iter().map(|&above| stats.lane(above).pending()).sum();
    stats.lane(lane).pending() + upstream + stats.unfed
}

/// Estimates the time until all work is done: the longest of
///
/// * the work of each lane at its rate of the last minute, or since the owner of the queue started;
/// * the texts of each host at its shortest distance between two requests, after the end of its pause. Hosts
///   that rest do not count, because a run ends without their texts.
///
/// Returns `None` while a lane with work has a rate of nought and no host explains it.
#[must_use]
pub fn time_left(stats: &QueueStats, details: &QueueDetails, hosts: &[HostView]) -> Option<Duration> {
    let window = Duration::from_millis(details.owner_ms.clamp(1_000, RATES_WINDOW_MS));
    // A run does not wait for a host that rests.
    let awaited = hosts.iter().filter(|host| host.for_ms.is_none_or(|for_ms| for_ms <= RESTING_AFTER_MS));
    let polite = awaited.map(|host| {
        let wait = Duration::from_millis(host.wait_ms);
        let requests =
            wait.saturating_mul(u32::try_from(host.pending().saturating_sub(1)).unwrap_or(u32::MAX));
        requests + Duration::from_millis(host.for_ms.unwrap_or(0))
    });
    let polite = polite.max().unwrap_or_default();
    let mut longest = Some(polite);
    for lane in Lane::ALL {
        let left = to_come(stats, lane);
        if left == 0 {
            continue;
        }
        let rates = details.lanes[lane.index()].rates;
        let ended = rates.done + rates.dead;
        if ended > 0 {
            let seconds = window.as_secs_f64() * ratio(left, ended);
            let at_this_rate = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
            longest = longest.map(|longest| longest.max(at_this_rate));
        } else if polite.is_zero() {
            longest = None;
        }
    }
    longest
}

/// Returns the ratio of two counts.
#[expect(clippy::cast_precision_loss, reason = "an estimate for people; exact up to 2^53")]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}

#[cfg(test)]
mod tests {
    use flow::queue::{LaneStats, Rates};

    use super::*;
    use crate::host::HostState;

    fn host(pending: u64, wait_ms: u64, for_ms: Option<u64>) -> HostView {
        HostView {
            host: "h".into(),
            state: HostState::Waiting,
            for_ms,
            why: None,
            ready: pending,
            delayed: 0,
            in_flight: 0,
            wait_ms,
        }
    }

    fn left(fetch: u64, process: u64, done: [u64; 3], hosts: &[HostView]) -> Option<u64> {
        let lane = |ready| LaneStats { ready, ..LaneStats::default() };
        let stats = QueueStats { lanes: [lane(fetch), lane(0), lane(process)], ..QueueStats::default() };
        let mut details = QueueDetails { owner_ms: 600_000, ..QueueDetails::default() };
        for (lane, done) in details.lanes.iter_mut().zip(done) {
            lane.rates = Rates { done, ..Rates::default() };
        }
        time_left(&stats, &details, hosts).map(|time| time.as_secs())
    }

    #[test]
    fn the_slowest_lane_decides_and_gets_the_work_of_the_lanes_above() {
        // 60 a minute in fetch, 30 a minute in process.
        assert_eq!(left(60, 0, [60, 60, 30], &[]), Some(120));
        assert_eq!(left(60, 30, [60, 60, 30], &[]), Some(180));
        assert_eq!(left(0, 0, [0, 0, 0], &[]), Some(0));
        assert_eq!(left(60, 0, [60, 60, 0], &[]), None);
    }

    #[test]
    fn a_polite_wait_and_a_pause_count() {
        assert_eq!(left(11, 0, [60, 60, 60], &[host(11, 2_000, None), host(1, 9_000, None)]), Some(20));
        assert_eq!(left(11, 0, [60, 60, 60], &[host(11, 2_000, Some(40_000))]), Some(60));
        // The run ends without the texts of this host.
        assert_eq!(left(11, 0, [60, 60, 60], &[host(11, 2_000, Some(3_600_000))]), Some(11));
        // Nothing has ended yet, but the pause says for how long nothing will.
        assert_eq!(left(7, 0, [0, 0, 0], &[host(7, 0, Some(40_000))]), Some(40));
    }
}
