//! Which encoding the bytes are in.
//!
//! In this order: what the source list gives; a byte order mark; UTF-32 that shows itself by its units; UTF-16 that shows
//! itself by its NULs or by its letters; ISO-2022-JP, ISO-2022-KR and HZ that show themselves by their escapes; UTF-8 (and
//! so ASCII) if the bytes are valid, or nearly so; what HTTP or the text itself declares; what the bytes look like. If the
//! first reading proves nothing, the whole text is read once more: an encoding in which it does not decode is out,
//! whoever declares it. 776 of 3,385 real texts declare an encoding that they are not in.
//!
//! Bytes with more than [`GARBAGE_PER_MILLE`] NULs, where they are not UTF-16, or ten times that many other control
//! characters, are not text at all.

mod candidates;
mod census;
mod detection;
mod evidence;
mod latin_9;
mod word_shape;

use std::io::{self, Read};

use encoding_rs::{DecoderResult, Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};
use flow::blobs::BlobError;

use self::{
    candidates::Candidate,
    census::Census,
    detection::{Look, fit, is_odd, look},
};
use super::{
    code::{Code, Order, PLAIN, SevenBit, is_utf32, labels},
    header::{declared_encoding, declared_language},
    ideographs,
    language_hint::Language,
    survey::Survey,
};
use crate::meta::Confidence;

/// The share of characters that may be garbage before the whole is: one in a thousand.
pub(crate) const GARBAGE_PER_MILLE: u64 = 1;
/// A few bad characters are let through in short texts, whatever their share.
pub(crate) const GARBAGE_TOLERATED: u64 = 3;
/// UTF-8 with bad sequences in it is still UTF-8 if it has this many characters of several bytes for each.
const UTF8_GOOD_PER_BAD: u64 = 10;
/// How well, compared with what the text looks like, it must fit what is declared, or else that is doubtful.
const DECLARED_FIT_MIN: f64 = 0.9;

/// The encoding of a text, and how that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) used: Code,
    /// Bytes of the byte order mark, 0 without one.
    pub(crate) bom_bytes: usize,
    /// What the text says of itself.
    pub(crate) declared_text: Option<String>,
    /// What the text looks like, if the bytes prove nothing.
    pub(crate) detected: Option<Code>,
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
        "the source list gives it the encoding '{0}', which is unknown: use a label such as windows-1251, cp850 or shift_jis"
    )]
    Unknown(String),
}

/// No encoding was decided upon.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undecided {
    #[error(transparent)]
    NotText(#[from] NotText),
    /// The text could not be opened once more.
    #[error(transparent)]
    Opening(#[from] BlobError),
    /// Or not be read.
    #[error(transparent)]
    Reading(#[from] io::Error),
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
    /// Its language, by the source list.
    pub(crate) language: Option<&'a str>,
    /// The host that it is from.
    pub(crate) host: Option<&'a str>,
}

/// Opens the whole text for one more reading.
pub(crate) type Reopen<'a> = &'a dyn Fn() -> Result<Box<dyn Read + 'a>, BlobError>;

/// Decides by what one reading told and others say. `reopen` is called if that proves nothing.
pub(crate) fn decide(survey: &Survey, said: Said<'_>, reopen: Reopen<'_>) -> Result<Decided, Undecided> {
    let marked = mark(&survey.head);
    if let Some(label) = said.listed {
        return Ok(given(survey, label, marked)?);
    }
    let bom_bytes = marked.map_or(0, |(_, length)| length);
    let shown = match shown(survey, marked.map(|(code, _)| code)) {
        Some(shown) => Some(shown),
        None => by_escapes(survey, reopen)?,
    };
    if shown.is_none_or(|(code, _)| code == PLAIN) {
        refuse_binary(survey)?;
    }
    let shown = shown.or_else(|| utf8(survey));
    let head = decoded_head(survey, shown.map(|(code, _)| code), bom_bytes);
    let declared_text = declared_encoding(&head);
    let (used, detected, confidence) = match shown {
        Some((code, confidence)) => (code, None, confidence),
        None => by_look(survey, said, &head, declared_text.as_deref(), reopen)?,
    };
    Ok(Decided { used, bom_bytes, declared_text, detected, confidence })
}

/// What the source list gives is used whatever the bytes are, but for the order that a mark tells.
fn given(survey: &Survey, label: &str, marked: Option<(Code, usize)>) -> Result<Decided, NotText> {
    let used = Code::for_label(label).ok_or_else(|| NotText::Unknown(label.to_owned()))?;
    let used = marked.map(|(code, _)| code).filter(|code| is_family(used, *code)).unwrap_or(used);
    let bom_bytes = marked.filter(|(code, _)| *code == used).map_or(0, |(_, length)| length);
    let declared_text = declared_encoding(&decoded_head(survey, Some(used), bom_bytes));
    Ok(Decided { used, bom_bytes, declared_text, detected: None, confidence: Confidence::Given })
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

/// What the first reading shows without a doubt, or nearly so.
fn shown(survey: &Survey, marked: Option<Code>) -> Option<(Code, Confidence)> {
    let proven = marked.or_else(|| utf32_by_units(survey)).or_else(|| utf16_by_nuls(survey));
    let likely = || utf16_by_letters(survey).map(|encoding| (Code::Standard(encoding), Confidence::Likely));
    proven.map(|code| (code, Confidence::Proven)).or_else(likely)
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

/// What is made of ASCII bytes and escapes is valid UTF-8, too. Its escapes may stand anywhere.
fn by_escapes(survey: &Survey, reopen: Reopen<'_>) -> Result<Option<(Code, Confidence)>, Undecided> {
    let is_seven_bit = survey.utf8_invalid == 0 && survey.utf8_leads == 0;
    let mut codes = Vec::new();
    if survey.escapes > 0 {
        codes.extend([Code::Standard(ISO_2022_JP), Code::SevenBit(SevenBit::Iso2022Kr)]);
    }
    if survey.hz_escapes > 0 {
        codes.push(Code::SevenBit(SevenBit::Hz));
    }
    if !is_seven_bit || codes.is_empty() {
        return Ok(None);
    }
    let found = census::decodes_best_in(reopen()?, survey.bytes, &codes)?;
    let unknown = (survey.designations > 0).then_some((PLAIN, Confidence::Doubtful));
    Ok(found.map(|(code, flaws)| (code, of_flaws(flaws.bad))).or(unknown))
}

/// Bytes that decode in an encoding that shows itself prove it, unless some of them do not.
fn of_flaws(bad: u64) -> Confidence {
    if bad == 0 { Confidence::Proven } else { Confidence::Likely }
}

/// UTF-8, if the bytes are that, or nearly so.
fn utf8(survey: &Survey) -> Option<(Code, Confidence)> {
    let Survey { utf8_invalid: bad, utf8_leads: good, .. } = *survey;
    let nearly = good.saturating_sub(bad) >= bad.saturating_mul(UTF8_GOOD_PER_BAD);
    nearly.then_some((PLAIN, of_flaws(bad)))
}

fn decoded_head(survey: &Survey, code: Option<Code>, bom_bytes: usize) -> String {
    code.unwrap_or(PLAIN).decode(&survey.head[bom_bytes..])
}

/// What the whole text looks like, and what is declared if it decodes in that.
fn by_look(
    survey: &Survey,
    said: Said<'_>,
    head: &str,
    declared_text: Option<&str>,
    reopen: Reopen<'_>,
) -> Result<(Code, Option<Code>, Confidence), Undecided> {
    let by_http = said.http.and_then(Code::for_label);
    let by_text = declared_text.and_then(labels::find_in_words);
    let mut declared: Vec<Code> =
        [by_http, by_text].into_iter().flatten().filter(|code| is_legacy(*code)).collect();
    let mut census = Census::read(reopen()?, survey.bytes, &declared)?;
    let damaged = census.keep_lines_of_damaged();
    let whole = |code: Code| census.flaws(code).is_some_and(|flaws| flaws.bad == 0);
    let nearly = |code: Code| census.flaws(code).is_some_and(|flaws| !flaws.is_garbage());
    let mut candidates: Vec<Candidate> =
        candidates::all().filter(|candidate| whole(candidate.code)).collect();
    let has_whole = !candidates.is_empty();
    if !has_whole {
        candidates = candidates::all().filter(|candidate| nearly(candidate.code)).collect();
    }
    candidates.extend(damaged.iter().filter_map(|code| candidates::of(*code)));
    declared.retain(|code| {
        whole(*code) || damaged.contains(&candidates::as_tried(*code)) || (!has_whole && nearly(*code))
    });
    let look = look(&census, &candidates, &hints(said, head));
    let (used, confidence) =
        match declared.iter().find(|code| census.is_same_text(**code, look.code)).or(declared.first()) {
            Some(declared) => (*declared, of_declared(&census, *declared, look)),
            None if look.is_sure => (look.code, Confidence::Likely),
            None => (look.code, Confidence::Doubtful),
        };
    let confidence = if whole(used) { confidence } else { Confidence::Doubtful };
    Ok((used, Some(look.code), confidence))
}

/// Whether what is declared may be right though the bytes do not prove it.
fn is_legacy(code: Code) -> bool {
    let shows_itself = [UTF_8, UTF_16LE, UTF_16BE, REPLACEMENT].map(Code::Standard);
    !shows_itself.contains(&code) && !matches!(code, Code::Utf32(_))
}

/// The languages that the text may be in: of the list, of its header, of its host's country.
fn hints(said: Said<'_>, head: &str) -> Vec<Language> {
    let in_header = declared_language(head);
    let named = [said.language, in_header.as_deref()].into_iter().flatten().flat_map(Language::named);
    named.chain(said.host.into_iter().flat_map(Language::of_host)).collect()
}

/// How far what is declared can be relied upon: it decodes the whole text, but many encodings do.
fn of_declared(census: &Census, declared: Code, look: Look) -> Confidence {
    let fits = || fit(census, declared).is_some_and(|fit| fit >= look.fit * DECLARED_FIT_MIN);
    let is_plain = || !is_odd(census, declared);
    if census.is_same_text(declared, look.code) || (!look.is_sure && fits() && is_plain()) {
        Confidence::Declared
    } else {
        Confidence::Doubtful
    }
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

#[cfg(test)]
mod tests {
    use encoding_rs::{ISO_8859_15, KOI8_R, SHIFT_JIS, WINDOWS_1251, WINDOWS_1252};

    use super::*;

    fn of(bytes: &[u8], http: Option<&str>) -> Decided {
        decide(&Survey::of(bytes, 1000), Said { http, ..Said::default() }, &|| Ok(Box::new(bytes))).unwrap()
    }

    fn refused(bytes: &[u8]) -> NotText {
        match decide(&Survey::of(bytes, 1000), Said::default(), &|| Ok(Box::new(bytes))).unwrap_err() {
            Undecided::NotText(error) => error,
            error => panic!("{error}"),
        }
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
            assert_eq!(
                (decided.detected, decided.confidence),
                (Some(Code::Standard(WINDOWS_1252)), Confidence::Likely)
            );
        }
    }

    #[test]
    fn what_nobody_declares_is_detected() {
        for encoding in [WINDOWS_1251, KOI8_R] {
            let decided = of(&encoding.encode(&RUSSIAN.repeat(5)).0, None);
            assert_eq!(decided.detected, Some(Code::Standard(encoding)));
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
            let said = Said { listed: Some(label), http: Some("utf-8"), ..Said::default() };
            decide(&Survey::of(bytes, 1000), said, &|| Ok(Box::new(bytes)))
        };
        let decided = given(RUSSIAN.as_bytes(), "windows-1251").unwrap();
        assert_eq!((decided.used.name(), decided.confidence), ("windows-1251", Confidence::Given));
        let marked = [b"\xFE\xFF".as_slice(), &utf16(RUSSIAN, u16::to_be_bytes)].concat();
        let decided = given(&marked, "utf-16").unwrap();
        assert_eq!((decided.used.name(), decided.bom_bytes), ("UTF-16BE", 2), "the mark says in which order");
        let decided = given(&[b"\xEF\xBB\xBF".as_slice(), RUSSIAN.as_bytes()].concat(), "utf-8").unwrap();
        assert_eq!(decided.bom_bytes, 3);
        let unknown = given(b"x", "utf-9").unwrap_err();
        assert!(matches!(unknown, Undecided::NotText(NotText::Unknown(label)) if label == "utf-9"));
    }

    #[test]
    fn a_declaration_beside_what_the_bytes_look_like_is_doubtful() {
        let bytes = WINDOWS_1251.encode(&RUSSIAN.repeat(5)).0.into_owned();
        let decided = of(&bytes, Some("windows-1252"));
        assert_eq!((decided.used.name(), decided.confidence), ("windows-1252", Confidence::Doubtful));
        assert_eq!(decided.detected, Some(Code::Standard(WINDOWS_1251)));
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
