//! Generates random sequences. There are few keys, groups and sources, so that actions meet each other's
//! jobs.

use fastrand::Rng;
use flow::{
    clock::Millis,
    failure::Reason,
    job::{Group, JobState, OnDuplicate, Selection},
    lane::Lane,
    queue::{ClaimRequest, GroupLimit, NamedLimits, Pause, Registration},
};
use queue::ledger::LOST_MAX;

use super::{
    action::{
        Action, Closing, CursorStep, Edge, Ending, Flaw, JobSpec, Jump, Revision, Sequence, StepFrom, Token,
        group, key,
    },
    run::SESSIONS,
};

pub(crate) const SOURCES: usize = 2;
const DAY_MS: Millis = 24 * 3_600_000;
const REASONS: [Reason; 3] = [Reason::HttpStatus, Reason::Timeout, Reason::Connect];
const LEASES_MS: [Millis; 5] = [50, 1_000, 5_000, 60_000, 10 * DAY_MS];
const DELAYS_MS: [Millis; 6] = [1, 20, 700, 2_000, 60_000, 30 * DAY_MS];

struct Draw {
    rng: Rng,
    keys: u32,
    groups: u32,
}

/// Generates the sequence of a seed.
pub(crate) fn sequence(seed: u64) -> Sequence {
    let mut rng = Rng::with_seed(seed);
    let is_long = rng.u32(..20) == 0;
    let scale = if is_long { 4 } else { 1 };
    let capacity = rng.usize(2..16 * scale as usize);
    let (keys, groups) = (rng.u32(2..14 * scale), rng.u32(1..6));
    let length = if is_long { rng.usize(300..1_000) } else { rng.usize(20..150) };
    let reopenings = if is_long { 4 } else { [0, 1, 1, 2][rng.usize(..4)] };
    let wears_out = rng.u32(..100) == 0;
    let mut draw = Draw { rng, keys, groups };
    let mut actions = Vec::new();
    if wears_out {
        actions.extend(draw.worker_that_always_dies());
    }
    for _ in 0..length {
        let action = draw.action();
        if draw.one_in(8) {
            actions.push(action.clone());
        }
        actions.push(action);
    }
    for _ in 0..reopenings {
        let at = draw.rng.usize(..=actions.len());
        actions.insert(at, draw.reopening());
    }
    Sequence { capacity, actions }
}

impl Draw {
    fn one_in(&mut self, n: usize) -> bool {
        self.rng.usize(..n) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.rng.usize(..from.len())]
    }

    fn many<T>(&mut self, most: usize, mut one: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.rng.usize(..=most)).map(|_| one(self)).collect()
    }

    fn lane(&mut self) -> Lane {
        self.pick(&[Lane::Fetch, Lane::Fetch, Lane::Fetch, Lane::Store, Lane::Store, Lane::Process])
    }

    fn session(&mut self) -> usize {
        self.rng.usize(..SESSIONS)
    }

    fn action(&mut self) -> Action {
        match self.rng.u32(..100) {
            0..18 => self.push(),
            18..40 => self.claim(),
            40..52 => self.complete(),
            52..62 => Action::Fail { token: self.token(), ending: self.ending() },
            62 => Action::PauseGroup { token: self.token(), for_ms: self.pick(&DELAYS_MS) },
            63 => Action::Pending { lane: self.lane(), groups: self.many(3, Self::group) },
            64..67 => Action::Extend { tokens: self.tokens(), lease_ms: self.pick(&LEASES_MS) },
            67..69 => self.register_worker(),
            69 => self.rejoin(),
            70 => Action::EndSession { session: self.session() },
            71..74 => Action::Retry(self.selection()),
            74..77 => Action::Drop(self.selection()),
            77 => Action::Pause { lane: self.lane(), pause: self.pick(&[Pause::Paused, Pause::Running]) },
            78 => Action::Pause { lane: self.lane(), pause: Pause::Running },
            79..81 => self.list(),
            81 => Action::Details,
            82 => Action::Cursors,
            83..90 => Action::Commit,
            90..97 => Action::Step(self.step_ms()),
            _ => Action::StepToWakeup(self.pick(&[Edge::Before, Edge::At, Edge::After])),
        }
    }

    fn push(&mut self) -> Action {
        let most = self.pick(&[1, 3, 3, 8, 20]);
        let jobs = self.many(most, Self::job);
        let cursor = self.one_in(5).then(|| self.cursor());
        Action::Push { jobs, cursor }
    }

    fn job(&mut self) -> JobSpec {
        let bytes_max = self.pick(&[1, 10, 10, 10, 10, 10, 10, 10, 200, 200, 200, 1_500, 1_500, 7_000]);
        let bytes_max = if self.one_in(80) { 60 * 1024 } else { bytes_max };
        JobSpec {
            lane: self.lane(),
            key: self.rng.u32(..self.keys),
            group: (!self.one_in(4)).then(|| self.rng.u32(..self.groups)),
            priority: self.pick(&[0, 0, 0, 1, 2, 255]),
            bytes: self.rng.usize(..=bytes_max),
            filled_with: self.rng.u8(..),
            delay_ms: if self.one_in(5) { self.pick(&DELAYS_MS) } else { 0 },
            known: if self.one_in(4) { OnDuplicate::Renew } else { OnDuplicate::Absorb },
            flaw: self
                .one_in(200)
                .then(|| self.pick(&[Flaw::NoKey, Flaw::LongKey, Flaw::LongGroup, Flaw::LargePayload])),
        }
    }

    fn cursor(&mut self) -> CursorStep {
        CursorStep {
            source: self.rng.usize(..SOURCES),
            from: self.pick(&[
                StepFrom::Where,
                StepFrom::Where,
                StepFrom::Where,
                StepFrom::Nowhere,
                StepFrom::Elsewhere,
            ]),
            offset: self.rng.u64(..1_000),
            entries: self.rng.u64(..6),
            entries_total: self.pick(&[3, 4, 5]),
        }
    }

    fn claim(&mut self) -> Action {
        let group_limit = if self.one_in(2) { GroupLimit::NONE } else { self.limit() };
        let named = if self.one_in(4) { 3 } else { 0 };
        let named_limits = self.many(named, |draw| (draw.group(), draw.limit())).into_iter().collect();
        let ask = ClaimRequest {
            lane: self.lane(),
            limit: self.pick(&[0, 1, 1, 1, 2, 2, 3, 5, 20]),
            lease_ms: self.pick(&LEASES_MS),
            wait_ms: 0,
            group_limit,
            named_limits,
            settled: Vec::new(),
        };
        Action::Claim { session: self.session(), ask }
    }

    fn group(&mut self) -> Group {
        group(self.rng.u32(..self.groups))
    }

    fn limit(&mut self) -> GroupLimit {
        GroupLimit {
            in_flight: self.pick(&[0, 1, 1, 2, 3, u32::MAX]),
            interval_ms: self.pick(&[0, 0, 30, 1_000]),
        }
    }

    fn token(&mut self) -> Token {
        let n = self.rng.usize(..1_000);
        match self.rng.u32(..40) {
            0..30 => Token::Held(n),
            30..38 => Token::Granted(n),
            38 => Token::Future(n),
            _ => Token::Zeroth(n),
        }
    }

    fn tokens(&mut self) -> Vec<Token> {
        self.many(6, Self::token)
    }

    fn complete(&mut self) -> Action {
        let token = self.token();
        let most = self.pick(&[0, 1, 1, 1, 4, 20]);
        Action::Complete { token, next: self.many(most, Self::job) }
    }

    fn ending(&mut self) -> Ending {
        let reason = self.pick(&REASONS);
        match self.rng.u32(..10) {
            0..6 => Ending::Retry {
                reason,
                after_ms: if self.one_in(3) { 0 } else { self.pick(&DELAYS_MS) },
                group_pause_ms: if self.one_in(4) { self.pick(&DELAYS_MS) } else { 0 },
                revised: self.one_in(4).then(|| self.revision()),
            },
            6..8 => Ending::Dead { reason },
            8 => Ending::Move { reason, revised: self.revision() },
            _ => Ending::Release,
        }
    }

    fn revision(&mut self) -> Revision {
        let job = self.job();
        if self.one_in(8) { Revision::Other(job) } else { Revision::Same(job) }
    }

    fn register_worker(&mut self) -> Action {
        let registration = self.pick(&[Registration::Add, Registration::Add, Registration::Remove]);
        Action::RegisterWorker { session: self.session(), lane: self.lane(), registration }
    }

    fn rejoin(&mut self) -> Action {
        let (session, held) = (self.session(), self.many(12, Self::token));
        Action::Rejoin {
            session,
            held,
            worker_lanes: self.many(3, Self::lane),
            lease_ms: self.pick(&LEASES_MS),
        }
    }

    fn selection(&mut self) -> Selection {
        let ids = if self.one_in(6) { self.many(3, |draw| draw.job().job().id()) } else { Vec::new() };
        let lane = self.one_in(3).then(|| self.lane());
        Selection {
            ids,
            lane,
            state: self.one_in(3).then(|| self.pick(&JobState::ALL)),
            reason: self.one_in(6).then(|| self.pick(&REASONS)),
            key: self.one_in(3).then(|| key(self.rng.u32(..self.keys))),
            group: self.one_in(6).then(|| group(self.rng.u32(..self.groups))),
            older_ms: self.one_in(8).then(|| self.pick(&DELAYS_MS)),
        }
    }

    fn list(&mut self) -> Action {
        let selection = self.selection();
        let after = self.one_in(2).then(|| self.job());
        Action::List { selection, after, limit: self.pick(&[0, 1, 3, 1_000]) }
    }

    fn step_ms(&mut self) -> Millis {
        match self.rng.u32(..20) {
            0..10 => self.rng.u64(..40),
            10..15 => self.rng.u64(..1_500),
            15..18 => self.rng.u64(..20_000),
            18 => self.rng.u64(..100_000),
            _ => self.rng.u64(..2 * DAY_MS),
        }
    }

    fn reopening(&mut self) -> Action {
        let clock = match self.rng.u32(..8) {
            0..3 => Jump::Forward(self.step_ms()),
            3 => Jump::Forward(self.rng.u64(..400 * DAY_MS)),
            4..6 => Jump::Back(self.rng.u64(..5_000)),
            _ => Jump::Back(self.rng.u64(..10 * 365 * DAY_MS)),
        };
        Action::Reopen { how: self.pick(&[Closing::Crash, Closing::Crash, Closing::Commit]), clock }
    }

    /// Generates a few jobs, and a worker that dies of them: until they are revised, then until they are
    /// dead, then again.
    fn worker_that_always_dies(&mut self) -> Vec<Action> {
        let (lane, session, limit) = (self.lane(), self.session(), self.rng.usize(1..4));
        let mut sound = || JobSpec { lane, flaw: None, ..self.job() };
        let (jobs, revised) = (vec![sound(), sound()], Revision::Same(sound()));
        let (group_limit, named_limits) = (GroupLimit::NONE, NamedLimits::new());
        let ask = ClaimRequest {
            lane,
            limit,
            lease_ms: 1_000,
            wait_ms: 0,
            group_limit,
            named_limits,
            settled: Vec::new(),
        };
        let claim = || Action::Claim { session, ask: ask.clone() };
        let deaths = |times: u32| (0..times).flat_map(|_| [claim(), Action::EndSession { session }]);
        let reason = Reason::Timeout;
        let ending = Ending::Retry { reason, after_ms: 0, group_pause_ms: 0, revised: Some(revised) };
        let mut actions = vec![Action::Push { jobs, cursor: None }];
        actions.extend(deaths(LOST_MAX - 3));
        actions.extend([claim(), Action::Fail { token: Token::Held(0), ending }]);
        actions.extend(deaths(2 * LOST_MAX));
        actions.push(Action::Retry(Selection::default()));
        actions.extend(deaths(3));
        actions
    }
}
