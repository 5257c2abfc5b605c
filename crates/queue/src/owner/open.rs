//! Opens a queue and starts its owner.

use std::{
    collections::{HashMap, VecDeque},
    io,
    sync::{Arc, atomic::AtomicU64},
    thread,
};

use flow::{durability::Durability, locked_file::LockedFile, queue::QueueError};
use tokio::{
    runtime,
    sync::{mpsc, watch},
};

use super::{NowMs, Owned, Owner, ROUND_MESSAGES_MAX};
use crate::{
    directory::QueueDirectory, ledger::Ledger, log::database::Database, session::Session,
    transport::local::LocalLink,
};

impl QueueDirectory {
    /// Becomes the owner of the queue. Returns `None` if another process is. `capacity` is the number of jobs
    /// that a lane takes before it is full.
    ///
    /// # Errors
    /// Returns the errors of [`prepare`](Self::prepare), [`Database::open`] and [`Ledger::load`], and
    /// [`QueueError::Broken`] if no thread can be started.
    pub fn own(
        &self,
        durability: Durability,
        capacity: usize,
        now_ms: NowMs,
    ) -> Result<Option<Owned>, QueueError> {
        self.own_tuned(durability, capacity, now_ms, |_| {})
    }

    /// Becomes the owner of the queue as [`own`](Self::own) does, and lets `tune` change the ledger before it
    /// starts.
    ///
    /// # Errors
    /// Returns the errors of [`own`](Self::own).
    pub fn own_tuned(
        &self,
        durability: Durability,
        capacity: usize,
        now_ms: NowMs,
        tune: impl FnOnce(&mut Ledger),
    ) -> Result<Option<Owned>, QueueError> {
        self.prepare()?;
        let Some(mut lock) = self.try_lock()? else { return Ok(None) };
        self.record_owner(&mut lock)?;
        self.sweep()?;
        if durability == Durability::Power {
            self.sync_parents()?;
        }
        let database = Database::open(self.path(), durability)?;
        let mut ledger = Ledger::load(database, capacity, now_ms())?;
        tune(&mut ledger);
        // Leases of dead processes have returned; their jobs must not be handed out before that is durable.
        ledger.commit()?;
        start(ledger, now_ms, lock).map(Some)
    }
}

/// Starts the owner's thread, which holds `lock` for its life.
fn start(ledger: Ledger, now_ms: NowMs, lock: LockedFile) -> Result<Owned, QueueError> {
    let broken = |error: io::Error| QueueError::Broken(format!("cannot start the queue's thread: {error}"));
    let (sender, inbox) = mpsc::channel(ROUND_MESSAGES_MAX);
    let (failure_sender, has_failed) = watch::channel(false);
    let runtime = runtime::Builder::new_current_thread().enable_time().build().map_err(broken)?;
    let syncs = Arc::new(AtomicU64::new(ledger.syncs()));
    let owner = Owner {
        ledger,
        session: Session::of_this_process(),
        now_ms,
        inbox,
        waiting: VecDeque::new(),
        connections: HashMap::new(),
        last_round_messages: 0,
        spin_time: super::spin_time(),
        failed: None,
        failure_sender,
        syncs: Arc::clone(&syncs),
    };
    let thread = thread::Builder::new()
        .name("queue".to_owned())
        .spawn(move || {
            owner.run(&runtime);
            // Only now may the next owner open the database.
            drop(lock);
        })
        .map_err(broken)?;
    Ok((LocalLink { inbox: sender, has_failed, syncs }, thread))
}
