//! Groups take turns: a group that can be claimed from all the while is not passed over twice by the same other one.

use std::collections::{BTreeMap, BTreeSet};

use flow::{
    job::Group,
    lane::Lane,
    queue::{ClaimRequest, GroupLimit, NamedLimits},
};

use super::{Check, Model};

/// By group that can be claimed from: those that were, since it can or was.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(BTreeMap<Option<Group>, BTreeSet<Option<Group>>>);

impl Turns {
    /// Begins anew for groups that could not be claimed from meanwhile.
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
    /// To be called whenever something may have changed.
    pub(crate) fn note_who_can_be_claimed(&mut self) {
        Lane::ALL.into_iter().for_each(|lane| {
            let (group_limit, named_limits) = (GroupLimit::NONE, NamedLimits::new());
            let ask = ClaimRequest { lane, limit: 0, lease_ms: 0, wait_ms: 0, group_limit, named_limits };
            self.note_who_is_free(&ask);
        });
    }

    pub(super) fn note_who_is_free(&mut self, ask: &ClaimRequest) {
        let mut free = self.ready_groups(ask.lane);
        free.retain(|group| self.is_surely_free(ask, group));
        self.here.turns[ask.lane.index()].note(&free);
    }

    pub(super) fn take_turn(&mut self, ask: &ClaimRequest, group: &Option<Group>) -> Check {
        self.note_who_is_free(ask);
        self.here.turns[ask.lane.index()].claimed(group)
    }
}
