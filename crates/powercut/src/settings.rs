//! Reads the extent of the tests from the environment.

use std::{env, fmt::Display, str::FromStr};

/// Reads a number from the environment. Returns `default` if it is not set.
pub fn number<T: FromStr + Display>(name: &str, default: T) -> T {
    match env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => default,
    }
}

/// Returns the seed of everything random in a test, and prints it, so that the test can be repeated.
#[must_use]
pub fn seed(test: &str) -> u64 {
    seed_or(test, fastrand::u64(..1_000_000))
}

/// Returns the seed of a test that is random only if the environment sets another seed.
#[must_use]
#[expect(clippy::print_stdout, reason = "people repeat a test by its seed")]
pub fn seed_or(test: &str, default: u64) -> u64 {
    let seed = number("JUGGLE_TORTURE_SEED", default);
    println!("{test}: JUGGLE_TORTURE_SEED={seed}");
    seed
}
