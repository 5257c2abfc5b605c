//! Finds notices that may stand anywhere in a text.
//!
//! There are two: the notice of World Library, which the Shakespeare e-texts of 1993 repeat between acts, and
//! the lines of a converter (`WARNING:root:External link in file:///…`).

use corpus::boilerplate::Rule;

use super::planned_removal::PlannedRemoval;

/// The beginning of World Library's notice, at the beginning of a line.
const BEGINNING: &str = "<<THIS ELECTRONIC VERSION OF THE COMPLETE WORKS OF WILLIAM";
/// The end of World Library's notice, at the end of a line.
const END: &str = ">>\n";
/// The text after the level in a line of the converter.
const WARNING: &str = ":root:";
/// The maximum length of a notice in bytes. Those seen have 8 lines and 497 bytes.
pub(crate) const NOTICE_BYTES_MAX: usize = 1024;

/// Finds the notices that begin in `text[..until]`, in order and without overlap. They may end after `until`.
/// `text` must begin at the beginning of a line.
pub(crate) fn find(text: &str, until: usize) -> Vec<PlannedRemoval> {
    let found = |phrase| memchr::memmem::find_iter(&text.as_bytes()[..until], phrase);
    let of_library = found(BEGINNING).filter_map(|start| library_notice(text, start));
    let of_converter = found(WARNING).filter_map(|at| converter_warning(text, at));
    let mut notices: Vec<PlannedRemoval> = of_library.chain(of_converter).collect();
    notices.sort_by_key(|notice| notice.bytes.start);
    let mut end = 0;
    notices.retain(|notice| {
        let is_apart = notice.bytes.start >= end;
        end = end.max(notice.bytes.end);
        is_apart
    });
    notices
}

/// Returns the line of a converter's warning in which [`WARNING`] stands at `at`.
fn converter_warning(text: &str, at: usize) -> Option<PlannedRemoval> {
    let level = ["WARNING", "ERROR", "INFO"].into_iter().find(|level| text[..at].ends_with(level))?;
    let start = memchr::memrchr(b'\n', &text.as_bytes()[..at]).map_or(0, |end| end + 1);
    let begins_line = text[start..at - level.len()].trim().is_empty();
    let limit = text.floor_char_boundary(start + NOTICE_BYTES_MAX);
    let end = match text[start..limit].find('\n') {
        Some(end) => start + end + 1,
        None if limit == text.len() => limit,
        None => return None,
    };
    let names_file = text[start..end].contains("file://");
    (begins_line && names_file).then_some(PlannedRemoval { rule: Rule::ConverterWarning, bytes: start..end })
}

/// Returns the notice of World Library that begins at `start`. It must be one paragraph.
fn library_notice(text: &str, start: usize) -> Option<PlannedRemoval> {
    let begins_line = start == 0 || text.as_bytes()[start - 1] == b'\n';
    let limit = text.floor_char_boundary(start + NOTICE_BYTES_MAX);
    let notice = &text[start..limit];
    let length = match notice.find(END) {
        Some(at) => at + END.len(),
        None if limit == text.len() && notice.ends_with(">>") => notice.len(),
        None => return None,
    };
    // A beginning without an end must not take the text up to the end of the next notice.
    let is_one = !notice[..length].contains("\n\n") && !notice[1..length].contains(BEGINNING);
    let bytes = start..start + length;
    (begins_line && is_one).then_some(PlannedRemoval { rule: Rule::WorldLibraryNotice, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTICE: &str =
        "<<THIS ELECTRONIC VERSION OF THE COMPLETE WORKS OF WILLIAM\nSHAKESPEARE IS COPYRIGHT>>";

    fn found(text: &str) -> Vec<&str> {
        find(text, text.len()).into_iter().map(|planned| &text[planned.bytes]).collect()
    }

    #[test]
    fn notices_are_found_wherever_they_stand() {
        assert_eq!(found(&format!("{NOTICE}\nACT I\n{NOTICE}\n\nend\n{NOTICE}")).len(), 3);
        for before in ["a\n", &format!("{BEGINNING}\n")] {
            assert_eq!(found(&format!("{before}{NOTICE}\nb\n")), [format!("{NOTICE}\n")]);
        }
    }

    #[test]
    fn what_only_looks_like_a_notice_stays() {
        for text in [
            format!("he read {NOTICE}\n"),
            NOTICE.replace(">>", "\n\nACT I >>\n"),
            NOTICE.replace(">>", &format!("{}>>\n", "x".repeat(NOTICE_BYTES_MAX))),
            NOTICE.replace(">>", "\n"),
            format!("{BEGINNING}\n{BEGINNING}\n"),
        ] {
            assert_eq!(found(&text), [""; 0], "{text}");
        }
    }

    #[test]
    fn the_converters_warnings_go_wherever_they_stand() {
        let warning = "WARNING:root:External link in file:///tmp/1-h.htm: http://example.org\n";
        assert_eq!(found(&format!("{warning}a\n{warning}")), [warning, warning]);
        assert_eq!(found(warning.trim_end()), [warning.trim_end()]);
        for indented in [format!("   {warning}"), format!("\t{warning}")] {
            assert_eq!(found(&format!("a\n{indented}{indented}b\n")), [indented.as_str(), &indented]);
            assert_eq!(found(indented.trim_end()), [indented.trim_end()]);
        }
        for text in [
            "WARNING:root:Watch out!\n".to_owned(),
            format!("he saw {warning}"),
            warning.replace("WARNING", "NOTE"),
        ] {
            assert_eq!(found(&text), [""; 0], "{text}");
        }
    }

    #[test]
    fn notices_do_not_overlap() {
        let inside = NOTICE.replace('\n', "\nWARNING:root:External link in file:///x\n");
        assert_eq!(found(&format!("{inside}\n")), [format!("{inside}\n")]);
    }
}
