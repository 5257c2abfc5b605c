use encoding_rs::{ISO_8859_15, KOI8_R, SHIFT_JIS, WINDOWS_1251, WINDOWS_1252};

use super::*;

fn of(bytes: &[u8], http: Option<&str>) -> EncodingDecision {
    decide(&Scan::of(bytes, 1000), SourceHints { http, ..SourceHints::default() }, &|| Ok(Box::new(bytes)))
        .unwrap()
}

fn refused(bytes: &[u8]) -> NotText {
    match decide(&Scan::of(bytes, 1000), SourceHints::default(), &|| Ok(Box::new(bytes))).unwrap_err() {
        TextError::NotText(error) => error,
        error => panic!("{error}"),
    }
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

const FRENCH: &str = "L'été dernier, à la fenêtre, le garçon rêvait d'être où naît la forêt. Ça déçoit.\n";
const RUSSIAN: &str = "Мой дядя самых честных правил, когда не в шутку занемог, он уважать себя заставил.\n";

#[test]
fn a_byte_order_mark_decides() {
    for (bytes, expected, length) in [
        ([b"\xEF\xBB\xBF".as_slice(), FRENCH.as_bytes()].concat(), UTF_8, 3),
        ([b"\xFF\xFE".as_slice(), &utf16(RUSSIAN, u16::to_le_bytes)].concat(), UTF_16LE, 2),
        ([b"\xFE\xFF".as_slice(), &utf16(RUSSIAN, u16::to_be_bytes)].concat(), UTF_16BE, 2),
    ] {
        let decided = of(&bytes, Some("windows-1252"));
        assert_eq!((decided.used, decided.bom_bytes), (Codec::Standard(expected), length));
    }
}

#[test]
fn utf16_shows_itself_without_a_mark() {
    assert_eq!(of(&utf16(FRENCH, u16::to_le_bytes), None).used.name(), "UTF-16LE");
    assert_eq!(of(&utf16(FRENCH, u16::to_be_bytes), None).used.name(), "UTF-16BE");
    let header = utf16("Character set encoding: UTF-16\n", u16::to_le_bytes);
    assert_eq!(of(&header, None).declared_text.as_deref(), Some("UTF-16"));
}

#[test]
fn utf16_with_few_nuls_shows_itself_by_its_letters() {
    let text = "一天早晨，一个小女孩走出家门去找她的狗。她在树林里走了很久，直到听见轻轻的叫声。\n";
    for (bytes, name) in
        [(u16::to_le_bytes as fn(u16) -> [u8; 2], "UTF-16LE"), (u16::to_be_bytes, "UTF-16BE")]
    {
        let decided = of(&utf16(text, bytes), Some("windows-1252"));
        assert_eq!((decided.used.name(), decided.confidence), (name, Confidence::Likely));
    }
    let odd = [&utf16(text, u16::to_le_bytes)[..], b"x"].concat();
    assert!(matches!(refused(&odd), NotText::Nuls { .. }), "half a character ends no UTF-16");
}

#[test]
fn valid_utf8_is_utf8_whatever_is_declared() {
    let text = format!("Character set encoding: ISO-8859-1\n\n{FRENCH}");
    let decided = of(text.as_bytes(), Some("ISO-8859-1"));
    assert_eq!((decided.used, decided.detected), (Codec::UTF_8, None));
    assert_eq!(decided.declared_text.as_deref(), Some("ISO-8859-1"));
    assert_eq!(of(b"plain", Some("us-ascii")).used, Codec::UTF_8);
    assert_eq!(of(b"", None).used, Codec::UTF_8);
}

#[test]
fn utf8_with_a_flaw_is_not_taken_for_something_else() {
    let mut bytes = FRENCH.repeat(20).into_bytes();
    bytes.extend(b"\xE9 lonely\n");
    assert_eq!(of(&bytes, Some("windows-1252")).used, Codec::UTF_8);
}

#[test]
fn a_declaration_counts_first_http_then_the_text() {
    let bytes = KOI8_R.encode(&format!("Character set encoding: windows-1251\n{RUSSIAN}")).0.into_owned();
    assert_eq!(of(&bytes, Some("koi8-r")).used, Codec::Standard(KOI8_R));
    let bytes = WINDOWS_1252.encode(&format!("Character set encoding: ASCII\n{FRENCH}")).0.into_owned();
    let decided = of(&bytes, None);
    assert_eq!((decided.used, decided.confidence), (Codec::Standard(WINDOWS_1252), Confidence::Declared));
}

#[test]
fn contradicted_and_unknown_labels_are_passed_over() {
    let latin = WINDOWS_1252.encode(FRENCH).0.repeat(10);
    for label in ["utf-8", "utf-9", "utf-16", "shift_jis", "", "hz-gb-2312"] {
        let decided = of(&latin, Some(label));
        assert_eq!(decided.used, Codec::Standard(WINDOWS_1252), "{label}");
        assert_eq!(
            (decided.detected, decided.confidence),
            (Some(Codec::Standard(WINDOWS_1252)), Confidence::Likely)
        );
    }
}

#[test]
fn what_nobody_declares_is_detected() {
    for encoding in [WINDOWS_1251, KOI8_R] {
        let decided = of(&encoding.encode(&RUSSIAN.repeat(5)).0, None);
        assert_eq!(decided.detected, Some(Codec::Standard(encoding)));
    }
    let japanese = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n".repeat(5);
    assert_eq!(of(&SHIFT_JIS.encode(&japanese).0, None).used, Codec::Standard(SHIFT_JIS));
    assert_eq!(of(&ISO_2022_JP.encode(&japanese).0, None).used, Codec::Standard(ISO_2022_JP));
}

#[test]
fn latin_9_is_told_by_letters_within_words() {
    let read = |text: &str, encoding: &'static Encoding| of(&encoding.encode(text).0, None).used.name();
    let text = format!("{FRENCH}Sa sœur a vu l'Œuvre.\n");
    assert_eq!(read(&text, ISO_8859_15), "ISO-8859-15");
    assert_eq!(read(&text, WINDOWS_1252), "windows-1252");
    assert_eq!(read(&format!("{FRENCH}Il en prit ½ livre.\n"), WINDOWS_1252), "windows-1252");
}

#[test]
fn letters_far_from_head_and_tail_are_seen_too() {
    let mut bytes = b"plain text\n".repeat(10_000);
    bytes.extend_from_slice(&WINDOWS_1251.encode(&RUSSIAN.repeat(5)).0);
    bytes.extend(b"plain text\n".repeat(10_000));
    assert_eq!(of(&bytes, None).used, Codec::Standard(WINDOWS_1251));
}

#[test]
fn binary_files_are_not_text() {
    let mut bytes = b"text ".repeat(1000);
    bytes.extend([0; 6]);
    assert_eq!(refused(&bytes), NotText::Nuls { nuls: 6, bytes: 5006 });
    let noise: Vec<u8> = (1..=255).cycle().take(10_000).collect();
    assert!(matches!(refused(&noise), NotText::Controls { .. }));
}

#[test]
fn utf32_shows_itself_by_its_mark_or_by_its_units() {
    let text = format!("\u{FEFF}Character set encoding: UTF-32\n{RUSSIAN}");
    for (bytes, name) in
        [(u32::to_le_bytes as fn(u32) -> [u8; 4], "UTF-32LE"), (u32::to_be_bytes, "UTF-32BE")]
    {
        let all: Vec<u8> = text.chars().flat_map(|letter| bytes(letter.into())).collect();
        for (part, bom_bytes) in [(&all[..], 4), (&all[4..], 0)] {
            let decided = of(part, Some("utf-8"));
            assert_eq!((decided.used.name(), decided.bom_bytes), (name, bom_bytes));
            assert_eq!(decided.declared_text.as_deref(), Some("UTF-32"));
        }
    }
}

#[test]
fn what_the_list_gives_is_above_all() {
    let given = |bytes: &[u8], label| {
        let said = SourceHints { listed: Some(label), http: Some("utf-8"), ..SourceHints::default() };
        decide(&Scan::of(bytes, 1000), said, &|| Ok(Box::new(bytes)))
    };
    let decided = given(RUSSIAN.as_bytes(), "windows-1251").unwrap();
    assert_eq!((decided.used.name(), decided.confidence), ("windows-1251", Confidence::Given));
    let marked = [b"\xFE\xFF".as_slice(), &utf16(RUSSIAN, u16::to_be_bytes)].concat();
    let decided = given(&marked, "utf-16").unwrap();
    assert_eq!((decided.used.name(), decided.bom_bytes), ("UTF-16BE", 2), "the mark says in which order");
    let decided = given(&[b"\xEF\xBB\xBF".as_slice(), RUSSIAN.as_bytes()].concat(), "utf-8").unwrap();
    assert_eq!(decided.bom_bytes, 3);
    let unknown = given(b"x", "utf-9").unwrap_err();
    assert!(matches!(unknown, TextError::NotText(NotText::Unknown(label)) if label == "utf-9"));
}

#[test]
fn a_declaration_beside_what_the_bytes_look_like_is_doubtful() {
    let bytes = WINDOWS_1251.encode(&RUSSIAN.repeat(5)).0.into_owned();
    let decided = of(&bytes, Some("windows-1252"));
    assert_eq!((decided.used.name(), decided.confidence), ("windows-1252", Confidence::Doubtful));
    assert_eq!(decided.detected, Some(Codec::Standard(WINDOWS_1251)));
}

#[test]
fn a_stray_nul_spoils_nothing() {
    let mut bytes = b"text ".repeat(1000);
    bytes.push(0);
    assert_eq!(of(&bytes, None).used, Codec::UTF_8);
}
