//! Finds the boilerplate at the end of a text that has no END marker.
//!
//! A removal takes what is recognised as boilerplate and the blank lines before it:
//!
//! * The footer ("End of Project Gutenberg's …", one paragraph after a blank line), with the licence after
//!   it.
//! * The licence that stands alone, for example after an afterword. It begins with
//!   `*** START: FULL LICENSE ***`, or several of its paragraphs begin like those of a licence.

use std::ops::Range;

use corpus::boilerplate::Rule;

use super::{licence, markers, planned_removal::PlannedRemoval};
use crate::text::lines::Lines;

/// The maximum number of lines of a footer. Those seen have at most three.
const FOOTER_LINES_MAX: usize = 6;

/// The minimum number of openings that a licence must have if no marker or footer stands before it. Books
/// quote one.
const LICENCE_OPENINGS_MIN: usize = 3;

/// Finds the footer and the licence in the last lines of a text. The removals are in order and do not
/// overlap. `text` must begin at the beginning of a line.
pub(crate) fn find(text: &str) -> Vec<PlannedRemoval> {
    let lines = Lines::of(text);
    let footer = with_licence(&lines);
    // A licence is searched for only after the footer, so that the two do not overlap.
    let after = footer.as_ref().map_or(0, |(_, range)| range.end);
    let licence = licence_alone(&lines, after);
    footer.into_iter().chain(licence).map(|found| PlannedRemoval::of_lines(&lines, found)).collect()
}

/// Returns the last footer, with the licence after it.
fn with_licence(lines: &Lines<'_>) -> Option<(Rule, Range<usize>)> {
    let footer = (0..lines.count()).rev().find_map(|line| paragraph(lines, line, lines.count()))?;
    let next = lines.skip_blank(footer.end);
    let end = if licence::follows(lines, next) { licence::end(lines, next) } else { footer.end };
    Some((Rule::Footer, footer.start..lines.or_end_of_text(end)))
}

/// Returns the licence that begins at the line `from` or later.
fn licence_alone(lines: &Lines<'_>, from: usize) -> Option<(Rule, Range<usize>)> {
    let openings = (from..lines.count()).filter(|line| {
        markers::is_licence(lines.get(*line))
            || (lines.is_after_blank(*line) && licence::opens(lines.get(*line)))
    });
    let openings: Vec<usize> = openings.collect();
    let is_licence = |opening: usize, end: usize| {
        markers::is_licence(lines.get(opening))
            || openings.iter().filter(|line| (opening..end).contains(line)).count() >= LICENCE_OPENINGS_MIN
    };
    let mut licences = openings.iter().map(|opening| (*opening, licence::end(lines, *opening)));
    let (opening, end) = licences.find(|(opening, end)| is_licence(*opening, *end))?;
    Some((Rule::Licence, lines.skip_blank_back(opening).max(from)..lines.or_end_of_text(end)))
}

/// Returns the paragraph of a footer that begins at `line`, with the blank lines before it. An END marker in
/// stars is no footer, although it has the words of one.
pub(crate) fn paragraph(lines: &Lines<'_>, line: usize, limit: usize) -> Option<Range<usize>> {
    let is_wrapped = || line + 1 < limit && markers::is_wrapped_footer(lines.get(line), lines.get(line + 1));
    let is_footer = lines.is_after_blank(line)
        && (markers::is_footer(lines.get(line)) || is_wrapped())
        && !markers::is_end(lines.get(line));
    // The end of the paragraph is searched for only now. A search at every line would take quadratic time in
    // a text without blank lines.
    if !is_footer {
        return None;
    }
    let end = lines.paragraph_end(line).min(limit);
    (end - line <= FOOTER_LINES_MAX).then(|| lines.skip_blank_back(line)..end)
}

#[cfg(test)]
mod tests {
    use super::{
        super::parts::{self, HeldText},
        *,
    };

    /// Returns what is cut with and without END markers.
    fn cut(text: &str) -> (Vec<Rule>, String) {
        let held = HeldText { text, ahead: text.len(), is_last: true };
        let borders = parts::find(held, 0..text.len(), "");
        let mut cuts: Vec<_> = borders.into_iter().flat_map(|border| border.removals).collect();
        if cuts.is_empty() {
            cuts = find(text);
        }
        let mut rest = String::new();
        let mut at = 0;
        for planned in &cuts {
            rest.push_str(&text[at..planned.bytes.start]);
            at = planned.bytes.end;
        }
        rest.push_str(&text[at..]);
        (cuts.iter().map(|planned| planned.rule).collect(), rest)
    }

    const END: &str = "*** END OF THIS PROJECT GUTENBERG EBOOK X ***\n";
    const LICENCE: &str =
        "\nThis file should be named 1.txt\n\n*** START: FULL LICENSE ***\n\nthe Project Gutenberg License\n";
    const FOOTER: &str = "End of the Project Gutenberg EBook of X,\nby Y\n";

    #[test]
    fn footer_marker_and_licence_go() {
        let text = format!("Fin.\n\n\n{FOOTER}\n{END}{LICENCE}");
        assert_eq!(cut(&text), (vec![Rule::Footer, Rule::EndMarker], "Fin.\n".to_owned()));
    }

    #[test]
    fn a_marker_alone_goes_with_all_after_it() {
        let text = format!("Fin.\n\n***END OF THE PROJECT GUTENBERG EBOOK X\nAND Y***\n{LICENCE}");
        assert_eq!(cut(&text), (vec![Rule::EndMarker], "Fin.\n".to_owned()));
    }

    #[test]
    fn what_stands_between_footer_and_marker_stays() {
        let text = format!("Fin.\n\n{FOOTER}\nErrata: page 1\n\n{END}");
        assert_eq!(cut(&text).1, "Fin.\n\nErrata: page 1\n");
    }

    #[test]
    fn without_a_marker_the_footer_ends_the_text() {
        for licence in ["", "\n\n", LICENCE] {
            assert_eq!(cut(&format!("Fin.\n\n{FOOTER}{licence}")), (vec![Rule::Footer], "Fin.\n".to_owned()));
        }
        assert_eq!(cut(&format!("Fin.\n\n{FOOTER}\nAppendix\n")).1, "Fin.\n\nAppendix\n");
    }

    #[test]
    fn footers_in_other_languages_and_over_two_lines_go() {
        for footer in [
            "Ende dieses Projekt Gutenberg Etextes X, von Y\n",
            "Fin de Project Gutenberg Etext X par Y\n",
            "Einde van het Project Gutenberg eboek X, door Y\n",
            "End of\nProject Gutenberg's X, by Y\n",
        ] {
            for licence in ["", LICENCE] {
                assert_eq!(
                    cut(&format!("Fin.\n\n{footer}{licence}")),
                    (vec![Rule::Footer], "Fin.\n".to_owned())
                );
            }
            assert_eq!(cut(&format!("Fin.\n\n{footer}\n{END}")).1, "Fin.\n");
            assert_eq!(cut(&format!("Fin.\n{footer}")).0, [], "it stands after a blank line");
        }
        assert_eq!(cut("Fin.\n\nEnde dieses Buches von Project Gutenberg\n").0, []);
    }

    #[test]
    fn what_follows_a_footer_in_another_language_goes_where_it_names_the_project() {
        let footer = "Einde van het Project Gutenberg eboek X, door Y\n";
        assert_eq!(cut(&format!("Fin.\n\n{footer}\nde licentie van Projekt Gutenberg\n")).1, "Fin.\n");
        assert_eq!(cut(&format!("Fin.\n\n{footer}\nBijlage\n")).1, "Fin.\n\nBijlage\n");
    }

    #[test]
    fn a_footer_stands_after_a_blank_line_and_is_short() {
        for text in [
            "He saw the\nEnd of Project Gutenberg's first year\n".to_owned(),
            format!("\nEnd of Project Gutenberg\n{}", "and more\n".repeat(FOOTER_LINES_MAX)),
        ] {
            assert_eq!(cut(&text).0, [], "{text}");
        }
    }

    #[test]
    fn what_follows_a_marker_is_text_unless_it_is_the_licence() {
        assert_eq!(cut(&format!("a\n{END}b\n{END}c\n")).0, []);
        assert_eq!(cut(&format!("a\n{END}b\n{END}")).1, format!("a\n{END}b\n"));
        assert_eq!(cut(&format!("a\n{END}{LICENCE}{END}")).1, "a\n");
        assert_eq!(cut(&format!("a\n{END}{LICENCE}{END}c\n")).1, format!("a\n{END}c\n"));
    }

    #[test]
    fn the_licence_alone_is_enough() {
        let text = "Fin.\n\n*** START: FULL LICENSE ***\nwords\n";
        assert_eq!(cut(text), (vec![Rule::Licence], "Fin.\n".to_owned()));
    }

    #[test]
    fn a_licence_after_other_text_is_known_by_several_of_its_paragraphs() {
        let licence = "Updated editions will replace the previous one.\n\nTHE FULL PROJECT GUTENBERG LICENSE\n\n\
                       PLEASE READ THIS BEFORE YOU DISTRIBUTE OR USE THIS WORK\n\nthe Project Gutenberg License\n";
        let afterword = "An afterword.\n\n".repeat(60);
        let text = format!("Fin.\n\n{afterword}{licence}");
        assert_eq!(cut(&text), (vec![Rule::Licence], format!("Fin.\n\n{}", afterword.trim_end()) + "\n"));
        let text = format!("Fin.\n\n{FOOTER}\n{afterword}{licence}");
        assert_eq!(
            cut(&text),
            (vec![Rule::Footer, Rule::Licence], format!("Fin.\n\n{}", afterword.trim_end()) + "\n")
        );
        let quoted = "Updated editions will replace the previous one, said the printer.\n\nFin.\n\n\
                      To protect the Project Gutenberg license he wrote much.\n";
        assert_eq!(cut(quoted).0, []);
    }

    #[test]
    fn prose_about_markers_stays() {
        let text =
            "She typed *** END OF THIS PROJECT GUTENBERG EBOOK X ***\n\nthe end of Project Gutenberg\n";
        assert_eq!(cut(text).0, []);
    }
}
