//! What the environment says of how much is to be done.

use std::{env, fmt::Display, str::FromStr};

/// A number from the environment, or how it is by default.
pub fn number<T: FromStr + Display>(name: &str, default: T) -> T {
    match env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => default,
    }
}

/// The seed of everything that is left to chance in a test; printed, so that it can be given again.
#[must_use]
pub fn seed(test: &str) -> u64 {
    seed_or(test, fastrand::u64(..1_000_000))
}

/// The same, of a test that is left to chance only where the environment says so.
#[must_use]
#[expect(clippy::print_stdout, reason = "seeds are for whoever reads the output of the tests")]
pub fn seed_or(test: &str, default: u64) -> u64 {
    let seed = number("JUGGLE_TORTURE_SEED", default);
    println!("{test}: JUGGLE_TORTURE_SEED={seed}");
    seed
}
