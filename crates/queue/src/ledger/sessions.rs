//! Who has which leases and attends which lanes.

use flow::{lane::Lane, queue::Registration};

use hashbrown::{HashMap, HashSet};

use super::jobs::Slot;
use crate::session::{Session, SessionId};

/// All clients that matter now.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    ids: HashMap<Session, SessionId>,
    known: Vec<Option<Known>>,
    free: Vec<SessionId>,
    /// Workers by lane.
    workers: [u64; 3],
}

#[derive(Debug)]
struct Known {
    session: Session,
    leased: HashSet<Slot>,
    attending: [u32; 3],
}

impl Sessions {
    pub(super) fn id_of(&mut self, session: Session) -> SessionId {
        if let Some(id) = self.ids.get(&session) {
            return *id;
        }
        let known = Some(Known { session, leased: HashSet::new(), attending: [0; 3] });
        let id = match self.free.pop() {
            Some(id) => {
                self.known[id.0 as usize] = known;
                id
            }
            None => {
                self.known.push(known);
                SessionId(u32::try_from(self.known.len() - 1).expect("memory ends long before"))
            }
        };
        self.ids.insert(session, id);
        id
    }

    pub(super) fn session(&self, id: SessionId) -> Session {
        self.known[id.0 as usize].as_ref().expect("it is known while it has leases").session
    }

    pub(super) fn grant(&mut self, id: SessionId, slot: Slot) {
        if let Some(known) = &mut self.known[id.0 as usize] {
            known.leased.insert(slot);
        }
    }

    pub(super) fn take_back(&mut self, id: SessionId, slot: Slot) {
        if let Some(known) = &mut self.known[id.0 as usize] {
            known.leased.remove(&slot);
        }
    }

    /// What is leased to a session, in no order.
    pub(super) fn leased_to(&self, session: Session) -> Vec<Slot> {
        let known = self.ids.get(&session).and_then(|id| self.known[id.0 as usize].as_ref());
        known.map(|known| known.leased.iter().copied().collect()).unwrap_or_default()
    }

    /// All sessions.
    pub(super) fn all(&self) -> Vec<Session> {
        self.ids.keys().copied().collect()
    }

    pub(super) fn register_worker(&mut self, session: Session, lane: Lane, registration: Registration) {
        let id = self.id_of(session);
        let Some(known) = &mut self.known[id.0 as usize] else { return };
        let (count, workers) = (&mut known.attending[lane.index()], &mut self.workers[lane.index()]);
        match registration {
            Registration::Add => (*count, *workers) = (*count + 1, *workers + 1),
            Registration::Remove if *count > 0 => (*count, *workers) = (*count - 1, *workers - 1),
            Registration::Remove => {}
        }
    }

    /// It attends nothing any more.
    pub(super) fn leave_all(&mut self, session: Session) {
        let Some(id) = self.ids.get(&session) else { return };
        let Some(known) = &mut self.known[id.0 as usize] else { return };
        for (count, workers) in known.attending.iter_mut().zip(&mut self.workers) {
            *workers -= u64::from(std::mem::take(count));
        }
    }

    /// It has ended; its leases were taken back before.
    pub(super) fn forget(&mut self, session: Session) {
        self.leave_all(session);
        if let Some(id) = self.ids.remove(&session) {
            self.known[id.0 as usize] = None;
            self.free.push(id);
        }
    }

    pub(super) const fn workers(&self, lane: Lane) -> u64 {
        self.workers[lane.index()]
    }
}
