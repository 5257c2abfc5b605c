//! How many sentences a piece of text has: those of UAX #29 §5.1 that contain a letter or number.
//!
//! Equal to `unicode_sentences().count()` of the crate `unicode-segmentation` for every text. Texts of common
//! characters are counted here, in one pass; a text with any other goes to the crate.

use unicode_segmentation::UnicodeSegmentation;

/// The values of Sentence_Break that common characters have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    Upper,
    Lower,
    Numeric,
    ATerm,
    STerm,
    Close,
    SContinue,
    Sp,
    ParaSep,
    Other,
}

/// The class of a common character.
fn class(c: char) -> Option<Class> {
    Some(match c {
        'a'..='z' => Class::Lower,
        'A'..='Z' => Class::Upper,
        ' ' | '\t' | '\u{b}' | '\u{c}' => Class::Sp,
        '0'..='9' => Class::Numeric,
        '.' => Class::ATerm,
        '!' | '?' => Class::STerm,
        '"' | '\'' | '(' | ')' | '[' | ']' | '{' | '}' | '‘' | '’' | '“' | '”' => Class::Close,
        ',' | '-' | ':' | ';' | '–' | '—' => Class::SContinue,
        '\r' => Class::ParaSep,
        // Its rule SB3 needs what follows a CR. Line feeds do not get here.
        '\n' => return None,
        '\0'..='\u{7f}' => Class::Other,
        'à'..='ö' | 'ø'..='ÿ' | 'ß' => Class::Lower,
        'À'..='Ö' | 'Ø'..='Þ' => Class::Upper,
        _ => return None,
    })
}

/// The sentences of a text.
pub(crate) fn count(text: &str) -> u64 {
    let is_common = text.is_ascii() && !text.contains('\n') || text.chars().all(|c| class(c).is_some());
    if is_common { count_common(text) } else { text.unicode_sentences().count() as u64 }
}

/// The sentences of a text of common characters. Only ends need a closer look, and they are ASCII.
fn count_common(text: &str) -> u64 {
    let (mut sentences, mut from, mut at) = (0, 0, 0);
    while let Some(skipped) = text.as_bytes()[at..].iter().position(|byte| END[usize::from(*byte)]) {
        at += skipped + 1;
        if let Some(end) = end_after(text, at) {
            sentences += u64::from(is_spoken(&text[from..end]));
            (from, at) = (end, end);
        }
    }
    sentences + u64::from(is_spoken(&text[from..]))
}

/// The bytes after which a sentence may end.
const END: [bool; 256] = {
    let mut end = [false; 256];
    end[b'.' as usize] = true;
    end[b'!' as usize] = true;
    end[b'?' as usize] = true;
    end[b'\r' as usize] = true;
    end
};

fn is_spoken(sentence: &str) -> bool {
    sentence.chars().any(|c| matches!(class(c), Some(Class::Upper | Class::Lower | Class::Numeric)))
}

/// Where the sentence ends that the character before `at` may end; none where it does not: SB4 and SB6 to SB11.
fn end_after(text: &str, at: usize) -> Option<usize> {
    let (before, after) = text.split_at(at);
    let mut before = before.chars().rev().map_while(class);
    let (end, last) = (before.next()?, before.next());
    let is_full_stop = match end {
        Class::ParaSep => return Some(at),
        Class::ATerm => true,
        _ => false,
    };
    match after.chars().next().and_then(class)? {
        Class::Numeric if is_full_stop => return None,
        Class::Upper if is_full_stop && matches!(last, Some(Class::Upper | Class::Lower)) => return None,
        _ => {}
    }
    let is = |class_of: Class| move |c: char| class(c) == Some(class_of);
    let rest = after.trim_start_matches(is(Class::Close)).trim_start_matches(is(Class::Sp));
    let end = text.len() - rest.len();
    match rest.chars().next().and_then(class)? {
        Class::ParaSep => Some(end + 1),
        Class::SContinue | Class::ATerm | Class::STerm => None,
        _ if is_full_stop && goes_on(rest) => None,
        _ => Some(end),
    }
}

/// SB8: whether the next letter or end is a small letter. Looks no further than the next terminator, so all looks
/// together are linear.
fn goes_on(text: &str) -> bool {
    let decides = |class: &Class| match class {
        Class::Upper | Class::Lower | Class::ParaSep | Class::ATerm | Class::STerm => true,
        Class::Numeric | Class::Close | Class::SContinue | Class::Sp | Class::Other => false,
    };
    text.chars().map_while(class).find(decides) == Some(Class::Lower)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expected(text: &str) -> u64 {
        text.unicode_sentences().count() as u64
    }

    #[test]
    fn sentences_are_counted_as_readers_do() {
        for (text, n) in [
            ("", 0),
            ("...", 0),
            ("No end", 1),
            ("One. Two! Three?", 3),
            ("“Stop!” he said. He did.", 3),
            ("It cost 3.14 in the U.S. and e.g. here.", 1),
            ("Chapter 1. Loomings. 2. Etc.", 4),
        ] {
            assert_eq!((count(text), expected(text)), (n, n), "{text:?}");
        }
    }

    #[test]
    fn a_text_with_a_line_feed_is_counted_as_by_the_definition() {
        assert_eq!((count("one\ntwo"), expected("one\ntwo")), (2, 2));
    }

    #[test]
    fn the_class_of_every_common_character_is_right() {
        let frames = [
            "a.#b", "a.# B", "a. #B", "a. # b", "A#B c", "1#1. B", "a#B", "a# b", "a# B", "#", "a.)#)B",
            "a.) # B", "a!# b", "a? #b", ".#", "# .A", "a.#", "a. 1#a B", "a#. B",
        ];
        for c in ('\0'..='\u{ffff}').filter(|c| class(*c).is_some()) {
            for frame in frames {
                let text = frame.replace('#', &c.to_string());
                assert_eq!(count(&text), expected(&text), "{text:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_count_is_that_of_the_definition(text in "[aBé1.!?\"”),: \t\r\n\u{0}—]{0,40}|[ -~]{0,60}") {
            prop_assert_eq!(count(&text), expected(&text));
        }
    }
}
