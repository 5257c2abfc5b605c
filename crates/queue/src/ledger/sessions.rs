//! Tracks which session holds which leases and works on which lanes.

use flow::{lane::Lane, queue::Registration};
use hashbrown::{HashMap, HashSet};
use slab::Slab;

use super::arena::Slot;
use crate::session::{Session, SessionId};

/// All sessions that have leases or workers.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    ids: HashMap<Session, SessionId>,
    /// By id. Ids are used again, so that many short sessions take no memory.
    known: Slab<KnownSession>,
    /// The number of workers, by lane.
    workers: [u64; 3],
}

#[derive(Debug)]
struct KnownSession {
    session: Session,
    leased: HashSet<Slot>,
    workers: [u32; 3],
}

impl Sessions {
    /// Returns the id of a session, which becomes known if it is not.
    pub(super) fn id_of(&mut self, session: Session) -> SessionId {
        if let Some(id) = self.ids.get(&session) {
            return *id;
        }
        let known = KnownSession { session, leased: HashSet::new(), workers: [0; 3] };
        let id = SessionId(u32::try_from(self.known.insert(known)).expect("memory ends long before"));
        self.ids.insert(session, id);
        id
    }

    pub(super) fn session(&self, id: SessionId) -> Session {
        self.known[id.0 as usize].session
    }

    pub(super) fn add_lease(&mut self, id: SessionId, slot: Slot) {
        self.known[id.0 as usize].leased.insert(slot);
    }

    pub(super) fn remove_lease(&mut self, id: SessionId, slot: Slot) {
        self.known[id.0 as usize].leased.remove(&slot);
    }

    /// Returns the jobs that are leased to a session, in no particular order.
    pub(super) fn leased_to(&self, session: Session) -> Vec<Slot> {
        let known = self.ids.get(&session).map(|id| &self.known[id.0 as usize]);
        known.map(|known| known.leased.iter().copied().collect()).unwrap_or_default()
    }

    pub(super) fn all(&self) -> Vec<Session> {
        self.ids.keys().copied().collect()
    }

    pub(super) fn register_worker(&mut self, session: Session, lane: Lane, registration: Registration) {
        let id = self.id_of(session);
        let count = &mut self.known[id.0 as usize].workers[lane.index()];
        let workers = &mut self.workers[lane.index()];
        match registration {
            Registration::Add => (*count, *workers) = (*count + 1, *workers + 1),
            Registration::Remove if *count > 0 => (*count, *workers) = (*count - 1, *workers - 1),
            // A client may repeat a request whose answer was lost, so the worker may be gone already.
            Registration::Remove => {}
        }
    }

    /// Removes all workers of a session.
    pub(super) fn remove_workers(&mut self, session: Session) {
        // A session that never claimed a job and never had a worker is not known.
        let Some(id) = self.ids.get(&session).copied() else { return };
        let counts = std::mem::take(&mut self.known[id.0 as usize].workers);
        for (count, workers) in counts.into_iter().zip(&mut self.workers) {
            *workers -= u64::from(count);
        }
    }

    /// Removes a session whose leases were taken back.
    pub(super) fn forget(&mut self, session: Session) {
        self.remove_workers(session);
        if let Some(id) = self.ids.remove(&session) {
            self.known.remove(id.0 as usize);
        }
    }

    pub(super) const fn workers(&self, lane: Lane) -> u64 {
        self.workers[lane.index()]
    }
}
