//! Searches for phrases in lines, which ignore the case of ASCII letters.

/// Returns the rest of a text that begins with one of these phrases.
pub(super) fn after<'a>(text: &'a str, beginnings: &[&str]) -> Option<&'a str> {
    beginnings.iter().find_map(|beginning| {
        let found = text.as_bytes().get(..beginning.len())?;
        found.eq_ignore_ascii_case(beginning.as_bytes()).then(|| &text[beginning.len()..])
    })
}

/// Returns whether a text begins with one of these phrases.
pub(super) fn begins_with(text: &str, beginnings: &[&str]) -> bool {
    after(text, beginnings).is_some()
}

/// Returns whether a text contains one of these phrases.
pub(super) fn contains_any(text: &str, phrases: impl IntoIterator<Item = impl AsRef<str>>) -> bool {
    let contains =
        |phrase: &[u8]| text.as_bytes().windows(phrase.len()).any(|part| part.eq_ignore_ascii_case(phrase));
    phrases.into_iter().any(|phrase| contains(phrase.as_ref().as_bytes()))
}

/// Joins the words of lines by single spaces.
pub(super) fn join_words<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}
