//! Adding jobs, and the cursors of their sources.

use super::{Subject, case_list, dead, grouped, job, jobs, request, retry_after};
use crate::{
    job::{GROUP_BYTES_MAX, Group, JobState, KEY_BYTES_MAX, NewJob, PAYLOAD_BYTES_MAX, Priority, Selection},
    lane::Lane,
    queue::{BATCH_MAX, Cursor, CursorMove, Push, Pushed, QueueError},
};

case_list![
    pushed_job_is_ready_and_as_pushed,
    push_of_nothing_changes_nothing,
    repeated_push_is_absorbed_in_every_state,
    same_key_twice_in_a_push_is_one_job,
    keys_that_differ_only_in_case_are_one_job,
    same_key_in_another_lane_is_another_job,
    push_over_capacity_is_full_and_adds_nothing,
    push_that_fills_the_lane_is_taken,
    known_jobs_need_no_room,
    same_key_twice_needs_room_once,
    ended_jobs_need_no_room,
    full_lane_does_not_refuse_jobs_of_other_lanes,
    invalid_jobs_are_refused_and_nothing_is_added,
    jobs_at_their_bounds_are_taken,
    cursor_is_made_once,
    cursor_moves_only_from_where_it_stands,
    push_without_room_moves_no_cursor,
    cursors_count_unread_and_skipped_entries,
    cursor_moves_without_jobs,
    source_names_are_bounded,
    delayed_push_waits_for_its_time,
];

fn step(from: Option<u64>, offset: u64, entries: u64) -> CursorMove {
    CursorMove { source: "list".into(), from, offset, entries, entries_total: 10 }
}

impl Subject {
    async fn feed(&self, jobs: Vec<NewJob>, cursor: CursorMove) -> Result<Pushed, QueueError> {
        self.queue.push(Push { jobs, cursor: Some(cursor) }).await
    }

    async fn assert_empty(&self) {
        assert_eq!(self.queue.stats().await.map(|stats| stats.pending()), Ok(0));
        assert_eq!(self.queue.cursors().await, Ok(vec![]));
    }
}

async fn pushed_job_is_ready_and_as_pushed(subject: Subject) {
    let new = NewJob { priority: Priority(7), ..grouped("a", "host") };
    subject.push([new.clone()]).await;
    let view = subject.view(new.id()).await;
    assert_eq!((view.lane, view.key.as_str()), (Lane::Fetch, "a"));
    assert_eq!((&view.group, view.priority, &view.payload), (&new.group, Priority(7), &new.payload));
    assert_eq!((view.state, view.due_ms), (JobState::Ready, None));
    assert_eq!((view.attempts, view.failures), (0, 0));
    assert_eq!(view.pushed_ms, view.changed_ms);
    assert!(view.history.is_empty());
    assert_eq!(subject.lane(Lane::Fetch).await.ready, 1);
}

async fn push_of_nothing_changes_nothing(subject: Subject) {
    subject.push([]).await;
    subject.assert_empty().await;
}

async fn repeated_push_is_absorbed_in_every_state(subject: Subject) {
    let done = subject.lease_of(Lane::Process, "done").await;
    subject.complete(done).await;
    let died = subject.lease_of(Lane::Process, "dead").await;
    subject.fail(died, dead()).await;
    let delayed = subject.lease_of(Lane::Process, "delayed").await;
    subject.fail(delayed, retry_after(1_000)).await;
    subject.lease_of(Lane::Process, "leased").await;
    subject.push([job(Lane::Process, "ready")]).await;

    let before = (subject.queue.stats().await, subject.list(Default::default()).await);
    let again = ["done", "dead", "delayed", "leased", "ready"]
        .map(|key| NewJob { payload: b"\"other\"".to_vec(), ..job(Lane::Process, key) });
    let pushed = subject.try_push(again.to_vec()).await;
    assert_eq!(pushed, Ok(Pushed { new: 0, known: vec![0, 1, 2, 3, 4] }));
    assert_eq!((subject.queue.stats().await, subject.list(Default::default()).await), before);
}

async fn same_key_twice_in_a_push_is_one_job(subject: Subject) {
    subject.push([job(Lane::Fetch, "old")]).await;
    let keys = ["a", "old", "b", "a"].map(|key| job(Lane::Fetch, key));
    assert_eq!(subject.try_push(keys.to_vec()).await, Ok(Pushed { new: 2, known: vec![1, 3] }));
    assert_eq!(subject.lane(Lane::Fetch).await.ready, 3);
}

/// Their documents' files would be one where a file system ignores case.
async fn keys_that_differ_only_in_case_are_one_job(subject: Subject) {
    subject.push([job(Lane::Fetch, "PG84")]).await;
    let keys = ["pg84", "Moby", "moby", "MOBY"].map(|key| job(Lane::Fetch, key));
    assert_eq!(subject.try_push(keys.to_vec()).await, Ok(Pushed { new: 1, known: vec![0, 2, 3] }));
    let done = subject.lease_of(Lane::Store, "Emma").await;
    subject.complete(done).await;
    let pushed = subject.try_push(vec![job(Lane::Store, "emma")]).await;
    assert_eq!(pushed, Ok(Pushed { new: 0, known: vec![0] }));
    let mut keys: Vec<String> =
        subject.list(Default::default()).await.into_iter().map(|view| view.key).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["Emma", "Moby", "PG84"], "the first keep their spelling");
    for key in ["pg84", "PG84", "MOBY"] {
        let named = Selection { key: Some(key.to_owned()), ..Selection::default() };
        assert_eq!(subject.list(named).await.len(), 1, "{key}");
    }
}

async fn same_key_in_another_lane_is_another_job(subject: Subject) {
    subject.push(Lane::ALL.map(|lane| job(lane, "a"))).await;
    for lane in Lane::ALL {
        assert_eq!(subject.lane(lane).await.ready, 1);
    }
}

async fn push_over_capacity_is_full_and_adds_nothing(subject: Subject) {
    let over = jobs(Lane::Fetch, "f", subject.lane_capacity + 1);
    assert_eq!(subject.try_push(over).await, Err(QueueError::Full(Lane::Fetch)));
    subject.assert_empty().await;

    let mut mixed = vec![job(Lane::Process, "p")];
    mixed.extend(jobs(Lane::Store, "s", subject.lane_capacity + 1));
    assert_eq!(subject.try_push(mixed).await, Err(QueueError::Full(Lane::Store)));
    subject.assert_empty().await;
}

async fn push_that_fills_the_lane_is_taken(subject: Subject) {
    subject.push(jobs(Lane::Fetch, "f", subject.lane_capacity)).await;
    let one_more = subject.try_push(vec![job(Lane::Fetch, "x")]).await;
    assert_eq!(one_more, Err(QueueError::Full(Lane::Fetch)));
    assert_eq!(subject.lane(Lane::Fetch).await.ready, subject.lane_capacity as u64);
}

/// A repeat of a push whose answer was lost must not fail because the lane is full.
async fn known_jobs_need_no_room(subject: Subject) {
    let all = jobs(Lane::Fetch, "f", subject.lane_capacity);
    subject.push(all.clone()).await;
    let known = (0..).take(all.len()).collect();
    assert_eq!(subject.try_push(all).await, Ok(Pushed { new: 0, known }));
}

async fn same_key_twice_needs_room_once(subject: Subject) {
    let all = jobs(Lane::Fetch, "f", subject.lane_capacity);
    let new = all.len() as u64;
    let known = (0..2 * new as u32).skip(all.len()).collect();
    assert_eq!(subject.try_push([all.clone(), all].concat()).await, Ok(Pushed { new, known }));
    assert_eq!(subject.lane(Lane::Fetch).await.ready, new);
}

async fn ended_jobs_need_no_room(subject: Subject) {
    subject.push(jobs(Lane::Process, "p", subject.lane_capacity)).await;
    let claims = subject.claim(request(Lane::Process, 3)).await.claims;
    let full = Err(QueueError::Full(Lane::Process));
    assert_eq!(subject.try_push(vec![job(Lane::Process, "x")]).await, full, "leased jobs take room");
    subject.fail(claims[0].lease, retry_after(1_000)).await;
    assert_eq!(subject.try_push(vec![job(Lane::Process, "x")]).await, full, "delayed jobs take room");
    subject.complete(claims[1].lease).await;
    subject.push([job(Lane::Process, "x")]).await;
    subject.fail(claims[2].lease, dead()).await;
    subject.push([job(Lane::Process, "y")]).await;
}

async fn full_lane_does_not_refuse_jobs_of_other_lanes(subject: Subject) {
    subject.push(jobs(Lane::Store, "s", subject.lane_capacity)).await;
    subject.push([job(Lane::Fetch, "a"), job(Lane::Process, "a")]).await;
}

async fn invalid_jobs_are_refused_and_nothing_is_added(subject: Subject) {
    let good = job(Lane::Fetch, "good");
    let long = |bytes: usize| "x".repeat(bytes);
    let wrong = [
        NewJob { key: String::new(), ..good.clone() },
        NewJob { key: long(KEY_BYTES_MAX + 1), ..good.clone() },
        NewJob { key: "é".repeat(KEY_BYTES_MAX / 2) + "x", ..good.clone() },
        good.clone().in_group(Group(long(GROUP_BYTES_MAX + 1))),
        NewJob { payload: vec![b' '; PAYLOAD_BYTES_MAX + 1], ..good.clone() },
    ];
    for wrong in wrong {
        let refused = subject.feed(vec![good.clone(), wrong], step(None, 1, 1)).await;
        assert!(matches!(refused, Err(QueueError::Invalid(_))), "{refused:?}");
    }
    let refused = subject.try_push(jobs(Lane::Fetch, "f", BATCH_MAX + 1)).await;
    assert!(matches!(refused, Err(QueueError::Invalid(_))), "{refused:?}");
    subject.assert_empty().await;
}

async fn jobs_at_their_bounds_are_taken(subject: Subject) {
    let new = NewJob {
        key: "k".repeat(KEY_BYTES_MAX),
        group: Some(Group("g".repeat(GROUP_BYTES_MAX))),
        payload: vec![b' '; PAYLOAD_BYTES_MAX],
        ..job(Lane::Fetch, "")
    };
    subject.push([new.clone()]).await;
    let claim = subject.claim_one(Lane::Fetch).await;
    assert_eq!((claim.key, claim.payload), (new.key, new.payload));
    if subject.lane_capacity < BATCH_MAX {
        let full = subject.try_push(jobs(Lane::Fetch, "f", BATCH_MAX)).await;
        assert_eq!(full, Err(QueueError::Full(Lane::Fetch)), "a batch of the most is not invalid");
    }
}

async fn cursor_is_made_once(subject: Subject) {
    let made = subject.feed(vec![job(Lane::Fetch, "a")], step(None, 100, 1)).await;
    assert_eq!(made, Ok(Pushed { new: 1, known: vec![] }));
    let again = subject.feed(vec![job(Lane::Fetch, "b")], step(None, 200, 2)).await;
    assert_eq!(again, Err(QueueError::CursorMoved("list".into())));
    let cursor = Cursor { source: "list".into(), offset: 100, entries: 1, entries_total: 10, skipped: 0 };
    assert_eq!(subject.queue.cursors().await, Ok(vec![cursor]));
    assert_eq!(subject.lane(Lane::Fetch).await.ready, 1);
}

async fn cursor_moves_only_from_where_it_stands(subject: Subject) {
    let moved = Err(QueueError::CursorMoved("list".into()));
    let a = || vec![job(Lane::Fetch, "a")];
    assert_eq!(subject.feed(a(), step(Some(0), 100, 1)).await, moved, "there is none");
    subject.assert_empty().await;
    assert!(subject.feed(vec![], step(None, 100, 1)).await.is_ok());
    assert_eq!(subject.feed(a(), step(Some(99), 200, 2)).await, moved);
    assert_eq!(subject.lane(Lane::Fetch).await.ready, 0);
    assert!(subject.feed(a(), step(Some(100), 200, 2)).await.is_ok());
    assert_eq!(subject.feed(a(), step(Some(100), 200, 2)).await, moved, "another feeder was faster");
    assert_eq!(subject.queue.cursors().await.map(|all| all[0].offset), Ok(200));
}

async fn push_without_room_moves_no_cursor(subject: Subject) {
    assert!(subject.feed(vec![], step(None, 100, 1)).await.is_ok());
    let over = jobs(Lane::Fetch, "f", subject.lane_capacity + 1);
    let full = subject.feed(over, step(Some(100), 200, 2)).await;
    assert_eq!(full, Err(QueueError::Full(Lane::Fetch)));
    assert_eq!(subject.queue.cursors().await.map(|all| all[0].offset), Ok(100));
}

async fn cursors_count_unread_and_skipped_entries(subject: Subject) {
    subject.push([job(Lane::Fetch, "a"), job(Lane::Fetch, "b")]).await;
    let fed = ["a", "c"].map(|key| job(Lane::Fetch, key)).to_vec();
    assert!(subject.feed(fed, step(None, 20, 2)).await.is_ok());
    let fed = ["b", "c"].map(|key| job(Lane::Fetch, key)).to_vec();
    assert!(subject.feed(fed, step(Some(20), 40, 4)).await.is_ok());
    let other = CursorMove { source: "other".into(), entries_total: 5, ..step(None, 0, 0) };
    assert!(subject.feed(vec![job(Lane::Fetch, "a")], other).await.is_ok());

    let stats = subject.queue.stats().await.expect("stats must be given");
    assert_eq!((stats.unfed, stats.skipped), (6 + 5, 3 + 1));
    assert_eq!(stats.pending(), 3 + 11);
    let skipped = subject.queue.cursors().await.expect("cursors must be given");
    let mut skipped: Vec<_> = skipped.iter().map(|all| (all.source.as_str(), all.skipped)).collect();
    skipped.sort_unstable();
    assert_eq!(skipped, [("list", 3), ("other", 1)]);
}

async fn cursor_moves_without_jobs(subject: Subject) {
    assert!(subject.feed(vec![], step(None, 50, 5)).await.is_ok());
    assert!(subject.feed(vec![], step(Some(50), 100, 10)).await.is_ok());
    assert_eq!(subject.queue.stats().await.map(|stats| stats.unfed), Ok(0));
}

async fn source_names_are_bounded(subject: Subject) {
    for source in [String::new(), "s".repeat(201)] {
        let wrong = CursorMove { source, ..step(None, 1, 1) };
        let refused = subject.feed(vec![job(Lane::Fetch, "a")], wrong).await;
        assert!(matches!(refused, Err(QueueError::Invalid(_))), "{refused:?}");
    }
    subject.assert_empty().await;
    let longest = CursorMove { source: "s".repeat(200), ..step(None, 1, 1) };
    assert!(subject.feed(vec![], longest).await.is_ok());
}

async fn delayed_push_waits_for_its_time(subject: Subject) {
    subject.push([job(Lane::Store, "later").delayed(500), job(Lane::Store, "now")]).await;
    let lane = subject.lane(Lane::Store).await;
    assert_eq!((lane.ready, lane.delayed), (1, 1));
    assert_eq!(subject.claim_all(Lane::Store).await.len(), 1);
    subject.advance(499);
    assert!(subject.claim_all(Lane::Store).await.is_empty());
    subject.advance(1);
    assert_eq!(subject.claim_one(Lane::Store).await.key, "later");
}
