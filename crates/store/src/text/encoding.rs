//! Which encoding the bytes are in.
//!
//! In this order: what the source list gives; a byte order mark; UTF-32 that shows itself by its units; UTF-16 that shows
//! itself by its NULs or by its letters; UTF-8 (and so ASCII) where the bytes are valid, or nearly so; what HTTP declared; what the text
//! itself declares; detection over samples. A declaration counts only where the samples do not contradict it: 776 of
//! 3,385 real texts declare an encoding that they are not in. Labels are those of the WHATWG Encoding Standard, so
//! `ASCII` and `ISO-8859-1` mean windows-1252, and those of UTF-32.
//!
//! Bytes with more than [`GARBAGE_PER_MILLE`] NULs, where they are not UTF-16, or ten times that many other control
//! characters, are not text at all.

use std::io::Read;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{
    DecoderResult, Encoding, ISO_2022_JP, ISO_8859_15, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252,
};

use super::{
    code::{Code, FromUtf32, Order, PLAIN, is_utf32},
    count::count,
    header::declared_encoding,
    ideographs,
    survey::Survey,
};
use crate::meta::Confidence;

/// The share of characters that may be garbage before the whole is: one in a thousand.
pub(crate) const GARBAGE_PER_MILLE: u64 = 1;
/// A few bad characters are let through in short texts, whatever their share.
pub(crate) const GARBAGE_TOLERATED: u64 = 3;
/// UTF-8 with bad sequences in it is still UTF-8 if it has this many characters of several bytes for each.
const UTF8_GOOD_PER_BAD: u64 = 10;

/// The encoding of a text, and how that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) used: Code,
    /// Bytes of the byte order mark, 0 without one.
    pub(crate) bom_bytes: usize,
    /// What the text says of itself.
    pub(crate) declared_text: Option<String>,
    /// What the samples look like, where the bytes prove nothing.
    pub(crate) detected: Option<&'static Encoding>,
    /// How sure that is.
    pub(crate) confidence: Confidence,
}

/// The bytes are no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotText {
    #[error("{nuls} of {bytes} bytes are NUL: a binary file")]
    Nuls { nuls: u64, bytes: u64 },
    #[error("{controls} of {bytes} bytes are control characters: a binary file")]
    Controls { controls: u64, bytes: u64 },
    #[error(
        "the source list gives it the encoding '{0}', which is unknown: use a label of the WHATWG Encoding Standard"
    )]
    Unknown(String),
}

/// Whether so many bad characters among so many spoil the whole.
pub(crate) fn is_garbage(bad: u64, characters: u64) -> bool {
    bad > GARBAGE_TOLERATED && bad.saturating_mul(1000) > characters.saturating_mul(GARBAGE_PER_MILLE)
}

/// What is said of a text's encoding by others.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Said<'a> {
    /// By the source list.
    pub(crate) listed: Option<&'a str>,
    /// By HTTP.
    pub(crate) http: Option<&'a str>,
}

/// Decides by what one reading told and others say.
pub(crate) fn decide(survey: &Survey, said: Said<'_>) -> Result<Decided, NotText> {
    let marked = mark(&survey.head);
    if let Some(label) = said.listed {
        let used = Code::for_label(label).ok_or_else(|| NotText::Unknown(label.to_owned()))?;
        let used = marked.map(|(code, _)| code).filter(|code| is_family(used, *code)).unwrap_or(used);
        let bom_bytes = marked.filter(|(code, _)| *code == used).map_or(0, |(_, length)| length);
        let declared_text = declared_encoding(&decoded_head(survey, Some(used), bom_bytes));
        return Ok(Decided { used, bom_bytes, declared_text, detected: None, confidence: Confidence::Given });
    }
    let bom_bytes = marked.map_or(0, |(_, length)| length);
    let shown =
        marked.map(|(code, _)| code).or_else(|| utf32_by_units(survey)).or_else(|| utf16_by_nuls(survey));
    let by_letters = if shown.is_none() { utf16_by_letters(survey) } else { None };
    if by_letters.is_none() && shown.is_none_or(|code| code == PLAIN) {
        refuse_binary(survey)?;
    }
    let shown = shown.or(by_letters.map(Code::Standard));
    let shown = shown.or_else(|| by_bytes(survey).map(Code::Standard));
    let declared_text = declared_encoding(&decoded_head(survey, shown, bom_bytes));
    let declared = || {
        [said.http, declared_text.as_deref()].into_iter().flatten().find_map(|label| {
            Encoding::for_label(label.as_bytes()).filter(|encoding| agrees(survey, encoding))
        })
    };
    let (used, detected, confidence) = match (shown, declared()) {
        (Some(shown), _) if by_letters.is_some() => (shown, by_letters, Confidence::Likely),
        (Some(shown), _) => (shown, None, Confidence::Proven),
        (None, declared) => {
            let detected = detect(survey, Iso2022JpDetection::Deny);
            let confidence = match declared {
                Some(declared) if is_same_text(survey, declared, detected) => Confidence::Declared,
                Some(_) => Confidence::Doubtful,
                None => of_guess(survey, detected),
            };
            (Code::Standard(declared.unwrap_or(detected)), Some(detected), confidence)
        }
    };
    Ok(Decided { used, bom_bytes, declared_text, detected, confidence })
}

/// A byte order mark, and how long it is.
fn mark(head: &[u8]) -> Option<(Code, usize)> {
    if head.starts_with(&[0xFF, 0xFE, 0, 0]) {
        return Some((Code::Utf32(Order::Little), 4));
    }
    if head.starts_with(&[0, 0, 0xFE, 0xFF]) {
        return Some((Code::Utf32(Order::Big), 4));
    }
    Encoding::for_bom(head).map(|(encoding, length)| (Code::Standard(encoding), length))
}

/// Whether both are UTF-16, or both UTF-32: a byte order mark then says in which order.
fn is_family(one: Code, other: Code) -> bool {
    let is_utf16 = |code| [Code::Standard(UTF_16LE), Code::Standard(UTF_16BE)].contains(&code);
    let is_utf32 = |code| matches!(code, Code::Utf32(_));
    one == other || (is_utf16(one) && is_utf16(other)) || (is_utf32(one) && is_utf32(other))
}

fn utf32_by_units(survey: &Survey) -> Option<Code> {
    let is_it = |order: &Order| survey.bytes.is_multiple_of(4) && is_utf32(&survey.head, *order);
    [Order::Little, Order::Big].into_iter().find(is_it).map(Code::Utf32)
}

fn refuse_binary(survey: &Survey) -> Result<(), NotText> {
    let (bytes, controls) = (survey.bytes, survey.controls);
    let nuls = survey.nuls.iter().sum::<u64>();
    if nuls * 1000 > bytes * GARBAGE_PER_MILLE {
        return Err(NotText::Nuls { nuls, bytes });
    }
    if controls > GARBAGE_TOLERATED && controls * 100 > bytes * GARBAGE_PER_MILLE {
        return Err(NotText::Controls { controls, bytes });
    }
    Ok(())
}

/// UTF-16 without a byte order mark, where it is safe to say so: many NULs, nearly all at positions of one parity, as
/// the high bytes of Latin letters, spaces and line ends are; and the samples decode.
fn utf16_by_nuls(survey: &Survey) -> Option<Code> {
    let [even, odd] = survey.nuls;
    let (encoding, many, few) = if odd > even { (UTF_16LE, odd, even) } else { (UTF_16BE, even, odd) };
    let safe = survey.bytes.is_multiple_of(2) && many * 10 > survey.bytes / 2 && few * 50 < many;
    (safe && !is_garbage_in(&survey.head, encoding)).then_some(Code::Standard(encoding))
}

/// UTF-16 without a byte order mark in scripts that have few NULs there.
fn utf16_by_letters(survey: &Survey) -> Option<&'static Encoding> {
    let samples = [&*survey.head, &survey.tail];
    // Hardly any other text has these, so hardly any is looked at.
    let has_odd_bytes = survey.nuls != [0, 0] || survey.controls > 0;
    let may_be = survey.bytes.is_multiple_of(2) && has_odd_bytes;
    Some(match may_be.then(|| ideographs::order(&samples))?? {
        Order::Little => UTF_16LE,
        Order::Big => UTF_16BE,
    })
}

/// What the bytes alone prove.
fn by_bytes(survey: &Survey) -> Option<&'static Encoding> {
    let Survey { utf8_invalid: bad, utf8_leads: good, .. } = *survey;
    if bad == 0 && good == 0 && survey.escapes > 0 && is_iso_2022_jp(survey) {
        return Some(ISO_2022_JP);
    }
    let nearly = good.saturating_sub(bad) >= bad.saturating_mul(UTF8_GOOD_PER_BAD);
    nearly.then_some(UTF_8)
}

/// ISO-2022-JP is made of ASCII bytes, so it is valid UTF-8 too.
fn is_iso_2022_jp(survey: &Survey) -> bool {
    detect(survey, Iso2022JpDetection::Allow) == ISO_2022_JP
}

fn decoded_head(survey: &Survey, code: Option<Code>, bom_bytes: usize) -> String {
    let head = &survey.head[bom_bytes..];
    match code.unwrap_or(PLAIN) {
        Code::Standard(encoding) => encoding.decode_without_bom_handling(head).0.into_owned(),
        Code::Utf32(order) => {
            let mut text = Vec::new();
            // Reading from memory does not fail.
            drop(FromUtf32::new(head, order, 4096).read_to_end(&mut text));
            String::from_utf8_lossy(&text).into_owned()
        }
    }
}

/// Whether a declared encoding is not contradicted by the samples.
fn agrees(survey: &Survey, encoding: &'static Encoding) -> bool {
    let impossible = [UTF_8, UTF_16LE, UTF_16BE, REPLACEMENT].contains(&encoding);
    !impossible && !samples(survey).any(|part| is_garbage_in(part, encoding))
}

/// The tail sample from its first whole line.
fn tail(survey: &Survey) -> &[u8] {
    let start = survey.tail.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    &survey.tail[start..]
}

fn is_garbage_in(sample: &[u8], encoding: &'static Encoding) -> bool {
    let mut decoder = encoding.new_decoder_without_bom_handling();
    let mut text = String::with_capacity(sample.len() * 3 + 16);
    let (mut rest, mut bad) = (sample, 0);
    loop {
        let (result, read) = decoder.decode_to_string_without_replacement(rest, &mut text, false);
        rest = &rest[read..];
        match result {
            DecoderResult::InputEmpty => break,
            DecoderResult::OutputFull => text.reserve(rest.len() * 3 + 16),
            DecoderResult::Malformed(..) => bad += 1,
        }
    }
    is_garbage(bad + c1_controls(&text), text.chars().count() as u64)
}

/// How many characters are U+0080 to U+009F, which is what bytes without meaning decode to in single-byte encodings.
pub(crate) fn c1_controls(text: &str) -> u64 {
    text.as_bytes().windows(2).filter(|pair| pair[0] == 0xC2 && pair[1] < 0xA0).count() as u64
}

fn detect(survey: &Survey, iso_2022_jp: Iso2022JpDetection) -> &'static Encoding {
    let mut detector = EncodingDetector::new(iso_2022_jp);
    detector.feed(&survey.head, false);
    detector.feed(b"\n", false);
    detector.feed(&survey.middle, false);
    detector.feed(b"\n", false);
    detector.feed(tail(survey), true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    if guess == WINDOWS_1252 && is_latin_9(survey) { ISO_8859_15 } else { guess }
}

/// Whether what looks like windows-1252 is ISO-8859-15, which the detector does not know: it has the letters Œ, œ, Š, š, Ž,
/// ž and Ÿ where the other has signs and fractions, and those do not stand within words. It has no letters where the
/// other has most of its quotation marks.
fn is_latin_9(survey: &Survey) -> bool {
    let is_letter = |byte: &u8| byte.is_ascii_alphabetic() || *byte >= 0xC0;
    let (mut within, mut alone) = (0, 0);
    for window in samples(survey).flat_map(|part| part.windows(3)) {
        let [before, byte, after] = window else { continue };
        if let 0x80..=0x9F = byte {
            return false;
        }
        if let 0xA6 | 0xA8 | 0xB4 | 0xB8 | 0xBC..=0xBE = byte {
            if is_letter(before) || is_letter(after) { within += 1 } else { alone += 1 }
        }
    }
    within > 0 && alone == 0
}

/// Letters beyond ASCII from which on a guess is likely.
const LIKELY_FROM: u64 = 100;

/// How far a guess can be trusted: by how much there was to guess from, and whether it explains all of it.
fn of_guess(survey: &Survey, detected: &'static Encoding) -> Confidence {
    let beyond = samples(survey).map(|part| count(part, |byte| byte >= 0x80)).sum::<u64>();
    let explains = samples(survey).all(|part| !is_garbage_in(part, detected));
    if beyond >= LIKELY_FROM && explains { Confidence::Likely } else { Confidence::Doubtful }
}

/// Whether the samples are the same text in both.
fn is_same_text(survey: &Survey, one: &'static Encoding, other: &'static Encoding) -> bool {
    let text = |part, encoding: &'static Encoding| encoding.decode_without_bom_handling(part).0;
    one == other || samples(survey).all(|part| text(part, one) == text(part, other))
}

fn samples(survey: &Survey) -> impl Iterator<Item = &[u8]> {
    [&*survey.head, &survey.middle, tail(survey)].into_iter()
}

#[cfg(test)]
mod tests {
    use encoding_rs::{KOI8_R, KOI8_U, SHIFT_JIS, WINDOWS_1251};

    use super::*;

    fn of(bytes: &[u8], http: Option<&str>) -> Decided {
        decide(&Survey::of(bytes, 1000), Said { http, ..Said::default() }).unwrap()
    }

    fn refused(bytes: &[u8]) -> NotText {
        decide(&Survey::of(bytes, 1000), Said::default()).unwrap_err()
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    const FRENCH: &str =
        "L'été dernier, à la fenêtre, le garçon rêvait d'être où naît la forêt. Ça déçoit.\n";
    const RUSSIAN: &str =
        "Мой дядя самых честных правил, когда не в шутку занемог, он уважать себя заставил.\n";

    #[test]
    fn a_byte_order_mark_decides() {
        for (bytes, expected, length) in [
            ([b"\xEF\xBB\xBF".as_slice(), FRENCH.as_bytes()].concat(), UTF_8, 3),
            ([b"\xFF\xFE".as_slice(), &utf16(RUSSIAN, u16::to_le_bytes)].concat(), UTF_16LE, 2),
            ([b"\xFE\xFF".as_slice(), &utf16(RUSSIAN, u16::to_be_bytes)].concat(), UTF_16BE, 2),
        ] {
            let decided = of(&bytes, Some("windows-1252"));
            assert_eq!((decided.used, decided.bom_bytes), (Code::Standard(expected), length));
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
        assert_eq!((decided.used, decided.detected), (PLAIN, None));
        assert_eq!(decided.declared_text.as_deref(), Some("ISO-8859-1"));
        assert_eq!(of(b"plain", Some("us-ascii")).used, PLAIN);
        assert_eq!(of(b"", None).used, PLAIN);
    }

    #[test]
    fn utf8_with_a_flaw_is_not_taken_for_something_else() {
        let mut bytes = FRENCH.repeat(20).into_bytes();
        bytes.extend(b"\xE9 lonely\n");
        assert_eq!(of(&bytes, Some("windows-1252")).used, PLAIN);
    }

    #[test]
    fn a_declaration_counts_first_http_then_the_text() {
        let bytes = KOI8_R.encode(&format!("Character set encoding: windows-1251\n{RUSSIAN}")).0.into_owned();
        assert_eq!(of(&bytes, Some("koi8-r")).used, Code::Standard(KOI8_R));
        let bytes = WINDOWS_1252.encode(&format!("Character set encoding: ASCII\n{FRENCH}")).0.into_owned();
        let decided = of(&bytes, None);
        assert_eq!((decided.used, decided.confidence), (Code::Standard(WINDOWS_1252), Confidence::Declared));
    }

    #[test]
    fn contradicted_and_unknown_labels_are_passed_over() {
        let latin = WINDOWS_1252.encode(FRENCH).0.repeat(10);
        for label in ["utf-8", "utf-9", "utf-16", "shift_jis", "", "hz-gb-2312"] {
            let decided = of(&latin, Some(label));
            assert_eq!(decided.used, Code::Standard(WINDOWS_1252), "{label}");
            assert_eq!((decided.detected, decided.confidence), (Some(WINDOWS_1252), Confidence::Likely));
        }
    }

    #[test]
    fn what_nobody_declares_is_detected() {
        // The two KOI8 have the same Russian letters; the detector knows the larger one.
        for (encoding, detected) in [(WINDOWS_1251, WINDOWS_1251), (KOI8_R, KOI8_U)] {
            let decided = of(&encoding.encode(&RUSSIAN.repeat(5)).0, None);
            assert_eq!(decided.detected, Some(detected));
        }
        let japanese = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。\n".repeat(5);
        assert_eq!(of(&SHIFT_JIS.encode(&japanese).0, None).used, Code::Standard(SHIFT_JIS));
        assert_eq!(of(&ISO_2022_JP.encode(&japanese).0, None).used, Code::Standard(ISO_2022_JP));
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
        assert_eq!(of(&bytes, None).used, Code::Standard(WINDOWS_1251));
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
            decide(&Survey::of(bytes, 1000), Said { listed: Some(label), http: Some("utf-8") })
        };
        let decided = given(RUSSIAN.as_bytes(), "windows-1251").unwrap();
        assert_eq!((decided.used.name(), decided.confidence), ("windows-1251", Confidence::Given));
        let marked = [b"\xFE\xFF".as_slice(), &utf16(RUSSIAN, u16::to_be_bytes)].concat();
        let decided = given(&marked, "utf-16").unwrap();
        assert_eq!((decided.used.name(), decided.bom_bytes), ("UTF-16BE", 2), "the mark says in which order");
        let decided = given(&[b"\xEF\xBB\xBF".as_slice(), RUSSIAN.as_bytes()].concat(), "utf-8").unwrap();
        assert_eq!(decided.bom_bytes, 3);
        assert_eq!(given(b"x", "utf-9"), Err(NotText::Unknown("utf-9".to_owned())));
    }

    #[test]
    fn a_declaration_beside_what_the_bytes_look_like_is_doubtful() {
        let bytes = WINDOWS_1251.encode(&RUSSIAN.repeat(5)).0.into_owned();
        let decided = of(&bytes, Some("windows-1252"));
        assert_eq!((decided.used.name(), decided.confidence), ("windows-1252", Confidence::Doubtful));
        assert_eq!(decided.detected, Some(WINDOWS_1251));
    }

    #[test]
    fn c1_controls_are_counted_in_utf8() {
        assert_eq!(c1_controls("\u{7f}\u{80}x\u{85}\u{9f}\u{a0}é"), 3);
        assert_eq!(c1_controls(""), 0);
    }

    #[test]
    fn a_stray_nul_spoils_nothing() {
        let mut bytes = b"text ".repeat(1000);
        bytes.push(0);
        assert_eq!(of(&bytes, None).used, PLAIN);
    }
}
