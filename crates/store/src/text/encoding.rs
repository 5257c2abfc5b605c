//! Which encoding the bytes are in.
//!
//! In this order: what the source list gives; a byte order mark; UTF-32 that shows itself by its units; UTF-16 that shows
//! itself by its NULs or by its letters; ISO-2022-JP, ISO-2022-KR and HZ that show themselves by their
//! escapes; UTF-8 (and so ASCII) if the bytes are valid, or nearly so; what HTTP or the text itself declares;
//! what the bytes look like. If the first reading proves nothing, the whole text is read once more. An
//! encoding in which the text does not decode is then ruled out, even if it is declared. Of 3,385 real texts,
//! 776 declare an encoding that they are not in.
//!
//! Bytes with more than [`GARBAGE_PER_MILLE`] NULs, where they are not UTF-16, or ten times that many other control
//! characters, are not text at all.

mod candidates;
mod guess;
mod language;
mod latin_9;
mod sample;
mod trials;
mod utf16_cjk;
mod word_shape;

use std::io::{self, Read};

use corpus::meta::Confidence;
use encoding_rs::{DecoderResult, Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};
use flow::blobs::BlobError;

use self::{
    candidates::Candidate,
    guess::{Guess, fit, guess, is_odd},
    language::Language,
    trials::DecodeTrials,
};
use super::{
    boilerplate::header_fields::{declared_encoding, declared_language},
    codec::{ByteOrder, Codec, PLAIN, SevenBit, is_utf32, labels},
    scan::Scan,
};

/// The share of characters that may be garbage before the whole is: one in a thousand.
pub(crate) const GARBAGE_PER_MILLE: u64 = 1;
/// A few bad characters are let through in short texts, whatever their share.
pub(crate) const GARBAGE_TOLERATED: u64 = 3;
/// UTF-8 with bad sequences in it is still UTF-8 if it has this many characters of several bytes for each.
const UTF8_GOOD_PER_BAD: u64 = 10;
/// The minimum fit of the declared encoding, as a share of the fit of the detected one. A declaration with a
/// lower fit is doubtful.
const DECLARED_FIT_MIN: f64 = 0.9;

/// The encoding of a text, and how that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EncodingDecision {
    pub(crate) used: Codec,
    /// Bytes of the byte order mark, 0 without one.
    pub(crate) bom_bytes: usize,
    /// What the text says of itself.
    pub(crate) declared_text: Option<String>,
    /// The encoding that the text looks like, if the bytes prove nothing.
    pub(crate) detected: Option<Codec>,
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

/// The reasons why no encoding was decided on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DecideError {
    #[error(transparent)]
    NotText(#[from] NotText),
    /// The text could not be opened once more.
    #[error(transparent)]
    Opening(#[from] BlobError),
    /// The text could not be read once more.
    #[error(transparent)]
    Reading(#[from] io::Error),
}

/// Whether so many bad characters among so many spoil the whole.
pub(crate) fn is_garbage(bad: u64, characters: u64) -> bool {
    bad > GARBAGE_TOLERATED && bad.saturating_mul(1000) > characters.saturating_mul(GARBAGE_PER_MILLE)
}

/// What is said of a text's encoding by others.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SourceHints<'a> {
    /// By the source list.
    pub(crate) listed: Option<&'a str>,
    /// By HTTP.
    pub(crate) http: Option<&'a str>,
    /// The language, from the source list.
    pub(crate) language: Option<&'a str>,
    /// The host that the text comes from.
    pub(crate) host: Option<&'a str>,
}

/// Opens the whole text for one more reading.
pub(crate) type Reopen<'a> = &'a dyn Fn() -> Result<Box<dyn Read + 'a>, BlobError>;

/// Decides on the encoding by the first reading and by what others declare. Calls `reopen` if these prove
/// nothing.
pub(crate) fn decide(
    survey: &Scan,
    said: SourceHints<'_>,
    reopen: Reopen<'_>,
) -> Result<EncodingDecision, DecideError> {
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
    Ok(EncodingDecision { used, bom_bytes, declared_text, detected, confidence })
}

/// Uses the encoding that the source list gives, whatever the bytes are. Only the byte order comes from a
/// byte order mark.
fn given(survey: &Scan, label: &str, marked: Option<(Codec, usize)>) -> Result<EncodingDecision, NotText> {
    let used = Codec::for_label(label).ok_or_else(|| NotText::Unknown(label.to_owned()))?;
    let used = marked.map(|(code, _)| code).filter(|code| is_family(used, *code)).unwrap_or(used);
    let bom_bytes = marked.filter(|(code, _)| *code == used).map_or(0, |(_, length)| length);
    let declared_text = declared_encoding(&decoded_head(survey, Some(used), bom_bytes));
    Ok(EncodingDecision { used, bom_bytes, declared_text, detected: None, confidence: Confidence::Given })
}

/// A byte order mark, and how long it is.
fn mark(head: &[u8]) -> Option<(Codec, usize)> {
    if head.starts_with(&[0xFF, 0xFE, 0, 0]) {
        return Some((Codec::Utf32(ByteOrder::Little), 4));
    }
    if head.starts_with(&[0, 0, 0xFE, 0xFF]) {
        return Some((Codec::Utf32(ByteOrder::Big), 4));
    }
    Encoding::for_bom(head).map(|(encoding, length)| (Codec::Standard(encoding), length))
}

/// Whether both are UTF-16, or both UTF-32: a byte order mark then says in which order.
fn is_family(one: Codec, other: Codec) -> bool {
    let is_utf16 = |code| [Codec::Standard(UTF_16LE), Codec::Standard(UTF_16BE)].contains(&code);
    let is_utf32 = |code| matches!(code, Codec::Utf32(_));
    one == other || (is_utf16(one) && is_utf16(other)) || (is_utf32(one) && is_utf32(other))
}

/// Returns the encoding that the first reading proves, or makes likely.
fn shown(survey: &Scan, marked: Option<Codec>) -> Option<(Codec, Confidence)> {
    let proven = marked.or_else(|| utf32_by_units(survey)).or_else(|| utf16_by_nuls(survey));
    let likely = || utf16_by_letters(survey).map(|encoding| (Codec::Standard(encoding), Confidence::Likely));
    proven.map(|code| (code, Confidence::Proven)).or_else(likely)
}

fn utf32_by_units(survey: &Scan) -> Option<Codec> {
    let is_it = |order: &ByteOrder| survey.bytes.is_multiple_of(4) && is_utf32(&survey.head, *order);
    [ByteOrder::Little, ByteOrder::Big].into_iter().find(is_it).map(Codec::Utf32)
}

fn refuse_binary(survey: &Scan) -> Result<(), NotText> {
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
fn utf16_by_nuls(survey: &Scan) -> Option<Codec> {
    let [even, odd] = survey.nuls;
    let (encoding, many, few) = if odd > even { (UTF_16LE, odd, even) } else { (UTF_16BE, even, odd) };
    let safe = survey.bytes.is_multiple_of(2) && many * 10 > survey.bytes / 2 && few * 50 < many;
    (safe && !is_garbage_in(&survey.head, encoding)).then_some(Codec::Standard(encoding))
}

/// UTF-16 without a byte order mark in scripts that have few NULs there.
fn utf16_by_letters(survey: &Scan) -> Option<&'static Encoding> {
    let samples = [&*survey.head, &survey.tail];
    // Hardly any other text has these, so hardly any is looked at.
    let has_odd_bytes = survey.nuls != [0, 0] || survey.controls > 0;
    let may_be = survey.bytes.is_multiple_of(2) && has_odd_bytes;
    Some(match may_be.then(|| utf16_cjk::byte_order(&samples))?? {
        ByteOrder::Little => UTF_16LE,
        ByteOrder::Big => UTF_16BE,
    })
}

/// Finds an encoding of ASCII bytes and escapes. Such a text is valid UTF-8, too. Its escapes may stand
/// anywhere.
fn by_escapes(survey: &Scan, reopen: Reopen<'_>) -> Result<Option<(Codec, Confidence)>, DecideError> {
    let is_seven_bit = survey.utf8_invalid == 0 && survey.utf8_leads == 0;
    let mut codes = Vec::new();
    if survey.escapes > 0 {
        codes.extend([Codec::Standard(ISO_2022_JP), Codec::SevenBit(SevenBit::Iso2022Kr)]);
    }
    if survey.hz_escapes > 0 {
        codes.push(Codec::SevenBit(SevenBit::Hz));
    }
    if !is_seven_bit || codes.is_empty() {
        return Ok(None);
    }
    let found = trials::decodes_best_in(reopen()?, survey.bytes, &codes)?;
    let unknown = (survey.designations > 0).then_some((PLAIN, Confidence::Doubtful));
    Ok(found.map(|(code, flaws)| (code, of_flaws(flaws.bad))).or(unknown))
}

/// Returns the confidence in an encoding that shows itself: proven if all bytes decode, else likely.
fn of_flaws(bad: u64) -> Confidence {
    if bad == 0 { Confidence::Proven } else { Confidence::Likely }
}

/// Returns UTF-8 if the bytes are valid UTF-8, or nearly so.
fn utf8(survey: &Scan) -> Option<(Codec, Confidence)> {
    let Scan { utf8_invalid: bad, utf8_leads: good, .. } = *survey;
    let nearly = good.saturating_sub(bad) >= bad.saturating_mul(UTF8_GOOD_PER_BAD);
    nearly.then_some((PLAIN, of_flaws(bad)))
}

fn decoded_head(survey: &Scan, code: Option<Codec>, bom_bytes: usize) -> String {
    code.unwrap_or(PLAIN).decode(&survey.head[bom_bytes..])
}

/// Decides by what the whole text looks like, and by what is declared if the text decodes in that.
fn by_look(
    survey: &Scan,
    said: SourceHints<'_>,
    head: &str,
    declared_text: Option<&str>,
    reopen: Reopen<'_>,
) -> Result<(Codec, Option<Codec>, Confidence), DecideError> {
    let by_http = said.http.and_then(Codec::for_label);
    let by_text = declared_text.and_then(labels::find_in_words);
    let mut declared: Vec<Codec> =
        [by_http, by_text].into_iter().flatten().filter(|code| is_legacy(*code)).collect();
    let mut census = DecodeTrials::read(reopen()?, survey.bytes, &declared)?;
    let damaged = census.keep_lines_of_damaged();
    let whole = |code: Codec| census.flaws(code).is_some_and(|flaws| flaws.bad == 0);
    let nearly = |code: Codec| census.flaws(code).is_some_and(|flaws| !flaws.is_garbage());
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
    let look = guess(&census, &candidates, &hints(said, head));
    let (used, confidence) =
        match declared.iter().find(|code| census.is_same_text(**code, look.code)).or(declared.first()) {
            Some(declared) => (*declared, of_declared(&census, *declared, look)),
            None if look.is_sure => (look.code, Confidence::Likely),
            None => (look.code, Confidence::Doubtful),
        };
    let confidence = if whole(used) { confidence } else { Confidence::Doubtful };
    Ok((used, Some(look.code), confidence))
}

/// Returns whether a declared encoding may be right although the bytes do not prove it.
fn is_legacy(code: Codec) -> bool {
    let shows_itself = [UTF_8, UTF_16LE, UTF_16BE, REPLACEMENT].map(Codec::Standard);
    !shows_itself.contains(&code) && !matches!(code, Codec::Utf32(_))
}

/// Returns the languages that the text may be in: from the source list, its header and its host's country.
fn hints(said: SourceHints<'_>, head: &str) -> Vec<Language> {
    let in_header = declared_language(head);
    let named = [said.language, in_header.as_deref()].into_iter().flatten().flat_map(Language::named);
    named.chain(said.host.into_iter().flat_map(Language::of_host)).collect()
}

/// Returns the confidence in a declared encoding. That the whole text decodes in it is not enough: the
/// text decodes in many encodings.
fn of_declared(census: &DecodeTrials, declared: Codec, look: Guess) -> Confidence {
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
mod tests;
