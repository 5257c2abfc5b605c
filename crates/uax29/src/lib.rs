//! Splits texts into the words of UAX #29, exactly and fast, and counts them.
//!
//! The words are those of `unicode_words` of the crate [`unicode_segmentation`]: the segments between the
//! word boundaries of Unicode Standard Annex #29 that contain a letter or a number. [`words()`] returns them
//! as they are; [`lowercase_words`] returns each through [`str::to_lowercase`];
//! [`WordCounts`](word_counts::WordCounts) counts them.
//!
//! ```
//! assert_eq!(uax29::words("The CAT’s 3.14"), ["The", "CAT’s", "3.14"]);
//! assert_eq!(uax29::lowercase_words("The CAT’s 3.14"), ["the", "cat’s", "3.14"]);
//!
//! let mut counts = uax29::word_counts::WordCounts::default();
//! counts.add("The cat, the dog");
//! assert_eq!(counts.sorted()[0], ("the".to_owned(), 2));
//! ```
//!
//! # Algorithm
//!
//! 1. A text is split into pieces of about 8 KiB, at line ends if there are any ([`cuts`]).
//! 2. The ASCII letters of a piece are converted to lower case. Case does not matter to boundaries.
//! 3. The bytes become bit masks, 64 bytes at a time (`bitmask`, `simd`): letters, digits, underscores,
//!    characters that join letters, characters that join digits, first bytes of non-ASCII characters.
//! 4. Each non-ASCII character is looked up in a table (`char_class`) that `build.rs` generates from
//!    `unicode-segmentation`. A letter or digit sets the bits of its bytes. A character that joins others is
//!    compared with its neighbours.
//! 5. The rules WB6, WB7, WB11 and WB12 are shifts of masks (`boundaries`). Letters, digits, underscores and
//!    the characters that join them are the words.
//! 6. A character of any other kind (a mark, an ideograph, Hebrew, Katakana, ½, every character of four
//!    bytes) sends its whole line to `unicode_words`.
//! 7. A word begins or ends at each bit that differs from the one before it. Words of up to 12 bytes are
//!    counted by value, in slots of 16 bytes ([`token_counts`]).
//!
//! # Modules, in reading order
//!
//! * `words`: the functions above, and [`TokenSink`] for callers that must not allocate a string for each
//!   word;
//! * [`cuts`]: the places at which a text may be cut, with the proof; [`windows`]: reads a text up to such
//!   places;
//! * `boundaries`, `bitmask`, `char_class`: the scanner;
//! * `simd`: the only unsafe code, with its proof; its safe twin is in `bitmask`, and tests compare them;
//!   `classifier`: selects one of them;
//! * [`token_counts`]: the hash table that counts tokens; [`word_counts`]: the counts of words.

mod bitmask;
mod boundaries;
mod char_class;
mod classifier;
pub mod cuts;
mod simd;
pub mod token_counts;
pub mod windows;
pub mod word_counts;
mod words;

pub use unicode_segmentation::UNICODE_VERSION;

#[cfg(feature = "bench")]
pub use classifier::Implementation;
pub use words::{TokenSink, for_each_lowercase_word, for_each_word, lowercase_words, words};
