//! A table in SQLite: write-ahead log, `synchronous=FULL` (every commit is an fsync of the log).
//!
//! A claim marks rows as leased, an acknowledgement deletes them; each call is one transaction. Tasks of one
//! process share a connection behind a mutex, as usual for SQLite: it has one writer at a time anyway.
//! Processes have a connection each and wait for each other in SQLite's busy handler.

use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anyhow::ensure;
use rusqlite::{Transaction, TransactionBehavior, params};

use crate::{
    connection::{Connection, Held, LEASE_MS},
    job::Job,
};

const BUSY_PATIENCE: Duration = Duration::from_secs(60);

/// Ready rows have no lease. The partial index holds those alone.
const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS jobs (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        payload BLOB NOT NULL,
        leased_until_ms INTEGER
    );
    CREATE INDEX IF NOT EXISTS ready ON jobs (id) WHERE leased_until_ms IS NULL;
";
const PUSH: &str = "INSERT INTO jobs (payload) VALUES (?1)";
const CLAIM: &str = "
    UPDATE jobs SET leased_until_ms = unixepoch() * 1000 + ?1
    WHERE id IN (SELECT id FROM jobs WHERE leased_until_ms IS NULL ORDER BY id LIMIT ?2)
    RETURNING id, payload
";
const ACKNOWLEDGE: &str = "DELETE FROM jobs WHERE id = ?1 AND leased_until_ms IS NOT NULL";

/// A connection, shared by the tasks of a process. Its calls block the thread, which has nothing else to do:
/// at most one of them makes progress.
#[derive(Debug, Clone)]
pub struct Table(Arc<Mutex<rusqlite::Connection>>);

impl Table {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// What SQLite says.
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        let database = rusqlite::Connection::open(file)?;
        database.busy_timeout(BUSY_PATIENCE)?;
        // If several processes change the mode at once, SQLite does not wait but says at once that it is
        // busy.
        let begun = Instant::now();
        while let Err(error) = database.pragma_update(None, "journal_mode", "WAL") {
            let is_busy = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy);
            ensure!(is_busy && begun.elapsed() < BUSY_PATIENCE, error);
            std::thread::yield_now();
        }
        database.pragma_update(None, "synchronous", "FULL")?;
        database.execute_batch(TABLE)?;
        Ok(Self(Arc::new(Mutex::new(database))))
    }

    fn lock(&self) -> MutexGuard<'_, rusqlite::Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&Transaction<'_>) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let mut database = self.lock();
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let changed = change(&transaction)?;
        transaction.commit()?;
        Ok(changed)
    }
}

impl Connection for Table {
    type Token = i64;

    async fn push(&mut self, jobs: Vec<Job>) -> anyhow::Result<()> {
        self.change(|transaction| {
            let mut insert = transaction.prepare_cached(PUSH)?;
            jobs.iter().try_for_each(|job| insert.execute([&job.payload]).map(drop))?;
            Ok(())
        })
    }

    async fn claim(&mut self, limit: usize) -> anyhow::Result<Vec<Held<i64>>> {
        let held: Vec<Held<i64>> = self.change(|transaction| {
            let mut update = transaction.prepare_cached(CLAIM)?;
            let rows = update.query_map(params![LEASE_MS.cast_signed(), limit.cast_signed()], |row| {
                Ok(Held { token: row.get(0)?, payload: row.get(1)? })
            })?;
            Ok(rows.collect::<Result<_, _>>()?)
        })?;
        ensure!(held.len() == limit, "{} of {limit} jobs were claimed", held.len());
        Ok(held)
    }

    async fn acknowledge(&mut self, ids: Vec<i64>) -> anyhow::Result<()> {
        self.change(|transaction| {
            let mut delete = transaction.prepare_cached(ACKNOWLEDGE)?;
            for id in ids {
                ensure!(delete.execute([id])? == 1, "job {id} was not leased any more");
            }
            Ok(())
        })
    }
}
