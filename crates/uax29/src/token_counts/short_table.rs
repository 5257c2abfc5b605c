//! The table of short tokens: slots of 16 bytes, each of which holds a token and its count.

use std::mem;

/// The maximum length of a short token, in bytes.
pub const SHORT_BYTES: usize = 12;

/// The maximum count of a slot.
pub(super) const COUNT_MAX: u32 = u32::MAX;

/// The minimum number of slots of a table that has any.
pub(super) const SLOTS_MIN: usize = 1 << 10;

/// The distance between two slots that are visited one after the other. It is odd, so that all slots are
/// visited, and far from every simple fraction of a table.
const STRIDE: usize = 0x9E37_79B1;

/// A token of 1 to [`SHORT_BYTES`] bytes, the last of which is not NUL, as two numbers with the first byte
/// lowest. The numbers determine its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShortToken {
    low: u64,
    high: u32,
}

impl ShortToken {
    /// Returns the token, or `None` if it is not short.
    #[must_use]
    pub fn of(token: &[u8]) -> Option<Self> {
        let is_short = token.len() <= SHORT_BYTES && token.last().is_some_and(|last| *last != 0);
        is_short.then(|| Self::beginning(token))
    }

    /// Returns the first bytes of a token, as many as fit.
    pub(super) fn beginning(token: &[u8]) -> Self {
        let mut padded = [0; 16];
        let len = token.len().min(SHORT_BYTES);
        padded[..len].copy_from_slice(&token[..len]);
        let number = u128::from_le_bytes(padded);
        Self { low: number as u64, high: (number >> 64) as u32 }
    }

    /// Returns the token of these numbers. Its first eight bytes are not all NUL.
    #[inline]
    pub(crate) fn of_parts(low: u64, high: u32) -> Self {
        debug_assert!(low != 0, "a token begins with something");
        Self { low, high }
    }

    /// Returns its two numbers, which are its bytes in little-endian order and zeros behind them.
    #[inline]
    #[must_use]
    pub const fn halves(self) -> [u64; 2] {
        [self.low, self.high as u64]
    }

    const fn number(self) -> u128 {
        self.low as u128 | (self.high as u128) << 64
    }

    /// Calls `f` with its bytes.
    pub fn with_bytes<T>(self, f: impl FnOnce(&[u8]) -> T) -> T {
        f(&self.padded()[..self.len()])
    }

    /// Calls `f` with the token of a [`TokenSink`](crate::TokenSink), which is ASCII.
    ///
    /// # Panics
    /// Panics if it is not UTF-8.
    pub fn with_str<T>(self, f: impl FnOnce(&str) -> T) -> T {
        self.with_bytes(|bytes| f(std::str::from_utf8(bytes).expect("short tokens of a sink are ASCII")))
    }

    /// Returns its bytes and zeros behind them.
    pub(super) const fn padded(self) -> [u8; 16] {
        self.number().to_le_bytes()
    }

    /// Returns its length in bytes.
    pub(super) const fn len(self) -> usize {
        16 - self.number().leading_zeros() as usize / 8
    }

    /// Returns a number that sorts by count descending, then by token ascending: the complement of the count,
    /// then the token with its first byte highest.
    #[inline]
    pub(super) const fn rank(self, count: u32) -> u128 {
        (!count as u128) << 96 | self.number().swap_bytes() >> 32
    }

    /// Returns the token and the count of a rank.
    #[inline]
    pub(super) const fn of_rank(rank: u128) -> (Self, u32) {
        let number = (rank << 32).swap_bytes();
        (Self { low: number as u64, high: (number >> 64) as u32 }, !(rank >> 96) as u32)
    }
}

/// A token and its count. The slot is free while the count is 0. The fields are read one by one: the compiler
/// would build a number of 128 bits and take it apart again for each token.
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

/// The counts of short tokens: a hash table with open addressing and linear probing.
#[derive(Debug, Default)]
pub(super) struct ShortTable {
    /// Their number is a power of two, or 0.
    slots: Vec<Slot>,
    len: usize,
}

impl ShortTable {
    /// Returns a table with this number of slots, a power of two.
    pub(super) fn with_slots(slots: usize) -> Self {
        Self { slots: vec![Slot::default(); slots], len: 0 }
    }

    /// Adds one to the count of a token that is in its first slot, and returns 0. Returns 1 and changes
    /// nothing if it is not there, or if the slot is full.
    #[inline]
    pub(super) fn add_one(&mut self, hash: u64, token: ShortToken) -> u64 {
        let mask = self.slots.len().wrapping_sub(1);
        let Some(slot) = self.slots.get_mut(hash as usize & mask) else { return 1 };
        let difference = (slot.low ^ token.low) | u64::from(slot.high ^ token.high);
        if slot.count == COUNT_MAX {
            return 1;
        }
        // No branch: it would often be predicted wrongly, which shows only once the slot has come from
        // memory.
        let is_other = u64::from(difference != 0);
        slot.count += 1 - is_other as u32;
        is_other
    }

    /// Adds `n`, at least 1, to a token's count. Returns the part that exceeds the slot.
    pub(super) fn add(
        &mut self,
        hash: u64,
        token: ShortToken,
        n: u64,
        hasher: impl Fn(ShortToken) -> u64,
    ) -> u64 {
        // Above three quarters, linear probing reads too many slots. A free slot must be left for it to end.
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
        // The more frequent token moves to its first slot. The other one is still found from there on,
        // because no slot in between is free.
        if count > self.slots[first].count {
            self.slots.swap(first, at);
        }
        sum - u64::from(count)
    }

    /// Doubles the number of slots.
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

    /// Returns the tokens and counts in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ShortToken, u64)> {
        let mask = self.slots.len().wrapping_sub(1);
        // In strides over the table. The slots are in the order of the hashes in every table: in that order,
        // the tokens would fill a smaller table from one end, and each would be probed for past all before
        // it.
        let visited = (0..self.slots.len()).map(move |n| n.wrapping_mul(STRIDE) & mask);
        let slots = visited.map(|at| self.slots[at]).filter(|slot| !slot.is_free());
        slots.map(|slot| (slot.token(), u64::from(slot.count)))
    }

    /// Returns the [`rank`](ShortToken::rank) of each token in no order, without the tokens whose slot is
    /// full and that are `elsewhere`.
    pub(super) fn ranks(&self, elsewhere: impl Fn(ShortToken) -> bool) -> Vec<u128> {
        // No branch for each slot: it would be predicted wrongly as often as not.
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

    /// Returns the number of tokens.
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
