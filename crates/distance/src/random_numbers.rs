//! Random numbers that are the same on every machine and in every version.
//!
//! The generator is PCG XSL RR 128/64 (`pcg64` of M. E. O'Neill, *PCG: A Family of Simple Fast
//! Space-Efficient Statistically Good Algorithms for Random Number Generation*, 2014). The crate `rand_pcg`
//! guarantees its sequence. BLAKE3, in its key derivation mode, derives the initial state from the seed and
//! from the names that say what the numbers are for. So sequences for different documents are independent. A
//! number below `n` is the upper half of the product of `n` and a number of 64 bits. No number is rejected,
//! so the sequence can be entered at any position.

use rand_pcg::{
    Pcg64,
    rand_core::{Rng, SeedableRng},
};

/// The context of the key derivation. It must change with every change that alters the numbers.
const CONTEXT: &str = "juggle distance draws 1";

/// A sequence of random numbers.
#[derive(Debug, Clone)]
pub struct RandomNumbers(Pcg64);

impl RandomNumbers {
    /// Creates the sequence for a seed and a purpose, which the names describe.
    #[must_use]
    pub fn new(seed: u64, names: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(&seed.to_le_bytes());
        for name in names {
            // The length keeps ["ab"] and ["a", "b"] apart.
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
        }
        Self(Pcg64::from_seed(*hasher.finalize().as_bytes()))
    }

    /// Returns the same sequence without its next `count` numbers.
    #[must_use]
    pub fn skip(&self, count: u64) -> Self {
        let mut later = self.0.clone();
        later.advance(count.into());
        Self(later)
    }

    /// Returns the next number, from 0 to `n` - 1, or 0 if `n` is 0. The probabilities differ by at most
    /// 2⁻⁶⁴.
    pub fn next_below(&mut self, n: u64) -> u64 {
        let product = u128::from(self.0.next_u64()) * u128::from(n);
        (product >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(random: &mut RandomNumbers, n: u64) -> [u64; 6] {
        [(); 6].map(|()| random.next_below(n))
    }

    #[test]
    fn the_numbers_of_a_seed_never_change() {
        assert_eq!(first(&mut RandomNumbers::new(0, &["a", "b"]), 1_000), [972, 815, 48, 288, 461, 242]);
    }

    #[test]
    fn other_seeds_and_names_give_other_numbers() {
        let of = |seed, names: &[&str]| first(&mut RandomNumbers::new(seed, names), u64::MAX);
        let all = [of(0, &["a", "b"]), of(1, &["a", "b"]), of(0, &["ab"]), of(0, &["b", "a"]), of(0, &[])];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "{at}");
        }
    }

    #[test]
    fn a_sequence_can_be_entered_at_any_position() {
        let random = RandomNumbers::new(7, &[]);
        let mut from_start = random.clone();
        for count in 0..100 {
            assert_eq!(random.skip(count).next_below(1 << 40), from_start.next_below(1 << 40), "{count}");
        }
    }

    #[test]
    fn numbers_are_below_their_bound_and_evenly_distributed() {
        let mut random = RandomNumbers::new(3, &[]);
        let mut counts = [0_u32; 7];
        for _ in 0..7_000 {
            counts[usize::try_from(random.next_below(7)).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
        assert_eq!((random.next_below(1), random.next_below(0)), (0, 0));
    }
}
