//! Reads the bytes of a text with any hints to its encoding. The first four bytes are the options.
//!
//! * The number of bytes that are read at a time changes nothing.
//! * The text and the lines that are reported as removed are together all lines of the decoded text.
//! * With `--strip off` nothing is removed, and every removal is by a rule that the options allow.
//! * Line ends are LF.
#![no_main]

use corpus::boilerplate::{RemovedSpan, Strip};
use libfuzzer_sys::fuzz_target;
use store::fuzzing::{ReadOptions, ReadText, read};

const LABELS: [Option<&str>; 19] = [
    None,
    Some("utf-8"),
    Some("utf-16"),
    Some("utf-16be"),
    Some("utf-32"),
    Some("utf-32be"),
    Some("windows-1252"),
    Some("windows-1251"),
    Some("iso-8859-15"),
    Some("gb18030"),
    Some("shift_jis"),
    Some("iso-2022-jp"),
    Some("iso-2022-kr"),
    Some("hz-gb-2312"),
    Some("gbk"),
    Some("cp437"),
    Some("cp869"),
    Some("x-mac-ce"),
    Some("koi8-t"),
];

/// The languages that the source list may give.
const LANGUAGES: [Option<&str>; 6] = [None, Some("hu"), Some("Japanese"), Some("el-GR"), Some("tr; en"), Some("")];

fuzz_target!(|bytes: &[u8]| {
    let Some((&[listed, http, strip, window], bytes)) = bytes.split_first_chunk::<4>() else { return };
    let label = |byte: u8| LABELS[usize::from(byte) % LABELS.len()];
    let options = ReadOptions {
        listed: label(listed),
        http: label(http),
        language: LANGUAGES[usize::from(http) / LABELS.len() % LANGUAGES.len()],
        strip: [Strip::Off, Strip::Markers, Strip::Full][usize::from(strip) % 3],
        window: usize::from(window) + 1,
        holds_little: strip >= 128,
    };
    let found = read(bytes, options);
    assert_eq!(read(bytes, ReadOptions { window: 1 << 20, ..options }), found);
    let Some(ReadText { decoded, text, cuts, .. }) = found else { return };
    assert!(!decoded.contains('\r'));
    assert_eq!(text, without(&decoded, &cuts));
    assert_eq!(cuts.iter().map(|cut| cut.bytes).sum::<u64>() + text.len() as u64, decoded.len() as u64);
    assert!(cuts.iter().all(|cut| options.strip.removes(cut.rule)));
    assert!(options.strip != Strip::Off || text == decoded);
});

/// Returns the lines that were not removed.
fn without(decoded: &str, cuts: &[RemovedSpan]) -> String {
    let mut cuts = cuts.iter().peekable();
    let mut left = String::new();
    for (line, number) in decoded.split_inclusive('\n').zip(1..) {
        while cuts.next_if(|cut| cut.last_line < number).is_some() {}
        if cuts.peek().is_none_or(|cut| number < cut.first_line) {
            left.push_str(line);
        }
    }
    left
}
