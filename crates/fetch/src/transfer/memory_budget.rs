//! How many bytes all downloads together hold in memory before they go to the disk.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// The most bytes that are held by all downloads together.
const ALL_BYTES_MAX: usize = 12 << 20;

/// The bytes that all downloads hold.
#[derive(Debug, Clone, Default)]
pub(crate) struct MemoryBudget(Arc<AtomicUsize>);

/// The bytes that one download holds; given back when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct MemoryReservation {
    count: usize,
    all: MemoryBudget,
}

impl MemoryReservation {
    /// How many.
    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    /// Holds more, where all together may.
    pub(crate) fn add(&mut self, bytes: usize, all: &MemoryBudget) -> bool {
        if all.0.fetch_add(bytes, Ordering::Relaxed) + bytes > ALL_BYTES_MAX {
            all.0.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.count += bytes;
        self.all = all.clone();
        true
    }
}

impl Drop for MemoryReservation {
    fn drop(&mut self) {
        self.all.0.fetch_sub(self.count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_together_hold_no_more_than_they_may_and_give_it_back() {
        let all = MemoryBudget::default();
        let [mut one, mut other] = [(); 2].map(|()| MemoryReservation::default());
        assert!(one.add(ALL_BYTES_MAX - 10, &all) && other.add(10, &all));
        assert!(!other.add(1, &all));
        assert_eq!(other.count(), 10);
        drop(one);
        assert!(other.add(100, &all));
        drop(other);
        assert!(MemoryReservation::default().add(ALL_BYTES_MAX, &all));
    }
}
