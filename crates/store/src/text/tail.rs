//! Where the boilerplate at the tail of a text begins.
//!
//! A cut takes what is shown to be boilerplate and the blank lines before it:
//!
//! * The last END marker and all after it. An earlier END marker counts instead where what stands between is blank or
//!   speaks of Project Gutenberg.
//! * The footer ("End of Project Gutenberg's …", one paragraph after a blank line), shortly before END. Without END it
//!   takes all after it along where that is blank or speaks of Project Gutenberg.
//! * With neither, `*** START: FULL LICENSE ***` and all after it.

use std::ops::Range;

use super::{
    cut::{Planned, Rule},
    lines::Lines,
    markers,
};

/// The most lines from a footer to its END marker.
const FOOTER_LINES_MAX: usize = 16;
/// The longest footer. Those seen have at most three lines.
const FOOTER_PARAGRAPH_LINES_MAX: usize = 6;

/// Finds it in the last lines of a text, which begin at the beginning of a line. In order, not overlapping.
pub(crate) fn find(text: &str) -> Vec<Planned> {
    let lines = Lines::of(text);
    let cuts = match end_marker(&lines) {
        Some(end) => at_end_marker(&lines, end),
        None => without_end_marker(&lines),
    };
    cuts.into_iter().map(|(rule, range)| Planned { rule, bytes: lines.bytes(range) }).collect()
}

fn end_marker(lines: &Lines<'_>) -> Option<usize> {
    let mut ends =
        lines.with(markers::STAR).into_iter().rev().filter(|line| markers::is_end(lines.get(*line)));
    let last = ends.next()?;
    Some(ends.fold(last, |end, earlier| if is_boilerplate(lines, earlier + 1..end) { earlier } else { end }))
}

fn at_end_marker(lines: &Lines<'_>, end: usize) -> Vec<(Rule, Range<usize>)> {
    let near = end.saturating_sub(FOOTER_LINES_MAX)..end;
    let footer = near.rev().find_map(|line| footer(lines, line, end));
    let all_after = lines.skip_blank_back(end)..lines.count();
    match footer {
        Some(footer) if footer.end >= all_after.start => {
            vec![(Rule::Footer, footer.start..end), (Rule::EndMarker, end..lines.count())]
        }
        Some(footer) => vec![(Rule::Footer, footer), (Rule::EndMarker, all_after)],
        None => vec![(Rule::EndMarker, all_after)],
    }
}

fn without_end_marker(lines: &Lines<'_>) -> Vec<(Rule, Range<usize>)> {
    let all = lines.count();
    if let Some(footer) = (0..all).rev().find_map(|line| footer(lines, line, all)) {
        let end = if is_boilerplate(lines, footer.end..all) { all } else { footer.end };
        return vec![(Rule::Footer, footer.start..end)];
    }
    let licence = lines.with(markers::STAR).into_iter().find(|line| markers::is_licence(lines.get(*line)));
    licence.map(|line| (Rule::Licence, lines.skip_blank_back(line)..all)).into_iter().collect()
}

/// The paragraph of a footer that begins at `line`, with the blank lines before it.
fn footer(lines: &Lines<'_>, line: usize, limit: usize) -> Option<Range<usize>> {
    let begins = line == 0 || lines.is_blank(line - 1);
    // Only then is its paragraph looked for: doing that for every line takes quadratic time in a text without blank ones.
    if !begins || !is_footer(lines, line, limit) {
        return None;
    }
    let end = lines.paragraph_end(line).min(limit);
    (end - line <= FOOTER_PARAGRAPH_LINES_MAX).then(|| lines.skip_blank_back(line)..end)
}

fn is_footer(lines: &Lines<'_>, line: usize, limit: usize) -> bool {
    let wrapped = || line + 1 < limit && markers::is_wrapped_footer(lines.get(line), lines.get(line + 1));
    markers::is_footer(lines.get(line)) || wrapped()
}

fn is_boilerplate(lines: &Lines<'_>, range: Range<usize>) -> bool {
    range.clone().all(|line| lines.is_blank(line)) || lines.of_range(range).any(markers::mentions_gutenberg)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> (Vec<Rule>, String) {
        let cuts = find(text);
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
            format!("\nEnd of Project Gutenberg\n{}", "and more\n".repeat(FOOTER_PARAGRAPH_LINES_MAX)),
        ] {
            assert_eq!(cut(&text).0, [], "{text}");
        }
    }

    #[test]
    fn the_last_marker_counts_unless_boilerplate_stands_between() {
        assert_eq!(cut(&format!("a\n{END}b\n{END}c\n")).1, format!("a\n{END}b\n"));
        assert_eq!(cut(&format!("a\n{END}\n{END}c\n")).1, "a\n");
        assert_eq!(cut(&format!("a\n{END}{LICENCE}{END}c\n")).1, "a\n");
    }

    #[test]
    fn the_licence_alone_is_enough() {
        let text = "Fin.\n\n*** START: FULL LICENSE ***\nwords\n";
        assert_eq!(cut(text), (vec![Rule::Licence], "Fin.\n".to_owned()));
    }

    #[test]
    fn prose_about_markers_stays() {
        let text =
            "She typed *** END OF THIS PROJECT GUTENBERG EBOOK X ***\n\nthe end of Project Gutenberg\n";
        assert_eq!(cut(text).0, []);
    }
}
