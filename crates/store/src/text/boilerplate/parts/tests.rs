use super::*;

const LICENCE: &str = "\nUpdated editions will replace the previous one--the old editions\nwill be renamed.\n\n\
                       subscribe to our email newsletter to hear about new eBooks.\n";

fn end(title: &str) -> String {
    format!("*** END OF THIS PROJECT GUTENBERG EBOOK {title} ***\n")
}

fn header(title: &str) -> String {
    format!(
        "The Project Gutenberg EBook of {title}, by X\n\nTitle: {title}\n\n\
         *** START OF THIS PROJECT GUTENBERG EBOOK {title} ***\n\nProduced by A. Person\n\n"
    )
}

/// Returns what is left of a text that stands in the part with this title.
fn left_of(title: &str, text: &str) -> String {
    let held = HeldText { text, ahead: 4000, is_last: true };
    let mut left = String::new();
    let mut at = 0;
    for cut in find(held, 0..text.len(), title).into_iter().flat_map(|border| border.removals) {
        left.push_str(&text[at..cut.bytes.start]);
        at = cut.bytes.end;
    }
    left + &text[at..]
}

#[test]
fn all_parts_are_kept_and_what_stands_between_goes() {
    let text = format!("One.\n\n{}{LICENCE}\n\n{}Two.\n\n{}{LICENCE}", end("A"), header("B"), end("B"));
    assert_eq!(left_of("a", &text), "One.\nTwo.\n");
    let bare = format!("One.\n\n{}{}Two.\n\n{}", end("A"), header("B"), end("B"));
    assert_eq!(left_of("a", &bare), "One.\nTwo.\n");
}

#[test]
fn what_stands_between_a_licence_and_the_next_header_stays() {
    let text = format!("One.\n\n{}{LICENCE}\nA note.\n\n{}Two.\n\n{}", end("A"), header("B"), end("B"));
    assert_eq!(left_of("a", &text), "One.\n\nA note.\n\nTwo.\n");
}

#[test]
fn a_marker_of_another_title_is_quoted_and_stays() {
    let text = format!("One.\n\n{}\nTwo, on Project Gutenberg.\n\n{}", end("ALICE"), end("A HISTORY"));
    assert_eq!(left_of("ahistory", &text), format!("One.\n\n{}\nTwo, on Project Gutenberg.\n", end("ALICE")));
}

#[test]
fn text_after_the_marker_of_its_own_title_stays_without_it() {
    let text = format!("One.\n\n{}\nAPPENDIX\n\nThe Project Gutenberg License was long.\n", end("A LIFE"));
    assert_eq!(left_of("alife", &text), "One.\n\nAPPENDIX\n\nThe Project Gutenberg License was long.\n");
}

#[test]
fn text_after_the_licence_stays() {
    let text = format!("One.\n\n{}{LICENCE}\nA postface.\n", end("A"));
    assert_eq!(left_of("a", &text), "One.\n\nA postface.\n");
}

#[test]
fn a_note_between_marker_and_licence_stays() {
    let text = format!("One.\n\n{}\nErrata: page 1\n{LICENCE}", end("A"));
    assert_eq!(left_of("a", &text), "One.\n\nErrata: page 1\n");
}

#[test]
fn a_licence_without_its_end_goes_as_far_as_it_is_shown() {
    let licence = "\nThis file should be named 1.txt\n\nthe Project Gutenberg License\n\n";
    let strange = "The river ran on.\n\n".repeat(20);
    let text = format!("One.\n\n{}{licence}{strange}", end("A"));
    assert_eq!(left_of("a", &text), format!("One.\n\n{strange}"));
}

#[test]
fn markers_in_the_middle_of_a_line_are_none() {
    let text = format!("He read {}", end("A"));
    assert_eq!(left_of("a", &text), text);
    let far = format!("{}{}", " ".repeat(INDENTATION_MAX + 1), end("A"));
    assert_eq!(left_of("a", &far), far);
}

const SMALL_PRINT: &str = "***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***\nWhy is it here?\n\n\
                           *END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n\n";

#[test]
fn headers_and_small_print_between_old_e_texts_go() {
    let header =
        "***The Project Gutenberg Etext of B, by X***\n#2 in our series by X\n\nMay, 1999  [Etext #1750]\n\n";
    let footer = "End of the Project Gutenberg Etext of A, by X\n\n";
    for small_print in [SMALL_PRINT, SMALL_PRINT.split_once("\n\n").unwrap().1] {
        let text = format!("One.\n\n{footer}{header}{small_print}Two.\n");
        assert_eq!(left_of("", &text), "One.\n\nTwo.\n");
        assert_eq!(left_of("", &format!("One.\n\n{header}{small_print}Two.\n")), "One.\n\nTwo.\n");
    }
}

#[test]
fn a_line_that_names_an_e_text_is_no_header_without_small_print_shortly_after() {
    let name = "The Project Gutenberg Etext of B was long.\n\n";
    let body = "The river ran on.\n\n".repeat(100);
    for text in [format!("One.\n\n{name}{body}"), format!("One.\n\n{name}{body}{SMALL_PRINT}Two.\n")] {
        assert_eq!(left_of("", &text), text);
    }
}

#[test]
fn a_footer_in_a_paragraph_stays_also_where_nothing_before_it_is_in_hand() {
    let footer = "End of Project Gutenberg's A\n\n";
    let rest = "x".repeat(FOOTER_BYTES_MAX - footer.len() - 1);
    let text = format!("He wrote:\n{footer}{rest}\n{}", end("A"));
    assert_eq!(left_of("a", &text), text.replace(&end("A"), ""));
}
