use super::*;

fn all(expected: bool, paragraphs: &[&str]) {
    for paragraph in paragraphs {
        assert_eq!(is_credit(paragraph.lines()), expected, "{paragraph:?}");
    }
}

#[test]
fn every_form_of_credit_is_one() {
    all(
        true,
        &[
            "Produced by Judy Boss",
            " Produced by David Reed; HTML file by David Widger",
            "Produced by: A. Person; B. Person",
            "PRODUCED BY: A. Person",
            "Produced by An Anonymous Volunteer",
            "Produced by the Springfield Texts Project (STP)",
            "Produced by The United States Members of the Springfield E-Group",
            "Produced by A. Person & B. Other at Free Literature\n(Images made available by the library.)",
            "Produced from images generously made available by the Internet Archive",
            "Produced by A. Person and the Online\nDistributed Proofreading Team at http://www.pgdp.net (This\nfile was produced \
             from images generously made available\nby The Internet Archive)",
            "Transcribed from the 1909 Arthur L. Humphreys edition by David Price,\nemail x@example.org",
            "Transcribed by David Price, email x@example.org from",
            "E-text prepared by James Rusk",
            "Scanned and proofed by David Price",
            "Scanned by Charles Keller for Tina with\nOmniPage Professional OCR software",
            "Scanned, typed and proofed by A. Person",
            "Text file produced by Tokuya Matsumoto",
            "This eBook was produced by Eaon Walkker.",
            "This etext was prepared by Sandra Stewart",
            "This etext was created by Judith Boss, Omaha, Nebraska.",
            "This etext was scanned by JCB",
            "This Project Gutenberg Etext was prepared by X",
            "This e-text was produced for Project Gutenberg from Project Runeberg's",
            "Etext scanned by A. Person of Springfield.",
            "[Etext prepared by A. Person, Springfield, person@example.com]",
            "HTML version by Al Haines.",
            "Proofreading by A. Person",
            "Transcriber: A. Person",
            "Geproduceerd door X Y",
            "Producido por X Y",
        ],
    );
}

#[test]
fn a_team_without_a_verb_and_thanks_for_an_e_text_are_credits() {
    all(
        true,
        &[
            "A. Person and the Online Distributed Proofreading Team\nat http://www.pgdp.net",
            "A. Person, B. Other and PG Distributed Proofreaders",
            "A. Person, B. Person, and Distributed Proofreaders",
            "A. Person and the Distributed Proofreading Team",
            "PRODUCED BY A. PERSON AND THE ONLINE DISTRIBUTED PROOFREADING TEAM",
            "Produced by A. Person, asylum-seeker, nodots and the Online Distributed\nProofreading Team",
            "Thanks also to A. Person for the etext.",
            "I would like to thank A. Person for typing this etext.",
            "Special thanks are due to A. Person for extensive proofreading and correction\nof this etext.",
            "Many thanks to A. Person for scanning this e-text.",
        ],
    );
    all(
        false,
        &[
            "Special thanks are due to my mother, who taught me to read.",
            "Thanks to the rain, the river rose and took the mill away.",
            "Once more he told them how the Online Distributed Proofreading Team was founded, and why it has grown since.",
        ],
    );
}

#[test]
fn prose_that_opens_like_a_credit_is_none() {
    all(
        false,
        &[
            "Produced by the gods of the valley, the stone lay for an age in the river.\nNo man could lift it.",
            "PRODUCED BY THE GODS OF THE VALLEY, THE STONE LAY FOR AN AGE",
            "Produced by magic, the rabbit spoke.",
            "Prepared by years of toil, he met the day with a smile and a song.",
            "Prepared by Mrs. Jones and her sister, the supper was cold.",
            "Scanned by the eyes of a hundred men, she walked on.",
            "Transcribed by hand in the cold of winter, the book took nine years.",
            "This book was produced for the use of the public and is from the library.",
            "Produced",
            "This etext was a surprise",
            "He was produced by",
            "PRODUCE by x",
            "Het werd geproduceerd door X",
            "Producidos por el sol",
            "Produced b\u{00fd}",
            "",
        ],
    );
}

#[test]
fn lines_of_a_title_page_are_no_credits() {
    all(
        false,
        &[
            "Edited by John Smith",
            "Translated from the German by John Smith",
            "Compiled by ByteOrder of the King",
            "This edition was prepared by Dr. Smith from the original letters.",
            "Transcriber's Note: Obvious errors have been corrected.",
        ],
    );
}

#[test]
fn brackets_and_tags_around_a_credit_do_not_hide_it() {
    for (before, after) in [("<i>", "</i>"), ("{", "}"), ("_", "_"), ("[*", "*]"), ("(", ")")] {
        all(true, &[&format!("{before}Produced by A. Person{after}")]);
    }
}

#[test]
fn other_deeds_are_credits_of_files_and_of_people_with_addresses() {
    all(
        true,
        &[
            "This file was prepared by A. Person.",
            "Created by A. Person, person@example.org",
            "This text was prepared by A. Person (person@example.org)",
            "Post-processing by A. Person",
            "The following etext was prepared by A. Person",
        ],
    );
    all(false, &["Created by A. Person, Duke of York", "The file was made for Mary"]);
}

#[test]
fn title_pages_of_plays_and_letters_are_no_credits() {
    all(
        false,
        &[
            "Produced at the Theatre Royal, Drury Lane, London, on May 1, 1890.",
            "Produced by Mr. A. Person at the Lyceum Theatre, London, January 1, 1890.",
            "Prepared by the Author for the Club",
            "Prepared for the Press by A. Person",
            "Transcribed from the Original Manuscripts in the British Museum by Sir A. Person",
            "Special thanks to Mary Jones for a democratic vote in the Society.",
            "Thanks to Mary Jones, who distributed the books to the readers.",
        ],
    );
    all(true, &["Transcribed by the A. Person Digital Library as an etext of a play by B. Other."]);
}

#[test]
fn the_lists_of_words_are_sorted_and_have_each_word_once() {
    for list in [THINGS, ELECTRONIC, DEEDS, OTHER_DEEDS, BY, WORDS, OF_PRINT] {
        assert!(list.split_ascii_whitespace().is_sorted_by(|one, other| one < other), "{list}");
    }
}
