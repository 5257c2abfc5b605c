//! The grammar of Project Gutenberg's boilerplate: which lines are markers.
//!
//! Every rule looks at one line, ignores its indentation and the case of ASCII letters, and is anchored at the
//! beginning, so that prose which mentions a marker is none. The forms were counted over 3,385 real texts:
//!
//! | line | forms |
//! |---|---|
//! | START, END | three or more stars, a space or none, `START OF THE` or `THIS`, `PROJECT GUTENBERG EBOOK` (`ETEXT`), a title; closed by `***` on the same line, on a following one, or not at all |
//! | small print begins | `***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***`, the same with `EBOOKS`, `***** SMALL PRINT! for COMPLETE SHAKESPEARE *****` |
//! | small print ends | `*END*THE SMALL PRINT! FOR …*Ver.04.29.93*END*`, `*END THE SMALL PRINT! FOR …*`, `["Small Print" V.12.08.93]` |
//! | footer | `End of` and nothing, `the` or `this`, then `Project Gutenberg`; `End Project Gutenberg`; `End of this Etext of` |
//! | credits | the beginnings in [`CREDITS`] |

/// How a paragraph of credits begins.
const CREDITS: &[&str] = &[
    "produced by ",
    "transcribed from ",
    "transcribed by ",
    "e-text prepared by ",
    "etext prepared by ",
    "ebook prepared by ",
    "prepared by ",
    "scanned and proofed by ",
    "scanned by ",
    "proofed by ",
    "digitized by ",
    "text file produced by ",
    "html file produced by ",
    "html version by ",
    "this etext was ",
    "this e-text was ",
    "this ebook was ",
    "this e-book was ",
];

/// What follows "This eBook was" in credits.
const MADE: &[&str] =
    &["prepared by ", "produced by ", "created by ", "transcribed ", "scanned by ", "typed ", "converted "];

/// How the line begins that stands between old small print and text.
const TITLE_LINES: &[&str] = &[
    "project gutenberg's etext of ",
    "the project gutenberg's etext of ",
    "the project gutenberg etext of ",
    "project gutenberg etext of ",
    "project gutenberg etext: ",
];

/// How an "End of Project Gutenberg's …" line begins.
const FOOTERS: &[&str] = &[
    "end of project gutenberg",
    "end of the project gutenberg",
    "end of this project gutenberg",
    "end project gutenberg",
    "end of this etext of ",
];

/// `*** START OF THIS PROJECT GUTENBERG EBOOK …`
pub(crate) fn is_start(line: &str) -> bool {
    is_marker(line, "start of ")
}

/// `*** END OF THIS PROJECT GUTENBERG EBOOK …`
pub(crate) fn is_end(line: &str) -> bool {
    is_marker(line, "end of ")
}

/// Whether a marker ends on this line.
pub(crate) fn is_closed(line: &str) -> bool {
    line.trim_end().ends_with("***")
}

/// `*** START: FULL LICENSE ***`
pub(crate) fn is_licence(line: &str) -> bool {
    starred(line).is_some_and(|rest| after(rest, &["start: full licen"]).is_some())
}

/// The first line of small print.
pub(crate) fn begins_small_print(line: &str) -> bool {
    let Some(rest) = starred(line) else { return false };
    let rest = after(rest, &["start*"]).map_or(rest, unstarred);
    let rest = after(rest, &["the "]).unwrap_or(rest);
    after(rest, &["small print!"]).is_some_and(|rest| after(unstarred(rest), &["for "]).is_some())
}

/// The last line of small print.
pub(crate) fn ends_small_print(line: &str) -> bool {
    let line = line.trim_start();
    after(line, &["*end*the small print!", "*end the small print!", "[\"small print\" v."]).is_some()
}

/// A line in small print that names it.
pub(crate) fn mentions_small_print(line: &str) -> bool {
    contains(line, "small print!") || contains(line, "[\"small print\"")
}

/// A line that speaks of Project Gutenberg.
pub(crate) fn mentions_gutenberg(line: &str) -> bool {
    contains(line, "project gutenberg")
}

/// The first line of "End of Project Gutenberg's …". A sentence of prose does not begin a line in upper case there.
pub(crate) fn is_footer(line: &str) -> bool {
    let line = unstarred(line.trim_start());
    line.starts_with('E') && after(line, FOOTERS).is_some()
}

/// The first line of credits.
pub(crate) fn is_credit(line: &str) -> bool {
    let line = line.trim_start();
    after(line, CREDITS).is_some_and(|rest| {
        let was = line[..line.len() - rest.len()].trim_end().to_ascii_lowercase().ends_with("was");
        !was || after(rest, MADE).is_some()
    })
}

/// The line between old small print and text that names the e-text.
pub(crate) fn is_title_line(line: &str) -> bool {
    after(unstarred(line.trim_start()), TITLE_LINES).is_some()
}

fn is_marker(line: &str, verb: &str) -> bool {
    let rest = starred(line).and_then(|rest| after(rest, &[verb]));
    let rest = rest.and_then(|rest| after(rest, &["the project gutenberg ", "this project gutenberg "]));
    rest.is_some_and(|rest| after(rest, &["ebook", "etext", "e-book", "e-text"]).is_some())
}

/// What follows three or more stars and spaces.
fn starred(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("***").map(unstarred)
}

fn unstarred(text: &str) -> &str {
    text.trim_start_matches(['*', ' '])
}

/// What follows one of the beginnings, which are in lower case.
fn after<'a>(text: &'a str, beginnings: &[&str]) -> Option<&'a str> {
    beginnings.iter().find_map(|beginning| {
        let found = text.as_bytes().get(..beginning.len())?;
        found.eq_ignore_ascii_case(beginning.as_bytes()).then(|| &text[beginning.len()..])
    })
}

fn contains(line: &str, phrase: &str) -> bool {
    line.as_bytes().windows(phrase.len()).any(|part| part.eq_ignore_ascii_case(phrase.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(rule: fn(&str) -> bool, expected: bool, lines: &[&str]) {
        for line in lines {
            assert_eq!(rule(line), expected, "{line:?}");
        }
    }

    #[test]
    fn every_form_of_start_is_one() {
        all(
            is_start,
            true,
            &[
                "*** START OF THIS PROJECT GUTENBERG EBOOK PERSUASION ***",
                "***START OF THE PROJECT GUTENBERG EBOOK THE SOUL OF MAN***",
                "***START OF THE PROJECT GUTENBERG EBOOK TOUR THROUGH THE EASTERN COUNTIES",
                "*** START OF THE PROJECT GUTENBERG EBOOK, POEMATA (WILLIAM COWPER, TRANS.) ***",
                "*** START OF THIS PROJECT GUTENBERG EBOOK",
                " *** START OF THIS PROJECT GUTENBERG EBOOK JOAN OF ARC, VOL. 2 ***",
                "*** START OF THE PROJECT GUTENBERG EBOOK 84 ***",
                "*** START OF THE PROJECT GUTENBERG ETEXT OF X ***",
                "*****  Start of this Project Gutenberg E-Book x",
            ],
        );
        all(
            is_start,
            false,
            &[
                "*** START: FULL LICENSE ***",
                "START OF THIS PROJECT GUTENBERG EBOOK",
                "see *** START OF THIS PROJECT GUTENBERG EBOOK ***",
                "*** START OF THE PROJECT GUTENBERG STORY ***",
                "*** END OF THIS PROJECT GUTENBERG EBOOK X ***",
                "** START OF THIS PROJECT GUTENBERG EBOOK X ***",
                "***",
                "",
            ],
        );
    }

    #[test]
    fn every_form_of_end_is_one() {
        all(
            is_end,
            true,
            &[
                "*** END OF THIS PROJECT GUTENBERG EBOOK PERSUASION ***",
                "***END OF THE PROJECT GUTENBERG EBOOK THE SOUL OF MAN***",
                "  *** END OF THE PROJECT GUTENBERG EBOOK, THE KASIDAH",
            ],
        );
        all(
            is_end,
            false,
            &[
                "*** END: FULL LICENSE ***",
                "End of the Project Gutenberg EBook of Persuasion",
                "He read *** END OF THIS PROJECT GUTENBERG EBOOK X ***",
            ],
        );
        assert!(is_closed("X ***") && is_closed("X***  ") && !is_closed("X **") && !is_closed(""));
        assert!(is_licence("*** START: FULL LICENSE ***") && !is_licence("START: FULL LICENSE"));
    }

    #[test]
    fn every_form_of_small_print_is_one() {
        all(
            begins_small_print,
            true,
            &[
                "***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***",
                "***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN EBOOKS**START*** Why is",
                "***** SMALL PRINT! for COMPLETE SHAKESPEARE *****",
                "***START** SMALL PRINT! for COPYRIGHT PROTECTED Introduction to",
            ],
        );
        all(
            ends_small_print,
            true,
            &[
                "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*",
                "*END THE SMALL PRINT! FOR PUBLIC DOMAIN EBOOKS*Ver.02/11/02*END*",
                "[\"Small Print\" V.12.08.93]",
            ],
        );
        for rule in [begins_small_print, ends_small_print] {
            all(
                rule,
                false,
                &[
                    "he held a small printed receipt",
                    "Why is this \"Small Print!\" statement here?  You know: lawyers.",
                    "This \"Small Print!\" by Charles B. Kramer, Attorney",
                    "**The Legal Small Print**",
                    "*** THE SMALL PRINT SHOP ***",
                ],
            );
        }
        all(mentions_small_print, true, &["this \"small print!\" statement", "[\"Small Print\" V.12.08.93]"]);
        all(mentions_small_print, false, &["a small printed receipt", "the small print"]);
    }

    #[test]
    fn every_form_of_footer_is_one() {
        all(
            is_footer,
            true,
            &[
                "End of the Project Gutenberg EBook of Persuasion, by Jane Austen",
                "End of Project Gutenberg's The Man Whom the Trees Loved",
                "End of Project Gutenberg’s Chronicles of Avonlea",
                "End of The Project Gutenberg Etext of Homer's Iliad translated by",
                "End of this Project Gutenberg EBook of X",
                "End Project Gutenberg's The Great Big Treasury of Beatrix Potter",
                "End of this Etext of The Complete Works of William Shakespeare",
                "  End of Project Gutenberg’s The Light That Failed",
                "***End of the Project Gutenberg Etext of X***",
            ],
        );
        all(
            is_footer,
            false,
            &[
                "end of Project Gutenberg was near, he said",
                "The end of the Project Gutenberg",
                "End of the Project",
                "THE END",
            ],
        );
    }

    #[test]
    fn every_form_of_credit_is_one() {
        all(
            is_credit,
            true,
            &[
                "Produced by Judy Boss",
                " Produced by David Reed; HTML file by David Widger",
                "Transcribed from the 1909 Arthur L. Humphreys edition by David Price,",
                "Transcribed by David Price, email x from",
                "E-text prepared by James Rusk",
                "Scanned and proofed by David Price",
                "Scanned by Charles Keller for Tina with",
                "Text file produced by Tokuya Matsumoto",
                "This eBook was produced by Eaon Walkker.",
                "This etext was prepared by Sandra Stewart",
                "This etext was created by Judith Boss, Omaha, Nebraska.",
            ],
        );
        all(
            is_credit,
            false,
            &["Produced", "This etext was a surprise", "He was produced by", "PRODUCE by x"],
        );
        assert!(is_title_line("Project Gutenberg's Etext of Shakespeare's The first Part of"));
        assert!(!is_title_line("Project Gutenberg is a library"));
    }

    #[test]
    fn letters_beyond_ascii_do_not_split() {
        all(is_credit, false, &["Produced b\u{00fd}", "É"]);
        assert!(!is_start("*** ÉTART OF THE PROJECT GUTENBERG EBOOK"));
    }
}
