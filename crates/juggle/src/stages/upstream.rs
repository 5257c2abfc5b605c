//! Waits for earlier lanes, for a stage that runs alone.

use std::time::Duration;

use flow::{
    lane::Lane,
    queue::{LaneStats, QueueAdmin},
};

/// The time that a stage alone waits for a worker of an earlier lane with jobs.
const UPSTREAM_PATIENCE: Duration = Duration::from_secs(3);
const UPSTREAM_BEAT: Duration = Duration::from_millis(100);

/// Returns whether a worker of an earlier lane with jobs appears within [`UPSTREAM_PATIENCE`]: stages that
/// are started together do not start at the same moment.
pub(super) async fn comes(queue: &dyn QueueAdmin, lane: Lane) -> bool {
    let deadline = tokio::time::Instant::now() + UPSTREAM_PATIENCE;
    while tokio::time::Instant::now() < deadline {
        // The next worker reports a queue that cannot be reached.
        let Ok(stats) = queue.stats().await else { return true };
        let upstream = || lane.upstream().iter().map(|above| stats.lane(*above));
        let unfed = if lane == Lane::Fetch { 0 } else { stats.unfed };
        if stats.lane(lane).pending() > 0 || upstream().any(|above| above.workers > 0) {
            return true;
        }
        if unfed + upstream().map(LaneStats::pending).sum::<u64>() == 0 {
            return false;
        }
        tokio::time::sleep(UPSTREAM_BEAT).await;
    }
    false
}
