//! Jobs that are settled before they end.

use std::sync::Arc;

use super::harness::{Crowd, Harness, Input, Next, pass};
use crate::{
    lane::Lane,
    queue::GroupLimit,
    stage::{Attempt, Ending, Report, Slot, Stage},
    worker::Ended,
};

const WORK_MS: u64 = 1_000;

/// Works a second on each job, and settles it at once or never.
struct Settling {
    crowd: Arc<Crowd>,
    settles: bool,
}

impl Stage for Settling {
    const LANE: Lane = Lane::Fetch;
    type Input = Input;
    type Output = Next;

    async fn run(&self, input: Input, attempt: Attempt) -> Report<Input, Next> {
        self.run_in_slot(input, attempt, &Slot::of_no_worker()).await
    }

    async fn run_in_slot(&self, _: Input, _: Attempt, slot: &Slot) -> Report<Input, Next> {
        let _guest = self.crowd.enter();
        if self.settles {
            slot.settle();
            slot.settle();
        }
        pass(WORK_MS).await;
        Ending::Done(Vec::new()).into()
    }
}

/// Returns how many of twelve jobs of one group ran at the same time.
async fn most_at_a_time(settles: bool, concurrency: usize, in_flight: u32) -> usize {
    let keys: Vec<String> = (0..12).map(|number| format!("{number}")).collect();
    let mut harness = Harness::with(&keys.iter().map(String::as_str).collect::<Vec<_>>()).await;
    harness.config.concurrency = concurrency;
    harness.config.group_limit = GroupLimit { in_flight, interval_ms: 0 };
    let crowd = Arc::<Crowd>::default();
    let ended = harness.run_stage(Settling { crowd: Arc::clone(&crowd), settles }).await;
    assert_eq!(ended.unwrap(), Ended::Finished);
    assert_eq!((harness.counted(), crowd.entered()), ([12, 0, 0, 0], 12));
    crowd.most()
}

#[tokio::test(start_paused = true)]
async fn a_settled_job_makes_room_for_another_up_to_a_bound() {
    assert_eq!(most_at_a_time(false, 2, u32::MAX).await, 2);
    assert_eq!(most_at_a_time(true, 2, u32::MAX).await, 8, "four times as many");
}

#[tokio::test(start_paused = true)]
async fn a_settled_job_makes_room_in_its_group() {
    assert_eq!(most_at_a_time(false, 3, 1).await, 1);
    assert!(most_at_a_time(true, 3, 1).await > 1);
}
