//! Removes the spaces between a separator and a quotation mark, as in `id, "url"`, which people write by
//! hand.
//!
//! By RFC 4180 such a cell is not quoted, and the quotation marks would be part of its value.

use std::borrow::Cow;

use crate::formats::separator::Separator;

/// Returns the line without the spaces before quoted cells.
///
/// A cell counts as quoted if only spaces follow its closing quotation mark; ` "Old" Mill` stays as it is.
pub(crate) fn without_padding(line: &str, separator: Separator) -> Cow<'_, str> {
    let separator = char::from(separator.byte());
    if !line.contains(" \"") {
        return Cow::Borrowed(line);
    }
    let mut kept = String::with_capacity(line.len());
    let mut rest = line;
    loop {
        let inside = rest.trim_start_matches(' ');
        let end = match quoted_bytes(inside, separator) {
            Some(bytes) => {
                rest = inside;
                bytes
            }
            // The cell continues in the next line, or has stray quotation marks: its end is not known.
            None if rest.starts_with('"') => rest.len(),
            None => rest.find(separator).unwrap_or(rest.len()),
        };
        kept.push_str(&rest[..end]);
        rest = &rest[end..];
        let Some(next) = rest.strip_prefix(separator) else { return Cow::Owned(kept) };
        kept.push(separator);
        rest = next;
    }
}

/// Returns the length of the quoted cell at the start of `text`, in bytes, with the spaces after it. Returns
/// `None` if `text` does not begin with a quoted cell.
fn quoted_bytes(text: &str, separator: char) -> Option<usize> {
    let mut rest = text.strip_prefix('"')?;
    loop {
        rest = &rest[rest.find('"')? + 1..];
        match rest.strip_prefix('"') {
            Some(further) => rest = further,
            None => break,
        }
    }
    let rest = rest.trim_start_matches(' ');
    (rest.is_empty() || rest.starts_with(separator)).then(|| text.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_before_a_quoted_cell_go_and_all_else_stays() {
        for (line, expected) in [
            ("x, \"a\"", "x,\"a\""),
            ("  \"x\" ,   \"a, \"\"b\"\", c\"", "\"x\" ,\"a, \"\"b\"\", c\""),
            ("\"x, \"\"y\"\"\", \"z\"", "\"x, \"\"y\"\"\",\"z\""),
        ] {
            assert_eq!(without_padding(line, Separator::COMMA), expected, "{line}");
        }
        for line in [
            "",
            "x, y",
            "x, \"Old\" Mill, z",
            "x, \"open",
            "\"a, \"\"b\"\"\",c",
            "x,5 \" disk",
            "ü, \"é\"ü",
            "\"open, \"a\"",
        ] {
            assert_eq!(without_padding(line, Separator::COMMA), line, "{line}");
        }
    }
}
