//! Reads plain lists: a line is one URL, or several URLs of the same text separated by TABs. A `#` at the
//! start of a line or after a space or TAB begins a comment.

use crate::formats::row::SourceRow;

/// Returns the row of a line, or `None` if the line is blank or a comment.
pub(crate) fn row(line: &str) -> Option<SourceRow> {
    let cells = without_comment(line).split('\t').map(str::trim).filter(|cell| !cell.is_empty());
    let mut cells = cells.map(str::to_owned).peekable();
    // Only blanks and a comment.
    cells.peek()?;
    Some(SourceRow::of_urls(cells))
}

/// Returns a line without its comment. A `#` inside a URL is a fragment, not a comment.
pub(super) fn without_comment(line: &str) -> &str {
    let comment = line
        .match_indices('#')
        .map(|(at, _)| at)
        .find(|at| line[..*at].chars().next_back().is_none_or(char::is_whitespace));
    &line[..comment.unwrap_or(line.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_begins_after_a_space_and_a_fragment_does_not() {
        for (line, text) in [
            ("# all", ""),
            ("  # all", "  "),
            ("http://a/x # Alice", "http://a/x "),
            ("http://a/x\t# Alice # more", "http://a/x\t"),
            ("http://a/x#part", "http://a/x#part"),
        ] {
            assert_eq!(without_comment(line), text);
        }
        for blank in ["", "   ", "\t\t", "#", " # http://a/"] {
            assert!(row(blank).is_none(), "{blank:?}");
        }
    }
}
