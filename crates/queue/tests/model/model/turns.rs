//! Groups take turns: a group that can be claimed from all the while is not passed over twice by the same other one.

use std::collections::{BTreeMap, BTreeSet};

use flow::{job::Group, lane::Lane, queue::GroupLimit};

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
        Lane::ALL.into_iter().for_each(|lane| self.note_who_is_free(lane, GroupLimit::NONE));
    }

    pub(super) fn note_who_is_free(&mut self, lane: Lane, limit: GroupLimit) {
        let mut free = self.ready_groups(lane);
        free.retain(|group| self.is_surely_free(lane, group, limit));
        self.here.turns[lane.index()].note(&free);
    }

    pub(super) fn take_turn(&mut self, lane: Lane, group: &Option<Group>, limit: GroupLimit) -> Check {
        self.note_who_is_free(lane, limit);
        self.here.turns[lane.index()].claimed(group)
    }
}
