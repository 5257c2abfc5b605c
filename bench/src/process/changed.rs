//! A corpus with more words than it has: copies of its texts in which every fifth longer word, another fifth
//! in each copy, has another letter.
//!
//! So the vocabulary grows with the corpus, about as that of real books does: 135 of them have 87,000
//! different words, thirty times as many have 610,000.

use crate::fetch::text::scrambled;

/// Shorter words stay as they are.
const CHANGED_BYTES_MIN: usize = 5;
/// One in so many.
const CHANGED: u64 = 5;

/// Changes the text for this copy; the first, 0, stays as it is. Lengths stay, and what is UTF-8 stays so.
pub fn change(text: &mut [u8], copy: u64) {
    if copy == 0 {
        return;
    }
    for word in text.split_mut(|byte| !byte.is_ascii_lowercase()) {
        if word.len() >= CHANGED_BYTES_MIN && hash(word, copy).is_multiple_of(CHANGED) {
            word[1] = b'a' + (word[1] - b'a' + shift(copy)) % 26;
        }
    }
}

fn hash(word: &[u8], copy: u64) -> u64 {
    scrambled(word.iter().fold(copy, |hash, byte| scrambled(hash ^ u64::from(*byte))))
}

/// From 1 to 25: another letter, always.
fn shift(copy: u64) -> u8 {
    u8::try_from(1 + copy % 25).expect("it is at most 25")
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::process::novel::novel;

    fn copy(text: &str, copy: u64) -> String {
        let mut bytes = text.as_bytes().to_vec();
        change(&mut bytes, copy);
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn copies_have_the_length_of_the_text_and_words_of_their_own() {
        let text = novel(7, 200_000);
        assert_eq!(copy(&text, 0), text);
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<HashSet<String>>();
        let mut all = words(&text);
        for n in 1..=10 {
            let (changed, before) = (copy(&text, n), all.len());
            assert_eq!((changed.len(), copy(&text, n)), (text.len(), changed.clone()));
            all.extend(words(&changed));
            assert!(all.len() > before + before / 50, "copy {n} has {} words more", all.len() - before);
        }
    }

    #[test]
    fn a_word_is_changed_in_the_same_way_wherever_it_stands() {
        let changed = copy(&"whatever remains\n".repeat(50), 3);
        assert!(changed.lines().all(|line| Some(line) == changed.lines().next()), "{changed}");
    }
}
