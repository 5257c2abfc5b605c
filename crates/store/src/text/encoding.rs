//! Which encoding the bytes are in.
//!
//! In this order: a byte order mark; UTF-16 that shows itself by its NULs; UTF-8 (and so ASCII) where the bytes are
//! valid, or nearly so; what HTTP declared; what the text itself declares; detection over samples. A declaration
//! counts only where the samples do not contradict it: 776 of 3,385 real texts declare an encoding that they are not
//! in. Labels are those of the WHATWG Encoding Standard, so `ASCII` and `ISO-8859-1` mean windows-1252.
//!
//! Bytes with more than [`GARBAGE_PER_MILLE`] NULs, where they are not UTF-16, or ten times that many other control
//! characters, are not text at all.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{DecoderResult, Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};

use super::{header::declared_encoding, survey::Survey};

/// The share of characters that may be garbage before the whole is: one in a thousand.
pub(crate) const GARBAGE_PER_MILLE: u64 = 1;
/// A few bad characters are let through in short texts, whatever their share.
pub(crate) const GARBAGE_TOLERATED: u64 = 3;
/// UTF-8 with bad sequences in it is still UTF-8 if it has this many characters of several bytes for each.
const UTF8_GOOD_PER_BAD: u64 = 10;

/// The encoding of a text, and how that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) used: &'static Encoding,
    /// Bytes of the byte order mark, 0 without one.
    pub(crate) bom_bytes: usize,
    /// What the text says of itself.
    pub(crate) declared_text: Option<String>,
    /// What the samples look like, where nothing else decided.
    pub(crate) detected: Option<&'static Encoding>,
}

/// The bytes are no text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotText {
    #[error("{nuls} of {bytes} bytes are NUL: a binary file")]
    Nuls { nuls: u64, bytes: u64 },
    #[error("{controls} of {bytes} bytes are control characters: a binary file")]
    Controls { controls: u64, bytes: u64 },
    #[error("it is in UTF-32, which is not read")]
    Utf32,
}

/// Whether so many bad characters among so many spoil the whole.
pub(crate) fn is_garbage(bad: u64, characters: u64) -> bool {
    bad > GARBAGE_TOLERATED && bad.saturating_mul(1000) > characters.saturating_mul(GARBAGE_PER_MILLE)
}

/// Decides by what one reading told and HTTP declared.
pub(crate) fn decide(survey: &Survey, declared_http: Option<&str>) -> Result<Decided, NotText> {
    if survey.head.starts_with(&[0xFF, 0xFE, 0, 0]) || survey.head.starts_with(&[0, 0, 0xFE, 0xFF]) {
        return Err(NotText::Utf32);
    }
    let (bom, bom_bytes) = match Encoding::for_bom(&survey.head) {
        Some((encoding, length)) => (Some(encoding), length),
        None => (None, 0),
    };
    let shown = bom.or_else(|| utf16_by_nuls(survey));
    if shown.is_none_or(|encoding| encoding == UTF_8) {
        refuse_binary(survey)?;
    }
    let shown = shown.or_else(|| by_bytes(survey));
    let declared_text = declared_encoding(&decoded_head(survey, shown, bom_bytes));
    let declared = || {
        [declared_http, declared_text.as_deref()].into_iter().flatten().find_map(|label| {
            Encoding::for_label(label.as_bytes()).filter(|encoding| agrees(survey, encoding))
        })
    };
    let (used, detected) = match shown.or_else(declared) {
        Some(used) => (used, None),
        None => {
            let detected = detect(survey, Iso2022JpDetection::Deny);
            (detected, Some(detected))
        }
    };
    Ok(Decided { used, bom_bytes, declared_text, detected })
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
fn utf16_by_nuls(survey: &Survey) -> Option<&'static Encoding> {
    let [even, odd] = survey.nuls;
    let (encoding, many, few) = if odd > even { (UTF_16LE, odd, even) } else { (UTF_16BE, even, odd) };
    let safe = survey.bytes.is_multiple_of(2) && many * 10 > survey.bytes / 2 && few * 50 < many;
    (safe && !is_garbage_in(&survey.head, encoding)).then_some(encoding)
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

fn decoded_head(survey: &Survey, encoding: Option<&'static Encoding>, bom_bytes: usize) -> String {
    let head = &survey.head[bom_bytes..];
    encoding.unwrap_or(UTF_8).decode_without_bom_handling(head).0.into_owned()
}

/// Whether a declared encoding is not contradicted by the samples.
fn agrees(survey: &Survey, encoding: &'static Encoding) -> bool {
    let impossible = [UTF_8, UTF_16LE, UTF_16BE, REPLACEMENT].contains(&encoding);
    !impossible
        && ![&*survey.head, &survey.middle, tail(survey)]
            .into_iter()
            .any(|part| is_garbage_in(part, encoding))
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
    detector.guess(None, Utf8Detection::Deny)
}

#[cfg(test)]
mod tests {
    use encoding_rs::{KOI8_R, KOI8_U, SHIFT_JIS, WINDOWS_1251, WINDOWS_1252};

    use super::*;

    fn of(bytes: &[u8], http: Option<&str>) -> Decided {
        decide(&Survey::of(bytes, 1000).unwrap(), http).unwrap()
    }

    fn refused(bytes: &[u8]) -> NotText {
        decide(&Survey::of(bytes, 1000).unwrap(), None).unwrap_err()
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
            assert_eq!((decided.used, decided.bom_bytes), (expected, length));
        }
    }

    #[test]
    fn utf16_shows_itself_without_a_mark() {
        assert_eq!(of(&utf16(FRENCH, u16::to_le_bytes), None).used, UTF_16LE);
        assert_eq!(of(&utf16(FRENCH, u16::to_be_bytes), None).used, UTF_16BE);
        let header = utf16("Character set encoding: UTF-16\n", u16::to_le_bytes);
        assert_eq!(of(&header, None).declared_text.as_deref(), Some("UTF-16"));
    }

    #[test]
    fn valid_utf8_is_utf8_whatever_is_declared() {
        let text = format!("Character set encoding: ISO-8859-1\n\n{FRENCH}");
        let decided = of(text.as_bytes(), Some("ISO-8859-1"));
        assert_eq!((decided.used, decided.detected), (UTF_8, None));
        assert_eq!(decided.declared_text.as_deref(), Some("ISO-8859-1"));
        assert_eq!(of(b"plain", Some("us-ascii")).used, UTF_8);
        assert_eq!(of(b"", None).used, UTF_8);
    }

    #[test]
    fn utf8_with_a_flaw_is_not_taken_for_something_else() {
        let mut bytes = FRENCH.repeat(20).into_bytes();
        bytes.extend(b"\xE9 lonely\n");
        assert_eq!(of(&bytes, Some("windows-1252")).used, UTF_8);
    }

    #[test]
    fn a_declaration_counts_first_http_then_the_text() {
        let bytes = KOI8_R.encode(&format!("Character set encoding: windows-1251\n{RUSSIAN}")).0.into_owned();
        assert_eq!(of(&bytes, Some("koi8-r")).used, KOI8_R);
        let bytes = WINDOWS_1252.encode(&format!("Character set encoding: ASCII\n{FRENCH}")).0.into_owned();
        let decided = of(&bytes, None);
        assert_eq!((decided.used, decided.detected), (WINDOWS_1252, None));
    }

    #[test]
    fn contradicted_and_unknown_labels_are_passed_over() {
        let latin = WINDOWS_1252.encode(FRENCH).0.repeat(10);
        for label in ["utf-8", "utf-9", "utf-16", "shift_jis", "", "hz-gb-2312"] {
            let decided = of(&latin, Some(label));
            assert_eq!((decided.used, decided.detected), (WINDOWS_1252, Some(WINDOWS_1252)), "{label}");
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
        assert_eq!(of(&SHIFT_JIS.encode(&japanese).0, None).used, SHIFT_JIS);
        assert_eq!(of(&ISO_2022_JP.encode(&japanese).0, None).used, ISO_2022_JP);
    }

    #[test]
    fn letters_far_from_head_and_tail_are_seen_too() {
        let mut bytes = b"plain text\n".repeat(10_000);
        bytes.extend_from_slice(&WINDOWS_1251.encode(&RUSSIAN.repeat(5)).0);
        bytes.extend(b"plain text\n".repeat(10_000));
        assert_eq!(of(&bytes, None).used, WINDOWS_1251);
    }

    #[test]
    fn binary_files_are_not_text() {
        let mut bytes = b"text ".repeat(1000);
        bytes.extend([0; 6]);
        assert_eq!(refused(&bytes), NotText::Nuls { nuls: 6, bytes: 5006 });
        let noise: Vec<u8> = (1..=255).cycle().take(10_000).collect();
        assert!(matches!(refused(&noise), NotText::Controls { .. }));
        assert_eq!(refused(b"\xFF\xFE\0\0a\0\0\0"), NotText::Utf32);
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
        assert_eq!(of(&bytes, None).used, UTF_8);
    }
}
