//! The words of any text are those of UAX #29, lower-cased: the short way against the definition, and the
//! counts against the words.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use uax29::word_counts::WordCounts;
use unicode_segmentation::UnicodeSegmentation;

fuzz_target!(|text: &str| {
    let defined: Vec<String> = text.unicode_words().map(str::to_lowercase).collect();
    assert_eq!(uax29::lowercase_words(text), defined);

    let mut counts = WordCounts::default();
    counts.add(text);
    let mut expected: BTreeMap<String, u64> = BTreeMap::new();
    for word in defined {
        *expected.entry(word).or_insert(0) += 1;
    }
    let counted: BTreeMap<String, u64> = counts.sorted().into_iter().collect();
    assert_eq!(counted, expected);
});
