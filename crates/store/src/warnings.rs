//! Warns of stored texts that a user should look at. The first few of each kind are named; the others are
//! counted.

use std::sync::atomic::{AtomicU64, Ordering};

use corpus::meta::{Confidence, EncodingFacts, Meta};

use crate::large_removals;

/// The maximum number of texts of a kind that are named. More lines would hide the other messages.
const NAMED_MAX: u64 = 10;

/// The warnings of one stage. When it is dropped, at the end of the stage, it reports how many texts were not
/// named.
#[derive(Debug)]
pub(crate) struct Warnings {
    /// The run directory, quoted for a shell.
    run: String,
    /// The number of texts whose encoding is doubtful.
    doubtful: AtomicU64,
    /// The number of texts with characters that did not decode.
    damaged: AtomicU64,
    /// The number of texts of which a large share was removed.
    shortened: AtomicU64,
}

impl Default for Warnings {
    /// Creates the warnings of a run whose directory is not known.
    fn default() -> Self {
        Self::of_run("RUN".to_owned())
    }
}

impl Warnings {
    /// Creates the warnings of the run in this directory, which is quoted for a shell. The commands in them
    /// name it.
    pub(crate) fn of_run(run: String) -> Self {
        let [doubtful, damaged, shortened] = Default::default();
        Self { run, doubtful, damaged, shortened }
    }

    /// Counts a stored text, and logs its warnings.
    pub(crate) fn log(&self, meta: &Meta) {
        for warning in self.take(meta) {
            tracing::warn!("{warning}");
        }
    }

    /// Counts a text, and returns its warnings.
    fn take(&self, meta: &Meta) -> Vec<String> {
        let Meta { document, encoding: EncodingFacts { used, confidence, replacements, .. }, .. } = meta;
        let redecode = || format!("juggle redecode {document} --encoding LABEL -o {}", self.run);
        let mut warnings = Vec::new();
        if *confidence == Some(Confidence::Doubtful) && count_one(&self.doubtful) {
            warnings.push(format!(
                "the encoding of '{document}' is doubtful: it was read as {used}. Check the text. If it is wrong, run: {}",
                redecode()
            ));
        }
        if *replacements > 0 && count_one(&self.damaged) {
            warnings.push(format!(
                "{replacements} characters of '{document}' do not decode as {used} and became U+FFFD. If that is the \
                 wrong encoding, run: {}",
                redecode()
            ));
        }
        if let Some((removed, percent)) = large_removals::largest(&meta.cuts, meta.text.bytes)
            && count_one(&self.shortened)
        {
            warnings.push(large_removals::warning(document, removed, percent));
        }
        warnings
    }

    /// Returns the messages for the end of the stage: how many texts of each kind were not named.
    fn unnamed(&self) -> Vec<String> {
        let run = &self.run;
        let kinds = [
            (&self.doubtful, "have a doubtful encoding: grep -l '\"doubtful\"'"),
            (&self.damaged, "have characters that do not decode: see 'replacements' in"),
            (&self.shortened, "lost a large share: see 'cuts' in"),
        ];
        let message = |(counter, what): (&AtomicU64, &str)| {
            let count = counter.load(Ordering::Relaxed).saturating_sub(NAMED_MAX);
            (count > 0).then(|| format!("{count} more texts {what} {run}/meta/*.json"))
        };
        kinds.into_iter().filter_map(message).collect()
    }
}

/// Adds one to a counter, and returns whether the text is among the first `NAMED_MAX`.
fn count_one(counter: &AtomicU64) -> bool {
    counter.fetch_add(1, Ordering::Relaxed) < NAMED_MAX
}

impl Drop for Warnings {
    fn drop(&mut self) {
        for warning in self.unnamed() {
            tracing::warn!("{warning}");
        }
    }
}

#[cfg(test)]
mod tests {
    use corpus::boilerplate::{RemovedSpan, Rule};

    use super::*;

    /// Returns the meta of a text without any warning, after `change`.
    fn text(change: impl FnOnce(&mut Meta)) -> Meta {
        let mut text = serde_json::from_slice(include_bytes!("stage/golden.json")).unwrap();
        change(&mut text);
        text
    }

    #[test]
    fn commands_can_be_pasted() {
        let doubtful = text(|text| text.encoding.confidence = Some(Confidence::Doubtful));
        let run = r"'/my run'\''s'";
        let warnings = Warnings::of_run(run.to_owned()).take(&doubtful);
        let command = format!("juggle redecode {} --encoding LABEL -o {run}", doubtful.document);
        assert!(
            warnings.iter().all(|warning| warning.ends_with(&command)) && warnings.len() == 1,
            "{warnings:?}"
        );
    }

    #[test]
    fn of_each_kind_ten_are_named_and_the_rest_counted() {
        let large = RemovedSpan { rule: Rule::Credits, first_line: 1, last_line: 9, bytes: 1 << 30 };
        let kinds = [
            text(|text| text.encoding.confidence = Some(Confidence::Doubtful)),
            text(|text| text.encoding.replacements = 1),
            text(|text| text.cuts.push(large)),
        ];
        let warnings = Warnings::default();
        for (number, kind) in kinds.iter().enumerate() {
            let counts: Vec<_> = (0..13).map(|_| warnings.take(kind).len()).collect();
            assert_eq!(counts, [vec![1; 10], vec![0; 3]].concat());
            let unnamed = warnings.unnamed();
            assert_eq!(unnamed.len(), number + 1);
            assert!(unnamed.iter().all(|line| line.starts_with("3 more texts ")), "{unnamed:?}");
        }
    }

    #[test]
    fn a_good_text_has_no_warning() {
        let warnings = Warnings::default();
        assert_eq!(warnings.take(&text(|_| {})), [""; 0]);
        assert_eq!(warnings.unnamed(), [""; 0]);
    }
}
