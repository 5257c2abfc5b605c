//! Warnings of stored texts that a user should look at: the first few are named, the others counted.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::meta::{Confidence, EncodingFacts, Meta};

/// How many texts of a kind are named.
const NAMED_MAX: u64 = 10;

/// Counts what was warned of. When it is dropped, which is when the stage ends, it says how many were not named.
#[derive(Debug, Default)]
pub(crate) struct Warnings {
    /// Texts whose encoding is doubtful.
    doubtful: AtomicU64,
    /// Texts with characters that did not decode.
    damaged: AtomicU64,
}

impl Warnings {
    /// Warns of a text that was stored, if there is anything to warn of.
    pub(crate) fn tell(&self, meta: &Meta) {
        let Meta { document, encoding: EncodingFacts { used, confidence, replacements, .. }, .. } = meta;
        if *confidence == Some(Confidence::Doubtful) && is_named(&self.doubtful) {
            tracing::warn!(
                "the encoding of '{document}' is doubtful: it was read as {used}. Look at the text; if it is wrong: \
                 juggle redecode {document} --encoding LABEL"
            );
        }
        if *replacements > 0 && is_named(&self.damaged) {
            tracing::warn!(
                "{replacements} characters of '{document}' do not decode as {used} and became U+FFFD. If that is the \
                 wrong encoding: juggle redecode {document} --encoding LABEL"
            );
        }
    }
}

/// Counts one more, and returns whether it is among the first.
fn is_named(counter: &AtomicU64) -> bool {
    counter.fetch_add(1, Ordering::Relaxed) < NAMED_MAX
}

impl Drop for Warnings {
    fn drop(&mut self) {
        let more = |counter: &mut AtomicU64| counter.get_mut().saturating_sub(NAMED_MAX);
        let (doubtful, damaged) = (more(&mut self.doubtful), more(&mut self.damaged));
        if doubtful > 0 {
            tracing::warn!(
                "the encodings of {doubtful} more texts are doubtful: grep -l '\"doubtful\"' meta/*.json"
            );
        }
        if damaged > 0 {
            tracing::warn!(
                "{damaged} more texts have characters that do not decode: see 'replacements' in meta/*.json"
            );
        }
    }
}
