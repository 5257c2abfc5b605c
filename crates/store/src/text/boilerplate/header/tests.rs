use super::*;

fn cut(text: &str) -> (Vec<Rule>, String) {
    let head = find(text);
    let mut rest = String::new();
    let mut at = 0;
    for planned in &head.removals {
        rest.push_str(&text[at..planned.bytes.start]);
        at = planned.bytes.end;
    }
    rest.push_str(&text[at..]);
    (head.removals.iter().map(|planned| planned.rule).collect(), rest)
}

const START: &str = "*** START OF THIS PROJECT GUTENBERG EBOOK X ***\n";

#[test]
fn the_header_the_marker_and_the_credits_go() {
    let text = format!("Title: X\n\n{START}\n\n\nProduced by Judy\nand Bob\n\n\nX\n\nOnce\n");
    assert_eq!(cut(&text), (vec![Rule::StartMarker, Rule::Credits], "X\n\nOnce\n".to_owned()));
}

#[test]
fn the_wrapped_rest_of_a_marker_goes_with_it() {
    for marker in [
        "***START OF THE PROJECT GUTENBERG EBOOK TOUR\nOF ENGLAND, 1722***\n",
        "*** START OF THIS PROJECT GUTENBERG EBOOK\nDR. JEKYLL ***\n",
        "*** START OF THIS PROJECT GUTENBERG EBOOK PLAGUE\n***\n",
        "*** START OF THIS PROJECT GUTENBERG EBOOK A\nB\nC ***\n",
    ] {
        assert_eq!(cut(&format!("{marker}Once\n")).1, "Once\n", "{marker}");
    }
}

#[test]
fn what_follows_an_unclosed_marker_stays() {
    let marker = "*** START OF THIS PROJECT GUTENBERG EBOOK PLAGUE\n";
    assert_eq!(cut(&format!("{marker}\nOnce ***\n")).1, "Once ***\n");
    assert_eq!(cut(&format!("{marker}Once\n\nupon\n")).1, "Once\n\nupon\n");
}

#[test]
fn a_marker_is_not_the_wrapped_rest_of_another() {
    let unclosed = "*** START OF THIS PROJECT GUTENBERG EBOOK X\n";
    assert_eq!(cut(&format!("{unclosed}{START}Once\n")), (vec![Rule::StartMarker], "Once\n".to_owned()));
    let text = format!("{START}Once\n{unclosed}upon\n{START}a time\n");
    assert_eq!(cut(&text), (vec![Rule::StartMarker; 3], "Once\nupon\na time\n".to_owned()));
    let text = format!("{unclosed}Once\n*** END OF THIS PROJECT GUTENBERG EBOOK X ***\n");
    assert!(cut(&text).1.starts_with("Once\n"));
}

#[test]
fn credits_end_before_a_marker() {
    let text = format!("{START}\nProduced by A\n{START}Once\n");
    assert_eq!(cut(&text).1, "Produced by A\nOnce\n");
}

#[test]
fn a_second_header_takes_over() {
    let text = format!("{START}\nThe Project Gutenberg EBook of X\n\nTitle: X\n\n{START}\nOnce\n");
    assert_eq!(cut(&text), (vec![Rule::StartMarker], "Once\n".to_owned()));
    assert_eq!(cut(&format!("{START}\n{START}Once\n")).1, "Once\n");
}

#[test]
fn a_second_marker_in_the_text_goes_alone() {
    let text = format!("{START}\nOnce\n{START}\nupon\n{START}a time\n");
    let expected = "Once\n\nupon\na time\n".to_owned();
    assert_eq!(cut(&text), (vec![Rule::StartMarker; 3], expected));
}

#[test]
fn a_marker_after_what_is_too_long_for_a_header_goes_alone() {
    let chapter = "Once upon a time\n".repeat(HEADER_BYTES_MAX / 17 + 1);
    let text = format!("{chapter}{START}end\n");
    assert_eq!(cut(&text), (vec![Rule::StartMarker], format!("{chapter}end\n")));
}

const BEGIN: &str = "***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***\n";
const END: &str = "*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n";

#[test]
fn small_print_goes_with_its_header() {
    let text = format!("***The Project Gutenberg Etext of X***\n\n{BEGIN}Why?\n{END}\n\nOnce\n");
    assert_eq!(cut(&text), (vec![Rule::SmallPrint], "Once\n".to_owned()));
    let shakespeare = "Project Gutenberg\n***** SMALL PRINT! for COMPLETE SHAKESPEARE *****\nx\n\n\
                       [\"Small Print\" V.12.08.93]\n\n1592\n";
    assert_eq!(cut(shakespeare), (vec![Rule::SmallPrint], "1592\n".to_owned()));
    assert_eq!(cut(&format!("Project Gutenberg\n{END}Once\n")).1, "Once\n");
}

#[test]
fn what_stands_before_small_print_stays_unless_it_is_a_header() {
    let text = format!("Once\n{BEGIN}Why?\n{END}\nupon\n");
    assert_eq!(cut(&text).1, "Once\nupon\n");
    assert_eq!(cut(&format!("Once\n{END}upon\n")).0, []);
}

#[test]
fn small_print_without_end_goes_as_far_as_it_is_shown() {
    let text = format!("{BEGIN}Why is this \"Small Print!\"\nstatement here?\n\nOnce\n");
    assert_eq!(cut(&text), (vec![Rule::SmallPrintUnended], "Once\n".to_owned()));
}

#[test]
fn small_print_counts_only_without_markers_and_before_the_end() {
    let text = format!("{START}Once\n{BEGIN}{END}upon\n");
    assert_eq!(cut(&text).1, format!("Once\n{BEGIN}{END}upon\n"));
    let after_end =
        format!("Once\nof Project Gutenberg\n*** END OF THE PROJECT GUTENBERG EBOOK\n{BEGIN}{END}");
    assert_eq!(cut(&after_end).0, []);
}

#[test]
fn title_line_and_credits_follow_small_print_in_any_order() {
    let title = "Project Gutenberg's Etext of X,\nby Y\n\n";
    let credit = "This etext was prepared by Z\n\n";
    for (after, rules) in [
        (format!("{title}{credit}"), [Rule::SmallPrint, Rule::TitleLine, Rule::Credits]),
        (format!("{credit}{title}"), [Rule::SmallPrint, Rule::Credits, Rule::TitleLine]),
    ] {
        let text = format!("{BEGIN}{END}\n{after}Once\n");
        assert_eq!(cut(&text), (rules.to_vec(), "Once\n".to_owned()));
    }
}

#[test]
fn a_header_whose_small_print_stands_at_the_end_goes_with_its_note() {
    let note = "The \"legal small print\" and other information about this book\nmay now be found at the end of \
                this file.  It tells you about\nrestrictions in how the file may be used.\n\n";
    let header = format!("The Project Gutenberg EBook of X\n\nTitle: X\n\n{note}");
    for stars in ["", "*****\n\n"] {
        let text = format!("{header}{stars}Once\n\n***\n\nupon\n{BEGIN}{END}");
        assert_eq!(cut(&text), (vec![Rule::Header], format!("Once\n\n***\n\nupon\n{BEGIN}{END}")));
    }
    for text in [
        format!("A book\n\n{note}Once\n"),
        header.replace("may be used.\n\n", "may be used\n\n"),
        header.replace("\nrestrictions", &"\nand more".repeat(NOTE_LINES_MAX)),
        format!("Project Gutenberg\n{}\n{note}Once\n", "Once upon a time\n".repeat(HEADER_BYTES_MAX / 17)),
    ] {
        assert!(cut(&text).1.contains("legal small print"), "{text}");
    }
}

#[test]
fn paragraphs_of_origin_go_with_the_credits_once_each() {
    let german = "This Etext is in German.\n\n";
    let gift =
        "Dieses Buch wurde uns freundlicherweise vom \"Gutenberg Projekt-DE\"\nzur Verfügung gestellt.\n\n";
    let credit = "Produced by Y\n\n";
    for after in [format!("{german}{gift}{credit}"), format!("{credit}{german}{gift}")] {
        let text = format!("{START}\n{after}Es war einmal\n");
        let expected = "Es war einmal\n".to_owned();
        assert_eq!(
            cut(&text),
            (vec![Rule::StartMarker, Rule::Credits, Rule::Credits, Rule::Credits], expected)
        );
    }
    assert_eq!(cut(&format!("{START}\n{gift}{gift}Once\n")).1, format!("{gift}Once\n"));
    assert_eq!(cut(&format!("{START}\nVorwort\n\n{gift}Once\n")).1, format!("Vorwort\n\n{gift}Once\n"));
    let long = gift.replace("gestellt.\n", &"gestellt\n".repeat(CREDIT_LINES_MAX));
    assert_eq!(cut(&format!("{START}\n{long}")).0, [Rule::StartMarker]);
}

#[test]
fn one_paragraph_of_credits_goes_and_no_more() {
    let text = format!("{START}\nProduced by A\n\nProduced by magic, the rabbit spoke.\n");
    assert_eq!(cut(&text).1, "Produced by magic, the rabbit spoke.\n");
    let long = format!("{START}\nProduced by A\n{}", "who sat\n".repeat(CREDIT_LINES_MAX));
    assert_eq!(cut(&long).0, [Rule::StartMarker]);
}

#[test]
fn a_text_without_boilerplate_stays_whole() {
    assert_eq!(cut("\n\nProduced by nobody\n\nOnce\n").0, []);
    assert_eq!(cut("").0, []);
}
