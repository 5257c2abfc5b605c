//! Measures whether the characters beyond ASCII stand where such characters belong. A text that is read in a
//! wrong encoding has signs in the middle of words, capitals after small letters, and letters of several
//! scripts in one word.

use std::iter::once;

/// Returns the share of the characters beyond ASCII that stand where none should, or 0 if there are none.
pub(super) fn implausible_share(text: &str) -> f64 {
    let (mut implausible, mut all) = (0_u32, 0_u32);
    let (mut before, mut character) = (' ', ' ');
    // The space at the end lets the last character have a follower.
    for after in text.chars().chain(once(' ')) {
        if !character.is_ascii() {
            all += 1;
            implausible += u32::from(is_implausible(before, character, after));
        }
        (before, character) = (character, after);
    }
    f64::from(implausible) / f64::from(all.max(1))
}

/// Returns whether a character beyond ASCII is implausible between these two characters.
fn is_implausible(before: char, character: char, after: char) -> bool {
    if character.is_alphabetic() {
        let is_capital_within = character.is_uppercase() && before.is_lowercase();
        let is_small_before_capital =
            character.is_lowercase() && after.is_uppercase() && before.is_lowercase();
        return is_capital_within
            || is_small_before_capital
            || mixes(before, character)
            || mixes(character, after);
    }
    before.is_alphabetic() && after.is_alphabetic() && !stands_within_words(character)
}

/// Returns whether the two are letters of scripts that do not occur in one word.
fn mixes(one: char, other: char) -> bool {
    matches!((script(one), script(other)), (Some(one), Some(other)) if one != other)
}

#[derive(PartialEq, Eq)]
enum Script {
    Latin,
    Greek,
    Cyrillic,
    Hebrew,
    Arabic,
}

/// Returns the script of a letter, if it is one of the scripts that separate words by spaces.
fn script(letter: char) -> Option<Script> {
    match letter {
        // The signs × and ÷ stand among the letters of Latin 1.
        'a'..='z' | 'A'..='Z' | '\u{C0}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}' if letter.is_alphabetic() => {
            Some(Script::Latin)
        }
        '\u{370}'..='\u{3FF}' | '\u{1F00}'..='\u{1FFF}' => Some(Script::Greek),
        '\u{400}'..='\u{52F}' => Some(Script::Cyrillic),
        '\u{5D0}'..='\u{5EA}' => Some(Script::Hebrew),
        '\u{620}'..='\u{64A}' | '\u{FE70}'..='\u{FEFC}' => Some(Script::Arabic),
        _ => None,
    }
}

/// Returns whether this mark may stand between letters.
fn stands_within_words(mark: char) -> bool {
    matches!(
        mark,
        // These join parts of words, are marks of letters, or belong to scripts without spaces between words.
        '’' | '‘' | '´' | '·' | '…' | '\u{AD}' | '\u{A0}' | '\u{2010}'..='\u{2015}' | '\u{2022}' | '\u{2500}' | '\u{200C}' | '\u{200D}' | '\u{300}'..='\u{36F}'
            | '\u{591}'..='\u{5F4}' | '\u{610}'..='\u{65F}' | '\u{E00}'..='\u{E7F}' | '\u{2E80}'..='\u{FFEF}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_texts_are_plausible() {
        for text in [
            "Žluťoučký kůň, l’été où ÉTÉ",
            "Мой дядя",
            "Ένα πρωί",
            "吾輩は猫である。名前は",
            "col·legi — naïve",
            "",
        ] {
            assert_eq!(implausible_share(text), 0.0, "{text}");
        }
    }

    #[test]
    fn texts_in_a_wrong_encoding_are_implausible() {
        for text in ["M\u{201E}dchen und B\u{201E}ume", "cafÈ, dÈj‡", "M³ller, Stra¯e", "cafΘ", "Мøй дядя"]
        {
            assert!(implausible_share(text) > 0.3, "{text}: {}", implausible_share(text));
        }
    }
}
