//! Selects the fastest implementation of the classifier that the machine supports.

use std::sync::OnceLock;

use crate::{
    bitmask::{self, Classifier},
    simd,
};

/// Set once, when it is first needed.
static CLASSIFIER: OnceLock<Classifier> = OnceLock::new();

/// Returns the fastest classifier of this machine.
pub(crate) fn classifier() -> Classifier {
    *CLASSIFIER.get_or_init(|| simd::classifiers().first().copied().unwrap_or(bitmask::portable))
}

/// An implementation of the classifier, for benchmarks.
#[cfg(feature = "bench")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Implementation {
    /// The one for machines with AVX2.
    Avx2,
    /// The one for every machine.
    Portable,
}

#[cfg(feature = "bench")]
impl Implementation {
    /// Selects this implementation for the whole process. Returns `false` if the machine does not support it,
    /// or if another one has been used already.
    #[must_use]
    pub fn select(self) -> bool {
        let classifier = match self {
            Self::Avx2 => simd::avx2(),
            Self::Portable => Some(bitmask::portable as Classifier),
        };
        classifier.is_some_and(|classifier| CLASSIFIER.set(classifier).is_ok())
    }
}
