//! Generates the table of character classes, `classes.bin`.
//!
//! The class of a character follows from how `unicode-segmentation` splits short texts with it. So the bit
//! scanner and the library always follow the same version of Unicode.

use std::{env, fs, path::PathBuf};

use unicode_segmentation::UnicodeSegmentation;

/// The numbers of the classes, as in `src/char_class.rs`.
const OTHER: u8 = 0;
const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const MID_LETTER: u8 = 3;
const MID_NUMBER: u8 = 4;
const MID_BOTH: u8 = 5;
const RARE: u8 = 6;
/// Added if the lower case of the character is another character.
const CASED: u8 = 8;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let classes: Vec<u8> = (0..=0xFFFF).map(|point| char::from_u32(point).map_or(RARE, class)).collect();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR for build scripts"));
    fs::write(out.join("classes.bin"), classes).expect("cargo's output directory is writable");
}

fn class(c: char) -> u8 {
    let cased = if c.to_lowercase().eq([c]) { 0 } else { CASED };
    common_class(c).map_or(RARE, |class| class | cased)
}

/// Returns the class of a character, or `None` if it has a rule of its own or does not behave as its whole
/// class does.
fn common_class(c: char) -> Option<u8> {
    let is_word = c.is_alphanumeric();
    let found = if all_joined(c, ["ac", "ca", "0c", "c0", "_c", "c_", "cc", "a:c", "c.a", "c'c"]) {
        LETTER
    } else if all_joined(c, ["ac", "ca", "0c", "c0", "_c", "c_", "cc", "0,c", "c.0", "c'c", "c;c"]) {
        DIGIT
    } else if all_joined(c, ["aca", "0c0"]) {
        MID_BOTH
    } else if all_joined(c, ["aca"]) {
        MID_LETTER
    } else if all_joined(c, ["0c0"]) {
        MID_NUMBER
    } else {
        OTHER
    };
    // The scanner has no rule for these shapes, so a character that is joined in one of them is not of the
    // class.
    let apart: &[&str] = match found {
        LETTER => &["0,c", "c,0", "c,c", "アc", "cア", "c\"c", "c'", " c", "c "],
        DIGIT => &["a:c", "c:a", "c:c", "アc", "cア", "c\"c", "c'", " c", "c "],
        MID_BOTH => &[],
        MID_LETTER => &["0c0"],
        MID_NUMBER => &["aca"],
        _ => &["aca", "0c0", "_c_", "אcא", "アcア"],
    };
    let edges: &[&str] = match found {
        LETTER | DIGIT => &[],
        _ => &["ac", "ca", "0c", "c0", "_c", "c_", "אc", "cא", "アc", "cア", "a c", "ac ", "acc", "cca"],
    };
    let is_apart =
        apart.iter().all(|shape| !is_joined(c, shape)) && edges.iter().all(|shape| is_alone(c, shape));
    (is_apart && is_word == matches!(found, LETTER | DIGIT)).then_some(found)
}

fn all_joined<const N: usize>(c: char, shapes: [&str; N]) -> bool {
    shapes.iter().all(|shape| is_joined(c, shape))
}

/// Returns the shape with the character in place of each `c`.
fn text_of(c: char, shape: &str) -> String {
    shape.chars().map(|part| if part == 'c' { c } else { part }).collect()
}

/// Returns whether the shape is one segment.
fn is_joined(c: char, shape: &str) -> bool {
    text_of(c, shape).split_word_bounds().count() == 1
}

/// Returns whether the segments of the shape join the character with nothing but itself and spaces.
fn is_alone(c: char, shape: &str) -> bool {
    text_of(c, shape)
        .split_word_bounds()
        .all(|segment| !segment.contains(c) || segment.chars().all(|part| part == c || part == ' '))
}
