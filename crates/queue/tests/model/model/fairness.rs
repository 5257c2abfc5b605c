//! Checks that groups take turns: while a group can be claimed from, no other group gets two turns before it.

use std::collections::{BTreeMap, BTreeSet};

use flow::{
    job::Group,
    lane::Lane,
    queue::{ClaimRequest, GroupLimit, NamedLimits},
};

use super::{Check, Model};

/// For each group that can be claimed from: the groups that had a turn since it could be or was claimed from.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(BTreeMap<Option<Group>, BTreeSet<Option<Group>>>);

impl Turns {
    /// Forgets the groups that cannot be claimed from now.
    fn note(&mut self, free: &BTreeSet<Option<Group>>) {
        self.0.retain(|group, _| free.contains(group));
        for group in free {
            self.0.entry(group.clone()).or_default();
        }
    }

    fn claimed(&mut self, claimed: &Option<Group>) -> Check {
        for (waiting, overtaken_by) in self.0.iter_mut().filter(|(group, _)| *group != claimed) {
            if !overtaken_by.insert(claimed.clone()) {
                return Err(format!("{claimed:?} had two turns while {waiting:?} waited"));
            }
        }
        self.0.remove(claimed);
        Ok(())
    }
}

impl Model {
    /// Records the groups that can be claimed from. Must be called after every change.
    pub(crate) fn record_claimable_groups(&mut self) {
        Lane::ALL.into_iter().for_each(|lane| {
            let (group_limit, named_limits) = (GroupLimit::NONE, NamedLimits::new());
            let ask = ClaimRequest {
                lane,
                limit: 0,
                lease_ms: 0,
                wait_ms: 0,
                group_limit,
                named_limits,
                settled: Vec::new(),
            };
            self.record_free_groups(&ask);
        });
    }

    pub(super) fn record_free_groups(&mut self, ask: &ClaimRequest) {
        let mut free = self.ready_groups(ask.lane);
        free.retain(|group| self.is_surely_free(ask, group));
        self.memory.turns[ask.lane.index()].note(&free);
    }

    pub(super) fn take_turn(&mut self, ask: &ClaimRequest, group: &Option<Group>) -> Check {
        self.record_free_groups(ask);
        self.memory.turns[ask.lane.index()].claimed(group)
    }
}
