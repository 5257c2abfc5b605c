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
            "*** START OF THE COPYRIGHTED PROJECT GUTENBERG EBOOK X ***",
            "*** START OF PROJECT GUTENBERG EBOOK X ***",
            "*** START VAN DIT PROJECT GUTENBERG EBOEK X ***",
        ],
    );
    all(
        is_start,
        false,
        &[
            "*** START OF THE COPYRIGHTED EBOOK X ***",
            "*** START VAN HET BOEK ***",
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
            "*** END OF THE COPYRIGHTED PROJECT GUTENBERG EBOOK X ***",
            "*** EINDE VAN DIT PROJECT GUTENBERG EBOEK X ***",
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
fn footers_in_other_languages_are_footers() {
    all(
        is_footer,
        true,
        &[
            "Ende dieses Project Gutenberg Etextes \"X\", von Y",
            "Ende dieses Projekt Gutenberg Etextes X, von Y",
            "Ende diese Project Gutenberg Etextes X",
            "Ende dieses Etextes von Projekt Gutenberg",
            "Fin de Project Gutenberg Etext X par Y",
            "Fin de la versión de Project Gutenberg de X, por Y",
            "Einde van het Project Gutenberg eboek X, door Y",
        ],
    );
    all(
        is_footer,
        false,
        &[
            "Ende dieses Buches",
            "Ende dieses Projektes war, dass",
            "ende dieses Etextes von Projekt Gutenberg",
            "Das Ende dieses Project Gutenberg Etextes",
            "Fin de la version de Gutenberg",
            "Fin du projet",
            "FIN DE LA PRIMERA PARTE",
            "Einde van het project",
            "Ce document fut présenté en lecture",
        ],
    );
}

#[test]
fn rare_footers_are_footers() {
    all(
        is_footer,
        true,
        &[
            "End of this is COPYRIGHTED Project Gutenberg Etext of X",
            "End of The Project Gutenburg Etext of X",
            "The end of Project Gutenberg Etext of X",
            "The end of the Project Gutenberg e-text of X",
            "Here ends the Project Gutenberg Etext of X",
            "**This is a COPYRIGHTED Project Gutenberg Etext, Details Above**",
            "More information about this book is at the top of this file.",
        ],
    );
    all(
        is_footer,
        false,
        &[
            "The end of Project Gutenberg was near",
            "Here ends the first book",
            "This is a COPYRIGHTED book",
            "More information about this book is hard to come by",
        ],
    );
    assert!(is_wrapped_footer("End of", "Project Gutenberg's X, by Y"));
    assert!(
        !is_wrapped_footer("End of", "the chapter")
            && !is_wrapped_footer("The End of", "Project Gutenberg's X")
    );
}

#[test]
fn the_note_on_small_print_is_no_prose_about_it() {
    all(begins_small_print_note, true, &["The \"legal small print\" and other information about this book"]);
    all(
        begins_small_print_note,
        false,
        &["The \"legal small print\" was long", "He read the \"legal small print\" and other information"],
    );
    all(ends_small_print_note, true, &["tells you about restrictions in how the file may be used."]);
    all(ends_small_print_note, false, &["the file may be used."]);
    all(is_stars, true, &["***", "  ***** "]);
    all(is_stars, false, &["**", "* * *", "*** X ***", ""]);
}

#[test]
fn a_title_line_names_the_e_text() {
    assert!(is_title_line("Project Gutenberg's Etext of Shakespeare's The first Part of"));
    assert!(!is_title_line("Project Gutenberg is a library"));
}

#[test]
fn the_title_of_a_marker_is_the_same_however_it_is_written() {
    let title = |marker: &str| super::title(marker.lines());
    assert_eq!(title("*** START OF THIS PROJECT GUTENBERG EBOOK THE MILL ***"), "themill");
    assert_eq!(title("***END OF THE PROJECT GUTENBERG EBOOK THE\nMill***"), "themill");
    assert_eq!(title("*** START OF THE PROJECT GUTENBERG EBOOK ***"), "");
}

#[test]
fn letters_beyond_ascii_do_not_split() {
    assert!(!is_start("*** ÉTART OF THE PROJECT GUTENBERG EBOOK"));
}

#[test]
fn markers_in_tags_with_other_spaces_or_wrapped_before_the_noun_are_markers() {
    let plain = "*** START OF THIS PROJECT GUTENBERG EBOOK X ***";
    for (opening, closing) in TAGS {
        let line = format!("{opening}{plain}{closing}");
        assert!(is_start(&line) && is_closed(&line), "{line}");
    }
    for line in [plain.replace(' ', "  "), plain.replace(' ', "\u{a0}"), plain.replace(" EBOOK X ***", "")] {
        assert!(is_start(&line), "{line}");
    }
    for line in
        ["_START OF THIS PROJECT GUTENBERG EBOOK X_", "*** START OF THIS PROJECT GUTENBERG HISTORY ***"]
    {
        assert!(!is_start(line), "{line}");
    }
}

#[test]
fn footers_in_brackets_or_tags_and_wrapped_in_the_name_are_footers() {
    for line in [
        "[End of Project Gutenberg's X]",
        "(End of Project Gutenberg's X)",
        "<i>End of the Project Gutenberg EBook</i>",
        "_End of Project Gutenberg's X_",
    ] {
        assert!(is_footer(line), "{line}");
    }
    assert!(is_wrapped_footer("End of Project", "Gutenberg's X, by Y"));
    assert!(!is_wrapped_footer("End of Project", "Gutenberg was a man of Mainz"));
}

#[test]
fn a_title_is_the_same_with_of_before_it() {
    let [one, other] = [
        "***End of The Project Gutenberg Etext of The House***",
        "*** START OF THE PROJECT GUTENBERG EBOOK THE HOUSE ***",
    ];
    assert_eq!(title(std::iter::once(one)), title(std::iter::once(other)));
}
