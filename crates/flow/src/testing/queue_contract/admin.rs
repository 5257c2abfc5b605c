//! Cases of listing, retrying and dropping jobs.

use super::{LEASE_MS, Subject, case_list, dead, failure, grouped, job, jobs, keys, request, retry_after};
use crate::{
    failure::Reason,
    job::{Group, JobEventKind, JobId, JobState, Lease, NewJob, Selection},
    lane::Lane,
    queue::{GroupStats, LaneStatus, Nack, Pushed, QueueDetails, QueueError, RATES_WINDOW_MS, Rates},
};

case_list![
    list_returns_pages_in_the_order_of_ids,
    list_returns_selected_jobs,
    retried_dead_job_starts_from_the_beginning,
    retried_dead_job_is_as_it_was_pushed,
    only_dead_jobs_are_retried,
    only_selected_jobs_are_retried,
    dropped_jobs_are_forgotten,
    leased_jobs_are_not_dropped,
    only_selected_jobs_are_dropped,
    dropped_jobs_make_room,
    list_selects_by_group_and_age,
    lease_of_a_dropped_job_stays_stale_when_the_job_comes_again,
    details_have_ages_rates_and_groups,
    refused_and_repeated_requests_are_not_counted,
];

fn by_state(state: JobState) -> Selection {
    Selection { state: Some(state), ..Selection::default() }
}

fn by_lane(lane: Lane) -> Selection {
    Selection { lane: Some(lane), ..Selection::default() }
}

impl Subject {
    /// A job in each state, in the process lane, named after it.
    async fn one_of_each_state(&self) {
        let done = self.lease_of(Lane::Process, "done").await;
        self.complete(done).await;
        let died = self.lease_of(Lane::Process, "dead").await;
        self.fail(died, dead()).await;
        let delayed = self.lease_of(Lane::Process, "delayed").await;
        self.fail(delayed, retry_after(1_000)).await;
        self.lease_of(Lane::Process, "leased").await;
        self.push([job(Lane::Process, "ready")]).await;
    }

    async fn selected(&self, selection: Selection) -> Vec<String> {
        let mut keys: Vec<_> = self.list(selection).await.into_iter().map(|view| view.key).collect();
        keys.sort_unstable();
        keys
    }

    async fn die(&self, lane: Lane, key: &str) -> Lease {
        let lease = self.lease_of(lane, key).await;
        self.fail(lease, dead()).await;
        lease
    }
}

async fn list_returns_pages_in_the_order_of_ids(subject: Subject) {
    let n = subject.lane_capacity;
    subject.push(jobs(Lane::Fetch, "f", n)).await;
    subject.push(jobs(Lane::Process, "p", 3)).await;
    let mut ids: Vec<JobId> = jobs(Lane::Fetch, "f", n).iter().map(NewJob::id).collect();
    ids.sort_unstable();

    let mut listed = Vec::new();
    for _ in 0..n {
        let page = subject.queue.list(by_lane(Lane::Fetch), listed.last().copied(), 3).await;
        let page = page.expect("a list must be given");
        assert!(page.len() <= 3);
        if page.is_empty() {
            break;
        }
        listed.extend(page.iter().map(|view| view.id));
    }
    assert_eq!(listed, ids);
    let all = subject.list(Selection::default()).await;
    assert_eq!(all.len(), n + 3);
    assert!(all.is_sorted_by_key(|view| view.id));
}

async fn list_returns_selected_jobs(subject: Subject) {
    subject.one_of_each_state().await;
    subject.push([job(Lane::Store, "ready")]).await;
    for state in JobState::ALL {
        let selection = Selection { lane: Some(Lane::Process), ..by_state(state) };
        assert_eq!(subject.selected(selection).await, [state.name()]);
    }
    assert_eq!(subject.selected(by_lane(Lane::Store)).await, ["ready"]);
    let by_key = Selection { key: Some("ready".into()), ..Selection::default() };
    assert_eq!(subject.selected(by_key).await, ["ready", "ready"]);
    let by_reason = |reason| Selection { reason: Some(reason), ..Selection::default() };
    assert_eq!(subject.selected(by_reason(Reason::HttpStatus)).await, ["dead"]);
    assert_eq!(subject.selected(by_reason(Reason::Connect)).await, ["delayed"]);
    let ids = [job(Lane::Process, "done").id(), JobId::of(Lane::Process, "unknown")].to_vec();
    assert_eq!(subject.selected(Selection { ids, ..Selection::default() }).await, ["done"]);
}

async fn retried_dead_job_starts_from_the_beginning(subject: Subject) {
    let lease = subject.die(Lane::Store, "a").await;
    let before = subject.view(lease.id).await;
    subject.advance(50);
    assert_eq!(subject.queue.retry(by_state(JobState::Dead)).await, Ok(1));
    let view = subject.view(lease.id).await;
    assert_eq!((view.state, view.failures, view.attempts), (JobState::Ready, 0, 1));
    assert_eq!((view.pushed_ms, view.changed_ms), (before.pushed_ms + 50, before.pushed_ms + 50));
    let happened: Vec<_> = view.history.into_iter().map(|event| event.what).collect();
    assert_eq!(happened, [JobEventKind::Died(failure(Reason::HttpStatus)), JobEventKind::Retried]);

    let claim = subject.claim_one(Lane::Store).await;
    assert_eq!(claim.lease, Lease { attempt: 2, ..lease });
    assert_eq!((claim.failures, claim.failing_ms), (0, None));
    assert_eq!(claim.payload, job(Lane::Store, "a").payload);
    let stale = Err(QueueError::Stale(lease));
    assert_eq!(subject.queue.complete(lease, vec![]).await, stale);
    let lane = subject.lane(Lane::Store).await;
    assert_eq!((lane.dead, lane.leased, lane.retried), (0, 1, 0));
}

async fn retried_dead_job_is_as_it_was_pushed(subject: Subject) {
    let pushed = grouped("a", "host");
    subject.push([pushed.clone()]).await;
    for group in ["mirror", "other mirror"] {
        let lease = subject.claim_one(Lane::Fetch).await.lease;
        let revised = Some(NewJob { payload: b"\"revised\"".to_vec(), ..grouped("a", group) });
        let failure = failure(Reason::Dns);
        subject.fail(lease, Nack::Retry { failure, after_ms: 0, group_pause_ms: 0, revised }).await;
    }
    let lease = subject.claim_one(Lane::Fetch).await.lease;
    subject.fail(lease, dead()).await;
    assert_eq!(subject.queue.retry(by_state(JobState::Dead)).await, Ok(1));
    let view = subject.view(lease.id).await;
    assert_eq!((&view.group, &view.payload), (&pushed.group, &pushed.payload));
    assert_eq!(subject.claim_one(Lane::Fetch).await.payload, pushed.payload);
}

async fn only_dead_jobs_are_retried(subject: Subject) {
    subject.one_of_each_state().await;
    let others = async || {
        let mut all = subject.list(Selection::default()).await;
        all.retain(|view| view.key != "dead");
        all
    };
    let before = others().await;
    assert_eq!(subject.queue.retry(Selection::default()).await, Ok(1));
    assert_eq!(others().await, before);
    assert_eq!(subject.queue.retry(Selection::default()).await, Ok(0));
}

async fn only_selected_jobs_are_retried(subject: Subject) {
    subject.die(Lane::Store, "a").await;
    let b = subject.die(Lane::Store, "b").await;
    subject.die(Lane::Process, "a").await;
    assert_eq!(subject.queue.retry(Selection { ids: vec![b.id], ..Selection::default() }).await, Ok(1));
    assert_eq!(subject.lane(Lane::Store).await.dead, 1);
    assert_eq!(subject.queue.retry(by_state(JobState::Done)).await, Ok(0));
    let reason = Selection { reason: Some(Reason::Timeout), ..Selection::default() };
    assert_eq!(subject.queue.retry(reason).await, Ok(0));
    assert_eq!(subject.queue.retry(by_lane(Lane::Process)).await, Ok(1));
    assert_eq!(keys(&subject.claim_all(Lane::Process).await), ["a"]);
    assert_eq!(keys(&subject.claim_all(Lane::Store).await), ["b"]);
}

async fn dropped_jobs_are_forgotten(subject: Subject) {
    let done = subject.lease_of(Lane::Store, "a").await;
    subject.complete(done).await;
    subject.push([job(Lane::Store, "b")]).await;
    assert_eq!(subject.queue.drop_jobs(Selection::default()).await, Ok(2));
    assert!(subject.list(Selection::default()).await.is_empty());
    assert!(subject.find(done.id).await.is_none());
    let claimed = subject.claim(request(Lane::Store, 1)).await;
    assert_eq!((claimed.claims.len(), claimed.lane_status), (0, LaneStatus::Drained));
    let again = subject.try_push(vec![job(Lane::Store, "a")]).await;
    assert_eq!(again, Ok(Pushed { new: 1, known: vec![] }));
    assert_eq!(keys(&subject.claim_all(Lane::Store).await), ["a"]);
}

async fn leased_jobs_are_not_dropped(subject: Subject) {
    subject.one_of_each_state().await;
    assert_eq!(subject.queue.drop_jobs(Selection::default()).await, Ok(4));
    assert_eq!(subject.selected(Selection::default()).await, ["leased"]);
    let lease = Lease { id: job(Lane::Process, "leased").id(), attempt: 1 };
    subject.complete(lease).await;
    subject.advance(10_000);
    assert!(subject.claim_all(Lane::Process).await.is_empty(), "a dropped job must not fall due");
}

async fn only_selected_jobs_are_dropped(subject: Subject) {
    subject.one_of_each_state().await;
    assert_eq!(subject.queue.drop_jobs(by_lane(Lane::Store)).await, Ok(0));
    assert_eq!(subject.queue.drop_jobs(by_state(JobState::Dead)).await, Ok(1));
    assert_eq!(subject.selected(Selection::default()).await, ["delayed", "done", "leased", "ready"]);
}

async fn dropped_jobs_make_room(subject: Subject) {
    subject.push([job(Lane::Fetch, "f")]).await;
    subject.push(jobs(Lane::Store, "s", subject.lane_capacity)).await;
    assert!(subject.claim_all(Lane::Fetch).await.is_empty());
    let one = Selection { key: Some("s0".into()), ..Selection::default() };
    assert_eq!(subject.queue.drop_jobs(one).await, Ok(1));
    assert_eq!(keys(&subject.claim_all(Lane::Fetch).await), ["f"]);
    subject.push([job(Lane::Store, "x")]).await;
}

async fn list_selects_by_group_and_age(subject: Subject) {
    subject.push([grouped("a", "host"), grouped("b", "other"), job(Lane::Fetch, "none")]).await;
    subject.advance(100);
    subject.push([grouped("late", "host")]).await;
    let host = Some(Group("host".to_owned()));
    let by_group = Selection { group: host, ..Selection::default() };
    assert_eq!(subject.selected(by_group.clone()).await, ["a", "late"]);
    assert_eq!(subject.selected(Selection { older_ms: Some(100), ..by_group.clone() }).await, ["a"]);
    assert_eq!(subject.queue.drop_jobs(Selection { older_ms: Some(101), ..by_group.clone() }).await, Ok(0));
    assert_eq!(subject.queue.drop_jobs(Selection { older_ms: Some(100), ..by_group }).await, Ok(1));
    assert_eq!(subject.lane(Lane::Fetch).await.ready, 3);
}

async fn lease_of_a_dropped_job_stays_stale_when_the_job_comes_again(subject: Subject) {
    let first = subject.lease_of(Lane::Store, "a").await;
    subject.advance(LEASE_MS);
    let second = subject.claim_one(Lane::Store).await.lease;
    subject.advance(LEASE_MS);
    assert_eq!(subject.queue.drop_jobs(Selection::default()).await, Ok(1));
    subject.push([job(Lane::Store, "a")]).await;
    let view = subject.view(first.id).await;
    assert_eq!((view.attempts, view.history.len()), (0, 0), "it is a new job");
    let claim = subject.claim_one(Lane::Store).await;
    assert_eq!(claim.attempts, 1);
    for lease in [first, second] {
        assert_ne!(claim.lease, lease);
        assert_eq!(subject.queue.complete(lease, vec![]).await, Err(QueueError::Stale(lease)));
        assert_eq!(subject.queue.fail(lease, dead()).await, Err(QueueError::Stale(lease)));
    }
    assert_eq!(subject.queue.complete(claim.lease, vec![]).await, Ok(()));
}

async fn details_have_ages_rates_and_groups(subject: Subject) {
    let details = subject.queue.details().await.expect("details must be given");
    assert_eq!(details.lanes, QueueDetails::default().lanes);
    subject.push([grouped("a", "busy"), grouped("b", "busy"), grouped("c", "idle")]).await;
    subject.advance(1_000);
    subject.push([job(Lane::Fetch, "late")]).await;
    let claims = subject.claim_all(Lane::Fetch).await;
    for claim in &claims {
        match claim.key.as_str() {
            "a" => subject.fail(claim.lease, retry_after(RATES_WINDOW_MS)).await,
            "b" => {}
            "c" => subject.fail(claim.lease, Nack::Release).await,
            _ => assert_eq!(subject.queue.complete(claim.lease, vec![]).await, Ok(())),
        }
    }
    let details = subject.queue.details().await.expect("details must be given");
    let fetch = &details.lanes[Lane::Fetch.index()];
    assert_eq!(fetch.oldest_pending_ms, Some(1_000));
    assert_eq!(fetch.rates, Rates { pushed: 4, claimed: 4, done: 1, failed: 1, dead: 0 });
    let named = |name: &str| Some(Group(name.to_owned()));
    let busy = GroupStats { group: named("busy"), ready: 0, delayed: 1, in_flight: 1, pause: None };
    let idle = GroupStats { group: named("idle"), ready: 1, delayed: 0, in_flight: 0, pause: None };
    assert_eq!((fetch.groups_total, &fetch.groups), (2, &vec![busy, idle]));
    subject.advance(RATES_WINDOW_MS);
    let details = subject.queue.details().await.expect("details must be given");
    assert_eq!(details.lanes[Lane::Fetch.index()].rates, Rates::default());
}

async fn refused_and_repeated_requests_are_not_counted(subject: Subject) {
    let a = subject.lease_of(Lane::Fetch, "a").await;
    let b = subject.lease_of(Lane::Fetch, "b").await;
    let revised = Some(job(Lane::Fetch, "another"));
    let failure = failure(Reason::Timeout);
    let wrong = Nack::Retry { failure, after_ms: 0, group_pause_ms: 0, revised };
    assert!(matches!(subject.queue.fail(a, wrong).await, Err(QueueError::Invalid(_))));
    let wrong = subject.queue.complete(b, vec![job(Lane::Store, "")]).await;
    assert!(matches!(wrong, Err(QueueError::Invalid(_))), "{wrong:?}");
    for _ in 0..2 {
        subject.fail(a, dead()).await;
        subject.complete(b).await;
        assert_eq!(
            subject.try_push(vec![job(Lane::Fetch, "a")]).await,
            Ok(Pushed { new: 0, known: vec![0] })
        );
    }
    let details = subject.queue.details().await.expect("details must be given");
    let rates = details.lanes[Lane::Fetch.index()].rates;
    assert_eq!(rates, Rates { pushed: 2, claimed: 2, done: 1, failed: 1, dead: 1 });
}
