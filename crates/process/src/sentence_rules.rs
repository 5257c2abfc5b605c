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
    match text.chars().map(class).collect::<Option<Vec<_>>>() {
        Some(classes) => count_classes(&classes),
        None => text.unicode_sentences().count() as u64,
    }
}

fn count_classes(classes: &[Class]) -> u64 {
    let (mut sentences, mut spoken, mut at) = (0, false, 0);
    while let Some(class) = classes.get(at) {
        let ended = match class {
            Class::Upper | Class::Lower | Class::Numeric => {
                spoken = true;
                None
            }
            Class::ParaSep => Some(at + 1),
            Class::ATerm | Class::STerm => end_after(classes, at),
            Class::Close | Class::SContinue | Class::Sp | Class::Other => None,
        };
        if ended.is_some() {
            sentences += u64::from(spoken);
            spoken = false;
        }
        at = ended.unwrap_or(at + 1);
    }
    sentences + u64::from(spoken)
}

/// Where the sentence ends that the terminator at `at` may end; none where it does not: SB6 to SB11.
fn end_after(classes: &[Class], at: usize) -> Option<usize> {
    let is_full_stop = classes[at] == Class::ATerm;
    let before = at.checked_sub(1).map(|at| classes[at]);
    match classes.get(at + 1) {
        Some(Class::Numeric) if is_full_stop => return None,
        Some(Class::Upper) if is_full_stop && matches!(before, Some(Class::Upper | Class::Lower)) => {
            return None;
        }
        _ => {}
    }
    let closed = skip(classes, at + 1, Class::Close);
    let end = skip(classes, closed, Class::Sp);
    match classes.get(end)? {
        Class::ParaSep => Some(end + 1),
        Class::SContinue | Class::ATerm | Class::STerm => None,
        _ if is_full_stop && goes_on(&classes[end..]) => None,
        _ => Some(end),
    }
}

fn skip(classes: &[Class], from: usize, class: Class) -> usize {
    from + classes[from..].iter().take_while(|other| **other == class).count()
}

/// SB8: whether the next letter or end is a small letter. Looks no further than the next terminator, so all looks
/// together are linear.
fn goes_on(classes: &[Class]) -> bool {
    let decides = |class: &&Class| match class {
        Class::Upper | Class::Lower | Class::ParaSep | Class::ATerm | Class::STerm => true,
        Class::Numeric | Class::Close | Class::SContinue | Class::Sp | Class::Other => false,
    };
    classes.iter().find(decides) == Some(&Class::Lower)
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
        fn the_count_is_that_of_the_definition(text in "[aBé1.!?\"”),: \t\r\u{0}—]{0,40}|[ -~]{0,60}") {
            prop_assert_eq!(count(&text), expected(&text));
        }
    }
}
