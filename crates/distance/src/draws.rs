//! Random numbers that are the same everywhere and for good.
//!
//! The generator is PCG XSL RR 128/64 (`pcg64` of M. E. O'Neill, *PCG: A Family of Simple Fast Space-Efficient
//! Statistically Good Algorithms for Random Number Generation*, 2014), whose sequence the crate `rand_pcg` promises. It begins
//! at the BLAKE3, in its mode for keys, of the seed and of the names it is used for, so that numbers for other documents have nothing to do with
//! each other. A number below `n` is the upper half of the product of `n` and a number of 64 bits; no number is
//! thrown away, so that the draw at any place can be told without those before it.

use rand_pcg::{
    Pcg64,
    rand_core::{Rng, SeedableRng},
};

/// Changed with whatever would change a draw.
const CONTEXT: &str = "juggle distance draws 1";

/// A sequence of random numbers.
#[derive(Debug, Clone)]
pub struct Draws(Pcg64);

impl Draws {
    /// The sequence of this seed for this purpose, which the names tell.
    #[must_use]
    pub fn new(seed: u64, names: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(&seed.to_le_bytes());
        for name in names {
            hasher.update(&(name.len() as u64).to_le_bytes());
            hasher.update(name.as_bytes());
        }
        Self(Pcg64::from_seed(*hasher.finalize().as_bytes()))
    }

    /// The same sequence from its number `count` on, as if those before had been drawn.
    #[must_use]
    pub fn after(&self, count: u64) -> Self {
        let mut later = self.0.clone();
        later.advance(count.into());
        Self(later)
    }

    /// The next number, from 0 to `n` - 1; 0 where `n` is 0. Each comes equally often but for n parts in 2⁶⁴.
    pub fn below(&mut self, n: u64) -> u64 {
        let product = u128::from(self.0.next_u64()) * u128::from(n);
        (product >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(draws: &mut Draws, n: u64) -> [u64; 6] {
        [(); 6].map(|()| draws.below(n))
    }

    #[test]
    fn the_numbers_of_a_seed_never_change() {
        assert_eq!(first(&mut Draws::new(0, &["a", "b"]), 1_000), [972, 815, 48, 288, 461, 242]);
    }

    #[test]
    fn other_seeds_and_names_give_other_numbers() {
        let of = |seed, names: &[&str]| first(&mut Draws::new(seed, names), u64::MAX);
        let all = [of(0, &["a", "b"]), of(1, &["a", "b"]), of(0, &["ab"]), of(0, &["b", "a"]), of(0, &[])];
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "{at}");
        }
    }

    #[test]
    fn a_sequence_can_be_entered_anywhere() {
        let draws = Draws::new(7, &[]);
        let mut from_start = draws.clone();
        for count in 0..100 {
            assert_eq!(draws.after(count).below(1 << 40), from_start.below(1 << 40), "{count}");
        }
    }

    #[test]
    fn numbers_are_below_their_bound_and_all_of_them_come() {
        let mut draws = Draws::new(3, &[]);
        let mut counts = [0_u32; 7];
        for _ in 0..7_000 {
            counts[usize::try_from(draws.below(7)).unwrap()] += 1;
        }
        assert!(counts.iter().all(|count| (850..1_150).contains(count)), "{counts:?}");
        assert_eq!((draws.below(1), draws.below(0)), (0, 0));
    }
}
