//! The table of short tokens: slots of 16 bytes, each of which holds a token and its count.

use std::mem;

/// The most bytes of a short token.
pub(crate) const SHORT_BYTES: usize = 12;

/// The most that a slot counts to.
pub(super) const COUNT_MAX: u32 = u32::MAX;

/// The fewest slots of a table, but for one without any.
pub(super) const SLOTS_MIN: usize = 1 << 10;

/// How far apart two slots are that are taken one after the other: odd, so that all are taken, and far from any simple
/// part of a table.
const LEAP: usize = 0x9E37_79B1;

/// A token of 1 to [`SHORT_BYTES`] bytes, the last of which is not NUL: as two numbers, the first byte lowest, which tell
/// its length too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ShortToken {
    low: u64,
    high: u32,
}

impl ShortToken {
    /// None where the token is not short.
    pub(crate) fn of(token: &[u8]) -> Option<Self> {
        let is_short = token.len() <= SHORT_BYTES && token.last().is_some_and(|last| *last != 0);
        is_short.then(|| Self::beginning(token))
    }

    /// The first bytes of a token, as far as they fit.
    pub(super) fn beginning(token: &[u8]) -> Self {
        let mut padded = [0; 16];
        let len = token.len().min(SHORT_BYTES);
        padded[..len].copy_from_slice(&token[..len]);
        let number = u128::from_le_bytes(padded);
        Self { low: number as u64, high: (number >> 64) as u32 }
    }

    /// The token that is these numbers. Its first bytes are not all NUL.
    #[inline]
    pub(crate) fn of_parts(low: u64, high: u32) -> Self {
        debug_assert!(low != 0, "a token begins with something");
        Self { low, high }
    }

    /// Its numbers, of 64 bits each.
    #[inline]
    pub(crate) const fn halves(self) -> [u64; 2] {
        [self.low, self.high as u64]
    }

    const fn number(self) -> u128 {
        self.low as u128 | (self.high as u128) << 64
    }

    /// Looks at its bytes.
    pub(super) fn with_bytes<T>(self, look: impl FnOnce(&[u8]) -> T) -> T {
        look(&self.padded()[..self.len()])
    }

    /// Its bytes, and zeros behind them.
    pub(super) const fn padded(self) -> [u8; 16] {
        self.number().to_le_bytes()
    }

    /// How many bytes it has.
    pub(super) const fn len(self) -> usize {
        16 - self.number().leading_zeros() as usize / 8
    }

    /// A number that sorts as `count` falling, then token rising by bytes: what the count lacks, then the token, its first
    /// byte highest.
    #[inline]
    pub(super) const fn rank(self, count: u32) -> u128 {
        (!count as u128) << 96 | self.number().swap_bytes() >> 32
    }

    /// The token and the count of a rank.
    #[inline]
    pub(super) const fn of_rank(rank: u128) -> (Self, u32) {
        let number = (rank << 32).swap_bytes();
        (Self { low: number as u64, high: (number >> 64) as u32 }, !(rank >> 96) as u32)
    }
}

/// A token and its count; free while the count is 0. Its fields are looked at one by one: a number of 128 bits would be put
/// together and taken apart again for each token.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(16))]
struct Slot {
    low: u64,
    high: u32,
    count: u32,
}

impl Slot {
    #[inline]
    const fn token(self) -> ShortToken {
        ShortToken { low: self.low, high: self.high }
    }

    #[inline]
    fn is_of(self, token: ShortToken) -> bool {
        (self.low == token.low) & (self.high == token.high)
    }

    const fn is_free(self) -> bool {
        self.count == 0
    }
}

/// Counts of short tokens: an open table.
#[derive(Debug, Default)]
pub(super) struct ShortTable {
    /// A power of two of them, or none.
    slots: Vec<Slot>,
    len: usize,
}

impl ShortTable {
    /// With so many slots, a power of two.
    pub(super) fn of(slots: usize) -> Self {
        Self { slots: vec![Slot::default(); slots], len: 0 }
    }

    /// Adds one to the count of a token that stands where it is looked for first. 0 where it does; else, or where the slot is
    /// full, 1. Without a branch: it would often be taken wrongly, which is only seen when the slot has come from memory.
    #[inline]
    pub(super) fn add_one(&mut self, hash: u64, token: ShortToken) -> u64 {
        let mask = self.slots.len().wrapping_sub(1);
        let Some(slot) = self.slots.get_mut(hash as usize & mask) else { return 1 };
        let difference = (slot.low ^ token.low) | u64::from(slot.high ^ token.high);
        if slot.count == COUNT_MAX {
            return 1;
        }
        let is_other = u64::from(difference != 0);
        slot.count += 1 - is_other as u32;
        is_other
    }

    /// Adds `n`, at least 1, to a token's count, wherever it stands or is to stand. What is too much for a slot.
    pub(super) fn add(
        &mut self,
        hash: u64,
        token: ShortToken,
        n: u64,
        hasher: impl Fn(ShortToken) -> u64,
    ) -> u64 {
        if self.len * 4 >= self.slots.len() * 3 {
            self.grow(hasher);
        }
        let mask = self.slots.len() - 1;
        let first = hash as usize & mask;
        let mut at = first;
        while !(self.slots[at].is_free() || self.slots[at].is_of(token)) {
            at = (at + 1) & mask;
        }
        let slot = &mut self.slots[at];
        self.len += usize::from(slot.is_free());
        let sum = u64::from(slot.count) + n;
        let count = u32::try_from(sum).unwrap_or(COUNT_MAX);
        *slot = Slot { low: token.low, high: token.high, count };
        // What is more frequent comes to where it is looked for first. The other is found from where it was on: no slot in
        // between is free.
        if count > self.slots[first].count {
            self.slots.swap(first, at);
        }
        sum - u64::from(count)
    }

    /// Makes room for twice as many.
    #[cold]
    fn grow(&mut self, hasher: impl Fn(ShortToken) -> u64) {
        let slots = (self.slots.len() * 2).max(SLOTS_MIN);
        let before = mem::replace(&mut self.slots, vec![Slot::default(); slots]);
        for slot in before.iter().filter(|slot| !slot.is_free()) {
            let mut at = hasher(slot.token()) as usize & (slots - 1);
            while !self.slots[at].is_free() {
                at = (at + 1) & (slots - 1);
            }
            self.slots[at] = *slot;
        }
    }

    /// The tokens and counts, in leaps over the table: in the order of the slots, which is that of the hashes in every table,
    /// they would fill a smaller one from one end, and each would be looked for past all before it.
    pub(super) fn in_leaps(&self) -> impl Iterator<Item = (ShortToken, u64)> {
        let mask = self.slots.len().wrapping_sub(1);
        let leaps = (0..self.slots.len()).map(move |n| n.wrapping_mul(LEAP) & mask);
        let slots = leaps.map(|at| self.slots[at]).filter(|slot| !slot.is_free());
        slots.map(|slot| (slot.token(), u64::from(slot.count)))
    }

    /// The [`rank`](ShortToken::rank) of each token, in no order; but not of those with a full slot that are `elsewhere`.
    pub(super) fn ranks(&self, elsewhere: impl Fn(ShortToken) -> bool) -> Vec<u128> {
        // Without a branch for each slot, which would be taken wrongly as often as not.
        let mut taken = vec![Slot::default(); self.len + 1];
        let mut found = 0;
        for slot in &self.slots {
            taken[found] = *slot;
            found += usize::from(!slot.is_free());
        }
        taken.truncate(found);
        let is_here = |slot: &Slot| slot.count < COUNT_MAX || !elsewhere(slot.token());
        taken.into_iter().filter(is_here).map(|slot| slot.token().rank(slot.count)).collect()
    }

    /// How many tokens there are.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn clear(&mut self) {
        self.slots.fill(Slot::default());
        self.len = 0;
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }
}
