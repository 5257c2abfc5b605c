//! The memory that all downloads together may use for bodies that are not on the disk yet.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

const BYTES_MAX: usize = 12 << 20;

/// A limit on the buffered bytes of all downloads together: one permit a byte.
#[derive(Debug, Clone)]
pub(crate) struct MemoryBudget(Arc<Semaphore>);

impl Default for MemoryBudget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(BYTES_MAX)))
    }
}

/// The bytes that one download has reserved. They are returned to the budget when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct MemoryReservation(Option<OwnedSemaphorePermit>);

impl MemoryReservation {
    /// Returns the number of reserved bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.0.as_ref().map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// Reserves `bytes` more bytes. Returns whether the budget had room for them; it never waits.
    pub(crate) fn grow(&mut self, bytes: usize, budget: &MemoryBudget) -> bool {
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        let Ok(more) = Arc::clone(&budget.0).try_acquire_many_owned(permits) else { return false };
        match &mut self.0 {
            Some(permit) => permit.merge(more),
            none => *none = Some(more),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_together_hold_no_more_than_they_may_and_give_it_back() {
        let budget = MemoryBudget::default();
        let [mut one, mut other] = [(); 2].map(|()| MemoryReservation::default());
        assert!(one.grow(BYTES_MAX - 10, &budget) && other.grow(10, &budget));
        assert!(!other.grow(1, &budget));
        assert_eq!(other.bytes(), 10);
        drop(one);
        assert!(other.grow(100, &budget));
        drop(other);
        assert!(MemoryReservation::default().grow(BYTES_MAX, &budget));
    }
}
