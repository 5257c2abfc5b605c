//! The state of a host: what it waits for, until when, and why.

use event_log::line::public;
use flow::{
    clock::Millis,
    failure::{Failure, Reason},
    queue::{GroupPause, GroupStats, RESTING_AFTER_MS},
};
use serde::Serialize;

use crate::failures::kind;

/// A host with pending texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostView {
    /// The name of the host, with the port if the URLs name one.
    pub host: String,
    /// The state of the host.
    pub state: HostState,
    /// The time from now to the end of the pause or the wait, if there is one.
    pub for_ms: Option<Millis>,
    /// The failure that caused the pause. Its URL has neither a password nor a query.
    pub why: Option<Failure>,
    /// Texts that could be requested now.
    pub ready: u64,
    /// Texts that are requested again later.
    pub delayed: u64,
    /// Texts that are being requested.
    pub in_flight: u64,
    /// The shortest time between two requests.
    pub wait_ms: Millis,
}

/// The state of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    /// Texts are being requested from it.
    Active,
    /// Texts wait for their turn, for a worker, or for the usual distance between two requests.
    Waiting,
    /// All of its texts failed and are requested again later.
    Retrying,
    /// It asked for a pause or was busy.
    Paused,
    /// It is paused for so long that a run does not wait for it.
    Resting,
    /// It returns block pages in place of texts.
    Banned,
}

impl HostState {
    /// All states, the most urgent last.
    pub const ALL: [Self; 6] =
        [Self::Active, Self::Waiting, Self::Retrying, Self::Paused, Self::Resting, Self::Banned];

    /// Returns the name in tables and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Waiting => "waiting",
            Self::Retrying => "retrying",
            Self::Paused => "paused",
            Self::Resting => "resting",
            Self::Banned => "banned",
        }
    }

    /// Returns whether the host gets no request for a reason that people want to know.
    #[must_use]
    pub const fn is_held(self) -> bool {
        matches!(self, Self::Paused | Self::Resting | Self::Banned)
    }

    fn of(stats: &GroupStats) -> Self {
        match &stats.pause {
            Some(GroupPause { why: Some(failure), .. }) if failure.reason == Reason::SoftBan => Self::Banned,
            Some(GroupPause { for_ms, why: Some(_) }) if *for_ms > RESTING_AFTER_MS => Self::Resting,
            Some(GroupPause { why: Some(_), .. }) => Self::Paused,
            _ if stats.in_flight > 0 => Self::Active,
            _ if stats.ready > 0 => Self::Waiting,
            _ => Self::Retrying,
        }
    }
}

impl HostView {
    /// Returns the state of a group of the fetch lane, or `None` for the texts that have no host.
    #[must_use]
    pub fn of(stats: &GroupStats, wait_ms: Millis) -> Option<Self> {
        let GroupStats { group, ready, delayed, in_flight, pause } = stats;
        Some(Self {
            host: group.as_ref()?.0.clone(),
            state: HostState::of(stats),
            for_ms: pause.as_ref().map(|pause| pause.for_ms),
            why: pause.as_ref().and_then(|pause| pause.why.as_ref()).map(without_secrets),
            ready: *ready,
            delayed: *delayed,
            in_flight: *in_flight,
            wait_ms,
        })
    }

    /// Returns whether the host is held for a second at least. Shorter pauses are over before they are read.
    #[must_use]
    pub fn is_notable(&self) -> bool {
        self.state.is_held() && self.for_ms.is_some_and(|for_ms| for_ms >= 1_000)
    }

    /// Returns the number of texts that have not ended.
    #[must_use]
    pub const fn pending(&self) -> u64 {
        self.ready + self.delayed + self.in_flight
    }

    /// Returns the reason of the pause in a few words, such as `429 Too Many Requests`.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.why.as_ref().map(kind)
    }
}

fn without_secrets(failure: &Failure) -> Failure {
    Failure::new(failure.reason, public(&failure.message))
}

#[cfg(test)]
mod tests {
    use flow::job::Group;

    use super::*;

    fn stats(ready: u64, in_flight: u64, pause: Option<(Millis, Option<Reason>)>) -> GroupStats {
        let pause = pause.map(|(for_ms, reason)| GroupPause {
            for_ms,
            why: reason.map(|reason| Failure::new(reason, "http://h/a?key=secret: 429 Too Many Requests")),
        });
        GroupStats { group: Some(Group("h".into())), ready, delayed: 2, in_flight, pause }
    }

    #[test]
    fn a_pause_with_a_reason_comes_before_what_is_in_flight() {
        let busy = Some(Reason::HttpStatus);
        for (stats, state) in [
            (stats(3, 1, None), HostState::Active),
            (stats(3, 1, Some((900, None))), HostState::Active),
            (stats(3, 0, Some((900, None))), HostState::Waiting),
            (stats(0, 0, None), HostState::Retrying),
            (stats(3, 1, Some((900, busy))), HostState::Paused),
            (stats(3, 0, Some((RESTING_AFTER_MS, busy))), HostState::Paused),
            (stats(3, 0, Some((RESTING_AFTER_MS + 1, busy))), HostState::Resting),
            (stats(3, 0, Some((900, Some(Reason::SoftBan)))), HostState::Banned),
        ] {
            let view = HostView::of(&stats, 2_000).unwrap();
            assert_eq!((view.state, view.pending()), (state, stats.ready + 2 + stats.in_flight));
            assert_eq!(view.state.is_held(), view.why.is_some());
        }
        let view = HostView::of(&stats(3, 1, Some((900, busy))), 0).unwrap();
        assert_eq!(view.reason().unwrap(), "429 Too Many Requests");
        assert!(!view.why.unwrap().message.contains("secret"));
        assert_eq!(HostView::of(&GroupStats { group: None, ..stats(1, 1, None) }, 0), None);
    }

    #[test]
    fn the_names_are_those_of_json() {
        for state in HostState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }
}
