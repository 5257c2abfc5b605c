//! Finds texts of which a large share was removed, so that no text is shortened without a warning
//! ([`warnings`](crate::warnings)).
//!
//! Headers, small print and licences are recognised by their own form and may be most of a short file. They
//! count only if they are longer than those seen in real texts. Every other removal counts if it has at least
//! `BYTES_MIN` bytes and is a tenth of the text or more.

use corpus::boilerplate::{RemovedSpan, Rule};
use flow::document::DocumentId;

/// The minimum size in bytes of a removal that counts. A shorter one is a line or two, however short the text
/// is.
const BYTES_MIN: u64 = 512;
/// A size in bytes that no licence or small print seen in real texts reaches.
const LICENCE_BYTES: u64 = 24 * 1024;

/// Returns the warning for a removal: it names the text, the lines and the rule, and says what to do.
pub(crate) fn warning(document: &DocumentId, removed: &RemovedSpan, percent: u64) -> String {
    let RemovedSpan { rule, first_line, last_line, .. } = removed;
    let rule = serde_json::to_string(rule).unwrap_or_default();
    format!(
        "{percent} % of {document} was cut as boilerplate (lines {first_line} to {last_line}, rule {}). Check these lines of its raw text. To keep them, use --strip markers or --strip off.",
        rule.trim_matches('"'),
    )
}

/// Returns the largest removal that counts, and its share in percent of the text before it. A licence of
/// usual size is left out of that text, because it may be longer than the text itself.
pub(crate) fn largest(removed: &[RemovedSpan], kept_bytes: u64) -> Option<(&RemovedSpan, u64)> {
    let is_usual = |span: &RemovedSpan| span.bytes < bytes_min(span.rule);
    let is_licence = |span: &RemovedSpan| bytes_min(span.rule) == LICENCE_BYTES;
    // A short text may have a licence longer than itself: its other removals must not look small beside that.
    let others = removed.iter().filter(|span| !(is_usual(span) && is_licence(span)));
    let all = kept_bytes + others.map(|span| span.bytes).sum::<u64>();
    let large = removed.iter().filter(|span| !is_usual(span) && span.bytes >= all.div_ceil(10));
    large.max_by_key(|span| span.bytes).map(|span| (span, span.bytes * 100 / all.max(1)))
}

/// Returns the size in bytes from which a removal by this rule counts. Smaller ones cause no warning.
const fn bytes_min(rule: Rule) -> u64 {
    match rule {
        Rule::StartMarker | Rule::Header => 4 * 1024,
        Rule::SmallPrint | Rule::SmallPrintUnended | Rule::EndMarker | Rule::Licence | Rule::Footer => {
            LICENCE_BYTES
        }
        Rule::TitleLine
        | Rule::Credits
        | Rule::WorldLibraryNotice
        | Rule::HeaderLicence
        | Rule::OtherVersionNote
        | Rule::DirectorsNotes
        | Rule::EarlyFileNotice
        | Rule::ConverterWarning => BYTES_MIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(rule: Rule, bytes: u64) -> RemovedSpan {
        RemovedSpan { rule, first_line: 1, last_line: 9, bytes }
    }

    #[test]
    fn a_tenth_of_a_text_is_a_large_share() {
        let cuts = [cut(Rule::StartMarker, 600), cut(Rule::Credits, 1000)];
        assert_eq!(largest(&cuts, 8400), Some((&cuts[1], 10)));
        assert_eq!(largest(&cuts, 8401), None);
    }

    #[test]
    fn a_licence_makes_no_cut_small() {
        let cuts = [cut(Rule::Credits, 800), cut(Rule::EndMarker, 18_000)];
        assert_eq!(largest(&cuts, 1200), Some((&cuts[0], 40)));
    }

    #[test]
    fn a_warning_names_text_lines_rule_and_what_to_do() {
        let document: DocumentId = "PG84".parse().unwrap();
        assert_eq!(
            warning(&document, &cut(Rule::Credits, 1000), 12),
            "12 % of PG84 was cut as boilerplate (lines 1 to 9, rule credits). Check these lines of its raw text. To keep \
             them, use --strip markers or --strip off."
        );
    }

    #[test]
    fn the_licence_counts_only_if_it_is_longer_than_any() {
        assert_eq!(largest(&[cut(Rule::EndMarker, 20_000)], 1000), None);
        let long = [cut(Rule::EndMarker, 30_000)];
        assert_eq!(largest(&long, 1000), Some((&long[0], 96)));
        assert_eq!(largest(&long, 300_000), None);
        assert_eq!(largest(&[cut(Rule::Credits, 300)], 100), None, "a line or two");
    }
}
