//! Makes the table of what each character is to words: from `unicode-segmentation` itself, by how it splits short texts,
//! so that the short way through a text and the long one follow the same version of Unicode.

use std::{env, fs, path::PathBuf};

use unicode_segmentation::UnicodeSegmentation;

/// What a character is, as in `src/uax29/class.rs`.
const OTHER: u8 = 0;
const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const MID_LETTER: u8 = 3;
const MID_NUMBER: u8 = 4;
const MID_BOTH: u8 = 5;
const RARE: u8 = 6;
/// Added where lower case is another character.
const CASED: u8 = 8;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let classes: Vec<u8> = (0..=0xFFFF).map(|point| char::from_u32(point).map_or(RARE, class)).collect();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo says where output goes"));
    fs::write(out.join("classes.bin"), classes).expect("cargo's output directory can be written");
}

fn class(c: char) -> u8 {
    let cased = if c.to_lowercase().eq([c]) { 0 } else { CASED };
    plain_class(c).map_or(RARE, |class| class | cased)
}

/// None where it is rare: what has a rule of its own, or is not behaving like all of a class.
fn plain_class(c: char) -> Option<u8> {
    let is_word = c.is_alphanumeric();
    let found = if joined(c, ["ac", "ca", "0c", "c0", "_c", "c_", "cc", "a:c", "c.a", "c'c"]) {
        LETTER
    } else if joined(c, ["ac", "ca", "0c", "c0", "_c", "c_", "cc", "0,c", "c.0", "c'c", "c;c"]) {
        DIGIT
    } else if joined(c, ["aca", "0c0"]) {
        MID_BOTH
    } else if joined(c, ["aca"]) {
        MID_LETTER
    } else if joined(c, ["0c0"]) {
        MID_NUMBER
    } else {
        OTHER
    };
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
    let is_apart = apart.iter().all(|shape| !is_joined(c, shape)) && edges.iter().all(|shape| ends(c, shape));
    (is_apart && is_word == matches!(found, LETTER | DIGIT)).then_some(found)
}

fn joined<const N: usize>(c: char, shapes: [&str; N]) -> bool {
    shapes.iter().all(|shape| is_joined(c, shape))
}

/// Whether the shape, with the character for each `c`, is one segment.
fn is_joined(c: char, shape: &str) -> bool {
    let text: String = shape.chars().map(|part| if part == 'c' { c } else { part }).collect();
    text.split_word_bounds().count() == 1
}

/// Whether no other segment of the shape holds the character beside something that is not white space or itself.
fn ends(c: char, shape: &str) -> bool {
    let text: String = shape.chars().map(|part| if part == 'c' { c } else { part }).collect();
    text.split_word_bounds()
        .all(|segment| !segment.contains(c) || segment.chars().all(|part| part == c || part == ' '))
}
