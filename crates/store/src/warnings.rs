//! Warns of stored texts that a user should look at. The first few of each kind are named; the others are
//! counted.

use std::sync::atomic::{AtomicU64, Ordering};

use corpus::meta::{Confidence, EncodingFacts, Meta};

use crate::large_removals;

/// The maximum number of texts of a kind that are named.
const NAMED_MAX: u64 = 10;

/// Counts the warnings of each kind. When it is dropped, at the end of the stage, it reports how many texts
/// were not named.
#[derive(Debug)]
pub(crate) struct Warnings {
    /// The run directory, quoted for a shell.
    run: String,
    /// The number of texts whose encoding is doubtful.
    doubtful: AtomicU64,
    /// The number of texts with characters that did not decode.
    damaged: AtomicU64,
    /// The number of texts of which a large share was cut.
    shortened: AtomicU64,
}

impl Default for Warnings {
    /// Creates the warnings of a run whose directory is not known.
    fn default() -> Self {
        Self::of_run("RUN".to_owned())
    }
}

impl Warnings {
    /// Creates the warnings of the run in this directory, which is quoted for a shell. The commands in them name it.
    pub(crate) fn of_run(run: String) -> Self {
        let [doubtful, damaged, shortened] = Default::default();
        Self { run, doubtful, damaged, shortened }
    }

    /// Logs the warnings of a stored text, if there are any.
    pub(crate) fn tell(&self, meta: &Meta) {
        for warning in self.of_text(meta) {
            tracing::warn!("{warning}");
        }
    }

    /// Counts a text, and returns its warnings.
    fn of_text(&self, meta: &Meta) -> Vec<String> {
        let Meta { document, encoding: EncodingFacts { used, confidence, replacements, .. }, .. } = meta;
        let redecode = || format!("juggle redecode {document} --encoding LABEL -o {}", self.run);
        let mut warnings = Vec::new();
        if *confidence == Some(Confidence::Doubtful) && is_named(&self.doubtful) {
            warnings.push(format!(
                "the encoding of '{document}' is doubtful: it was read as {used}. Guess at the text; if it is wrong: {}",
                redecode()
            ));
        }
        if *replacements > 0 && is_named(&self.damaged) {
            warnings.push(format!(
                "{replacements} characters of '{document}' do not decode as {used} and became U+FFFD. If that is the \
                 wrong encoding: {}",
                redecode()
            ));
        }
        if let Some((cut, percent)) = large_removals::largest(&meta.cuts, meta.text.bytes)
            && is_named(&self.shortened)
        {
            warnings.push(large_removals::warning(document, cut, percent));
        }
        warnings
    }

    /// Returns the messages for the end of the stage: how many texts of each kind were not named.
    fn of_others(&self) -> Vec<String> {
        let more = |counter: &AtomicU64| counter.load(Ordering::Relaxed).saturating_sub(NAMED_MAX);
        let run = &self.run;
        let others = [
            (
                more(&self.doubtful),
                format!("more texts have a doubtful encoding: grep -l '\"doubtful\"' {run}/meta/*.json"),
            ),
            (
                more(&self.damaged),
                format!(
                    "more texts have characters that do not decode: see 'replacements' in {run}/meta/*.json"
                ),
            ),
            (
                more(&self.shortened),
                format!("more texts lost a large share: see 'cuts' in {run}/meta/*.json"),
            ),
        ];
        others.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect()
    }
}

/// Adds one to a counter, and returns whether the text is among the first `NAMED_MAX`.
fn is_named(counter: &AtomicU64) -> bool {
    counter.fetch_add(1, Ordering::Relaxed) < NAMED_MAX
}

impl Drop for Warnings {
    fn drop(&mut self) {
        for warning in self.of_others() {
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
        let warnings = Warnings::of_run(run.to_owned()).of_text(&doubtful);
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
            let said: Vec<_> = (0..13).map(|_| warnings.of_text(kind).len()).collect();
            assert_eq!(said, [vec![1; 10], vec![0; 3]].concat());
            let others = warnings.of_others();
            assert_eq!(others.len(), number + 1);
            assert!(others.iter().all(|line| line.starts_with("3 more texts ")), "{others:?}");
        }
    }

    #[test]
    fn nothing_is_said_of_a_text_that_is_well() {
        let warnings = Warnings::default();
        assert_eq!(warnings.of_text(&text(|_| {})), [""; 0]);
        assert_eq!(warnings.of_others(), [""; 0]);
    }
}
