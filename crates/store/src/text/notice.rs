//! The notice of World Library that the Shakespeare e-texts of 1993 repeat between acts.

use super::cut::{Planned, Rule};

/// Begins the notice, at the beginning of a line.
const BEGINNING: &str = "<<THIS ELECTRONIC VERSION OF THE COMPLETE WORKS OF WILLIAM";
/// Ends it, at the end of a line.
const END: &str = ">>\n";
/// The longest notice. Those seen have 8 lines and 497 bytes.
pub(crate) const NOTICE_BYTES_MAX: usize = 1024;

/// The notices that begin in `text[..until]`, which may end beyond. `text` begins at the beginning of a line.
pub(crate) fn notices(text: &str, until: usize) -> Vec<Planned> {
    let beginnings = memchr::memmem::find_iter(&text.as_bytes()[..until], BEGINNING);
    beginnings.filter_map(|start| notice(text, start)).collect()
}

fn notice(text: &str, start: usize) -> Option<Planned> {
    let begins_line = start == 0 || text.as_bytes()[start - 1] == b'\n';
    let limit = text.floor_char_boundary(start + NOTICE_BYTES_MAX);
    let notice = &text[start..limit];
    let length = match notice.find(END) {
        Some(at) => at + END.len(),
        None if limit == text.len() && notice.ends_with(">>") => notice.len(),
        None => return None,
    };
    let one_paragraph = !notice[..length].contains("\n\n");
    let one_notice = !notice[1..length].contains(BEGINNING);
    (begins_line && one_paragraph && one_notice)
        .then(|| Planned { rule: Rule::WorldLibraryNotice, bytes: start..start + length })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTICE: &str =
        "<<THIS ELECTRONIC VERSION OF THE COMPLETE WORKS OF WILLIAM\nSHAKESPEARE IS COPYRIGHT>>";

    fn found(text: &str) -> Vec<&str> {
        notices(text, text.len()).into_iter().map(|planned| &text[planned.bytes]).collect()
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
}
