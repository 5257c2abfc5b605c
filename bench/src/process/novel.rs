//! Texts whose words are spread like those of books, for a machine that has no books.
//!
//! The speed of counting depends on how many words there are, how long they are and how often each occurs. So
//! words are drawn as books draw them: the n-th of the 6,000 most frequent is n times as rare as the first
//! (Zipf's law), and the rare ones beyond them are without end, so that a million words of text have about
//! 28,000 different ones and ten million three times as many. The frequent ones are English, the others are
//! made of syllables, the longer the rarer, some with an accent. They stand in sentences with capitals,
//! quotation marks, apostrophes, dashes and numbers, in lines of about 72 characters. No generator is a book:
//! publish figures of real texts.

use crate::fetch::text::{WORDS, scrambled};

/// Words that follow Zipf's law.
const FREQUENT: f64 = 6_000.0;
/// One in so many words is a rarer one.
const RARE: u64 = 17;
const LINE_BYTES: usize = 72;
const CONSONANTS: [&str; 15] = ["b", "c", "d", "f", "g", "h", "l", "m", "n", "p", "r", "s", "t", "v", "th"];
const VOWELS: [&str; 6] = ["a", "e", "i", "o", "u", "ea"];
/// One in so many of the rarer words has an accent.
const ACCENT: u64 = 40;
/// Lines of a paragraph.
const PARAGRAPH_LINES: usize = 9;

/// A text of at least so many bytes, up to the end of a line. The same seed gives the same text.
#[must_use]
pub fn novel(seed: u64, bytes: usize) -> String {
    let frequent: Vec<&str> = WORDS.split_whitespace().collect();
    let mut text = String::with_capacity(bytes + 2 * LINE_BYTES);
    let (mut state, mut line, mut lines, mut left) = (scrambled(seed), 0, 0, 0);
    while text.len() < bytes || line > 0 {
        state = scrambled(state);
        let begins = left == 0;
        if begins {
            left = 6 + state % 24;
        }
        left -= 1;
        let from = text.len();
        push_word(&mut text, &frequent, scrambled(state ^ 1), begins);
        text.push_str(ending(scrambled(state ^ 2), left == 0));
        line += text.len() - from + 1;
        if line < LINE_BYTES {
            text.push(' ');
            continue;
        }
        line = 0;
        lines += 1;
        text.push_str(if lines % PARAGRAPH_LINES == 0 { "\n\n" } else { "\n" });
    }
    text
}

fn push_word(text: &mut String, frequent: &[&str], random: u64, begins: bool) {
    if random.is_multiple_of(300) {
        text.push_str(&(1500 + random / 300 % 500).to_string());
        return;
    }
    let word = word(frequent, rank(random));
    let quoted = begins && random.is_multiple_of(5);
    if quoted {
        text.push('“');
    }
    if begins {
        text.push_str(&word[..1].to_ascii_uppercase());
        text.push_str(&word[1..]);
    } else {
        text.push_str(&word);
    }
    if random.is_multiple_of(67) {
        text.push_str("’s");
    }
}

/// The rest of a line after a word.
const fn ending(random: u64, last: bool) -> &'static str {
    match (last, random % 20) {
        (true, 0 | 1) => "!",
        (true, 2) => "?",
        (true, 3 | 4) => ".”",
        (true, _) => ".",
        (false, 0 | 1) => ",",
        (false, 2) => ";",
        (false, 3) => "—and",
        (false, _) => "",
    }
}

/// From 0. Among the frequent words the logarithm of the rank is evenly spread; of the rare ones, half of
/// those beyond any rank are beyond twice that rank.
fn rank(random: u64) -> u64 {
    let even = (random >> 11) as f64 / (1_u64 << 53) as f64;
    if random.is_multiple_of(RARE) {
        (FREQUENT / (1.0 - even)) as u64
    } else {
        FREQUENT.powf(even) as u64 - 1
    }
}

/// The word of a rank; starts with an ASCII letter.
fn word(frequent: &[&str], rank: u64) -> String {
    if let Some(word) = usize::try_from(rank).ok().and_then(|rank| frequent.get(rank)) {
        return (*word).to_owned();
    }
    let mut word = String::new();
    let mut left = rank;
    while left > 0 || word.is_empty() {
        let (consonant, vowel) = (left % CONSONANTS.len() as u64, left / CONSONANTS.len() as u64 % 6);
        word.push_str(CONSONANTS[consonant as usize]);
        word.push_str(VOWELS[vowel as usize]);
        left /= (CONSONANTS.len() * VOWELS.len()) as u64;
    }
    word.push_str(if rank.is_multiple_of(ACCENT) { "é" } else { ["n", "r", "st", ""][rank as usize % 4] });
    word
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn a_novel_is_the_same_for_the_same_seed_and_ends_with_a_line() {
        assert_eq!(novel(7, 50_000), novel(7, 50_000));
        assert_ne!(novel(7, 50_000), novel(8, 50_000));
        for bytes in [1, 4096, 50_000] {
            let text = novel(7, bytes);
            assert!((bytes..bytes + 200).contains(&text.len()) && text.ends_with('\n'), "{}", text.len());
            assert!(text.lines().all(|line| line.len() < 120), "{text}");
        }
    }

    #[test]
    fn its_words_are_spread_like_those_of_books() {
        let text = novel(7, 1 << 20);
        let mut counts = HashMap::new();
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            *counts.entry(word.to_lowercase()).or_insert(0_u32) += 1;
        }
        let words: u32 = counts.values().sum();
        let share = |n: usize, of: usize| n as f64 / of as f64;
        let once = counts.values().filter(|count| **count == 1).count();
        assert!((10_000..20_000).contains(&counts.len()), "{} words", counts.len());
        assert!((0.3..0.7).contains(&share(once, counts.len())), "{once} of {}", counts.len());
        assert!((0.03..0.12).contains(&share(counts["the"] as usize, words as usize)), "{}", counts["the"]);
        let beyond = share(text.len() - text.chars().count(), text.len());
        assert!((0.001..0.03).contains(&beyond), "{beyond} of the bytes are beyond ASCII");
        let mean = share(text.len(), words as usize);
        assert!((5.0..7.0).contains(&mean), "{mean} bytes a word");
    }

    #[test]
    fn words_of_different_ranks_differ_but_for_few() {
        let frequent: Vec<&str> = WORDS.split_whitespace().collect();
        let words: HashSet<String> = (0..100_000).map(|rank| word(&frequent, rank)).collect();
        assert!(words.len() > 90_000, "{}", words.len());
    }
}
