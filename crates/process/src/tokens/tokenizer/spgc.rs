//! Tokens nearly as in the Standardized Project Gutenberg Corpus (Gerlach and Font-Clos, Entropy 22, 126,
//! 2020).
//!
//! For that corpus, Punkt splits a text into sentences, the Treebank rules of NLTK split each sentence into
//! tokens, and the tokens that consist of letters only are kept. The same follows here word by word:
//!
//! * punctuation around words is removed. It splits words as in the Treebank rules: `,` and `:` except before
//!   a digit, `;`, `@`, `#`, `$`, `%`, `&`, `?`, `!`, brackets, double quotation marks, `--` and `...`;
//! * `'s`, `'m`, `'d`, `'ll`, `'re`, `'ve` and `n't` are split off and dropped, because they are not letters
//!   only. Words with a hyphen, digit, underscore, apostrophe or typographic mark are dropped, too;
//! * `cannot`, `gimme`, `gonna`, `gotta`, `lemme`, `wanna`, `'tis` and `'twas` become two words.
//!
//! **Difference:** a full stop is removed and its word is kept only at the end of a sentence. Punkt finds
//! that end with a trained model. Here a sentence ends at a full stop if no word follows in its line, or one
//! that does not begin in lower case, unless the word before is a single letter or an abbreviation of
//! [`ABBREVIATIONS`].

/// The words whose full stop does not end a sentence, in lower case.
const ABBREVIATIONS: &[&str] = &[
    "mr", "mrs", "ms", "dr", "st", "prof", "rev", "hon", "capt", "col", "gen", "lieut", "lt", "sergt",
    "messrs", "esq", "jr", "sr", "vol", "vols", "no", "nos", "p", "pp", "ch", "chap", "fig", "figs", "cf",
    "viz", "vs", "etc", "ed", "e.g", "i.e", "a.m", "p.m",
];

/// The characters that split words in any place.
const SPLITS: &[char] =
    &[';', '@', '#', '$', '%', '&', '?', '!', '[', ']', '(', ')', '{', '}', '<', '>', '"'];

/// The words that become two, with the length of the first.
const TWO_WORDS: &[(&str, usize)] = &[
    ("cannot", 3),
    ("gimme", 3),
    ("gonna", 3),
    ("gotta", 3),
    ("lemme", 3),
    ("wanna", 3),
    ("'tis", 2),
    ("'twas", 2),
];

/// The endings that are split off a word, in lower case.
const ENDINGS: &[&str] = &["'s", "'m", "'d", "'ll", "'re", "'ve", "n't"];

/// Calls `word` with the words of a line, in order.
pub(crate) fn words(line: &str, mut word: impl FnMut(&str)) {
    let mut fields = line.split_whitespace().peekable();
    while let Some(field) = fields.next() {
        // A quotation mark or bracket before the next word does not decide about its case.
        let next = fields.peek().and_then(|next| next.chars().find(|c| c.is_alphanumeric()));
        let may_end = next.is_none_or(|next| !next.is_lowercase());
        for part in parts(field) {
            words_of(part, may_end, &mut word);
        }
    }
}

/// Splits a field into the parts between the punctuation that splits words.
fn parts(field: &str) -> impl Iterator<Item = &str> {
    let pieces = field.split(SPLITS).flat_map(|piece| piece.split("--")).flat_map(|piece| piece.split("..."));
    pieces.flat_map(|piece| {
        let mut from = 0;
        let cuts = piece
            .match_indices([',', ':'])
            .filter(|(at, _)| !piece[at + 1..].starts_with(|next: char| next.is_ascii_digit()));
        let mut parts: Vec<&str> = Vec::new();
        for (at, _) in cuts {
            parts.push(&piece[from..at]);
            from = at + 1;
        }
        parts.push(&piece[from..]);
        parts
    })
}

/// Calls `word` with the words of a part. `may_end` is true if a full stop at its end may end a sentence.
fn words_of(part: &str, may_end: bool, word: &mut impl FnMut(&str)) {
    let ended = match part.strip_suffix('.') {
        Some(before) if may_end && !is_abbreviation(before) => before,
        _ => part,
    };
    let bare = ended.trim_matches('\'');
    let two = TWO_WORDS.iter().find(|(known, _)| {
        known.eq_ignore_ascii_case(bare)
            || known
                .strip_prefix('\'')
                .is_some_and(|known| ended.starts_with('\'') && known.eq_ignore_ascii_case(bare))
    });
    if let Some((known, first)) = two {
        // `bare` has lost the apostrophe of `'tis`.
        let first = first - usize::from(known.starts_with('\''));
        let (first, second) = bare.split_at(first);
        [first, second].into_iter().for_each(word);
        return;
    }
    let base = ENDINGS.iter().find_map(|ending| {
        let at = ended.len().checked_sub(ending.len())?;
        let found = ended.get(at..)?;
        found.eq_ignore_ascii_case(ending).then(|| &ended[..at])
    });
    // An apostrophe at the end is a token of its own; one at the beginning belongs to the word, which is not
    // kept.
    let base = base.unwrap_or_else(|| ended.strip_suffix('\'').unwrap_or(ended));
    if !base.is_empty() && base.chars().all(char::is_alphabetic) {
        word(base);
    }
}

fn is_abbreviation(word: &str) -> bool {
    let mut letters = word.chars();
    let is_letter = letters.next().is_some_and(char::is_alphabetic) && letters.next().is_none();
    is_letter || ABBREVIATIONS.iter().any(|known| known.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Vec<String> {
        let mut found = Vec::new();
        words(line, |word| found.push(word.to_lowercase()));
        found
    }

    #[test]
    fn words_are_those_of_the_treebank_rules_that_are_letters_alone() {
        for (line, expected) in [
            ("Call me Ishmael. Some years ago--never mind", "call me ishmael some years ago never mind"),
            ("I don't know, can't you? It's John's.", "i do know ca you it john"),
            ("well-known 1,000 men; 3.14 and _so_ on", "men and on"),
            ("Mr. Smith met J. Doe.", "smith met doe"),
            ("etc. and so on.", "and so on"),
            ("\"Stop!\" (he said) ... we cannot", "stop he said we can not"),
            ("'Tis the boys' hat, he'll", "t is the boys hat he"),
            ("l’été “Oui”", ""),
            ("the end.", "the end"),
            ("a Dr. who", "a who"),
        ] {
            assert_eq!(found(line).join(" "), expected, "{line}");
        }
    }
}
