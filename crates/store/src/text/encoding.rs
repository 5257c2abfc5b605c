//! Decides which encoding the bytes are in.
//!
//! The first of these that applies decides:
//!
//! 1. the encoding that the source list gives;
//! 2. a byte order mark;
//! 3. UTF-32, which is evident from its units;
//! 4. UTF-16, which is evident from its NULs or its letters;
//! 5. ISO-2022-JP, ISO-2022-KR and HZ, which are evident from their escapes;
//! 6. UTF-8 (and so ASCII), if the bytes are valid, or nearly so;
//! 7. the encoding that HTTP or the text itself declares;
//! 8. the encoding that the bytes look like.
//!
//! If the first reading proves nothing, the whole text is read once more. An encoding in which the text does
//! not decode is then excluded, even if it is declared: of 3,385 real texts, 776 declare an encoding that
//! they are not in.

mod candidates;
mod guess;
mod language;
mod latin_9;
mod sample;
mod trials;
mod utf16_cjk;
mod word_shape;

use std::io::Read;

use corpus::meta::Confidence;
use encoding_rs::{Encoding, ISO_2022_JP, REPLACEMENT, UTF_8, UTF_16BE, UTF_16LE};
use flow::blobs::BlobError;

use self::{
    candidates::Candidate,
    guess::{Guess, fit, guess, is_implausible},
    language::Language,
    trials::{DecodeTrials, Trial},
};
use super::{
    boilerplate::header_fields::{declared_encoding, declared_language},
    codec::{ByteOrder, Codec, SevenBit, is_utf32, labels},
    error::TextError,
    not_text::{NotText, refuse_binary},
    scan::Scan,
};

/// The number of valid characters of several bytes that outweigh one malformed sequence in UTF-8. In other
/// encodings, bytes beyond ASCII form such characters by chance only.
const UTF8_GOOD_PER_BAD: u64 = 10;
/// The minimum fit of the declared encoding, as a share of the fit of the guessed one. A declaration with a
/// lower fit is doubtful.
const DECLARED_FIT_MIN: f64 = 0.9;

/// The encoding of a text, and how that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EncodingDecision {
    pub(crate) used: Codec,
    /// The length of the byte order mark; 0 without one.
    pub(crate) bom_bytes: usize,
    /// The encoding that the text declares in its header.
    pub(crate) declared_text: Option<String>,
    /// The encoding that the text looks like, if the bytes prove nothing.
    pub(crate) detected: Option<Codec>,
    pub(crate) confidence: Confidence,
}

/// The hints to a text's encoding from outside of the text.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SourceHints<'a> {
    /// The encoding that the source list gives.
    pub(crate) listed: Option<&'a str>,
    /// The encoding that HTTP declares.
    pub(crate) http: Option<&'a str>,
    /// The language that the source list gives.
    pub(crate) language: Option<&'a str>,
    /// The host that the text comes from.
    pub(crate) host: Option<&'a str>,
}

/// Opens the whole text for one more reading.
pub(crate) type Reopen<'a> = &'a dyn Fn() -> Result<Box<dyn Read + 'a>, BlobError>;

/// Decides on the encoding by the first reading and the hints. Calls `reopen` if these prove nothing.
///
/// # Errors
/// [`TextError::NotText`] if the bytes are a binary file or the source list gives an unknown encoding; else
/// if the text cannot be read once more.
pub(crate) fn decide(
    scan: &Scan,
    hints: SourceHints<'_>,
    reopen: Reopen<'_>,
) -> Result<EncodingDecision, TextError> {
    let bom = byte_order_mark(&scan.head);
    if let Some(label) = hints.listed {
        return Ok(listed(scan, label, bom)?);
    }
    let bom_bytes = bom.map_or(0, |(_, length)| length);
    let evident = match evident(scan, bom.map(|(codec, _)| codec)) {
        Some(evident) => Some(evident),
        None => by_escapes(scan, reopen)?,
    };
    // UTF-16 and UTF-32 consist of NULs to a large part. In all other encodings they are a sign of binary
    // files.
    if evident.is_none_or(|(codec, _)| codec == Codec::UTF_8) {
        refuse_binary(&scan.counts)?;
    }
    let evident = evident.or_else(|| utf8(scan));
    let head = decoded_head(scan, evident.map_or(Codec::UTF_8, |(codec, _)| codec), bom_bytes);
    let declared_text = declared_encoding(&head);
    let (used, detected, confidence) = match evident {
        Some((codec, confidence)) => (codec, None, confidence),
        None => declared_or_guessed(scan, hints, &head, declared_text.as_deref(), reopen)?,
    };
    Ok(EncodingDecision { used, bom_bytes, declared_text, detected, confidence })
}

/// Uses the encoding that the source list gives, whatever the bytes are. Only the byte order comes from a
/// byte order mark.
fn listed(scan: &Scan, label: &str, bom: Option<(Codec, usize)>) -> Result<EncodingDecision, NotText> {
    let listed = Codec::for_label(label).ok_or_else(|| NotText::Unknown(label.to_owned()))?;
    let (used, bom_bytes) = bom.filter(|(marked, _)| is_family(listed, *marked)).unwrap_or((listed, 0));
    let declared_text = declared_encoding(&decoded_head(scan, used, bom_bytes));
    Ok(EncodingDecision { used, bom_bytes, declared_text, detected: None, confidence: Confidence::Given })
}

/// Returns the encoding that a byte order mark shows, and the length of the mark.
fn byte_order_mark(head: &[u8]) -> Option<(Codec, usize)> {
    match head {
        // The mark of UTF-32LE begins like that of UTF-16LE, so it is looked for first.
        [0xFF, 0xFE, 0, 0, ..] => Some((Codec::Utf32(ByteOrder::Little), 4)),
        [0, 0, 0xFE, 0xFF, ..] => Some((Codec::Utf32(ByteOrder::Big), 4)),
        _ => Encoding::for_bom(head).map(|(encoding, length)| (Codec::Standard(encoding), length)),
    }
}

/// Returns whether both are the same encoding, UTF-16, or UTF-32. A byte order mark then shows the order.
fn is_family(one: Codec, other: Codec) -> bool {
    let is_utf16 = |codec| [UTF_16LE, UTF_16BE].map(Codec::Standard).contains(&codec);
    let is_utf32 = |codec| matches!(codec, Codec::Utf32(_));
    one == other || (is_utf16(one) && is_utf16(other)) || (is_utf32(one) && is_utf32(other))
}

/// Returns the encoding that the first reading proves, or makes likely.
fn evident(scan: &Scan, marked: Option<Codec>) -> Option<(Codec, Confidence)> {
    let proven = marked.or_else(|| utf32_by_units(scan)).or_else(|| utf16_by_nuls(scan));
    let likely = || utf16_by_letters(scan).map(|codec| (codec, Confidence::Likely));
    proven.map(|codec| (codec, Confidence::Proven)).or_else(likely)
}

fn utf32_by_units(scan: &Scan) -> Option<Codec> {
    let is_it = |order: &ByteOrder| scan.counts.bytes.is_multiple_of(4) && is_utf32(&scan.head, *order);
    [ByteOrder::Little, ByteOrder::Big].into_iter().find(is_it).map(Codec::Utf32)
}

/// Returns UTF-16 without a byte order mark if there are many NULs, nearly all at positions of one parity,
/// and the first sample decodes. The high bytes of Latin letters, spaces and line ends are such NULs.
fn utf16_by_nuls(scan: &Scan) -> Option<Codec> {
    let bytes = scan.counts.bytes;
    let [even, odd] = scan.counts.nuls;
    let (encoding, many, few) = if odd > even { (UTF_16LE, odd, even) } else { (UTF_16BE, even, odd) };
    let codec = Codec::Standard(encoding);
    let decodes = || {
        let mut trial = Trial::new(codec, scan.head.len() as u64);
        trial.take(&scan.head, false);
        !trial.result.is_garbage()
    };
    // A tenth of the units are ASCII, and hardly any unit ends in a NUL.
    let has_form = bytes.is_multiple_of(2) && many * 10 > bytes / 2 && few * 50 < many;
    (has_form && decodes()).then_some(codec)
}

/// Returns UTF-16 without a byte order mark in scripts that have few NULs there.
fn utf16_by_letters(scan: &Scan) -> Option<Codec> {
    // Hardly any other text has such bytes, so hardly any other text is looked at.
    let has_rare_bytes = scan.counts.nuls != [0, 0] || scan.counts.controls > 0;
    if !has_rare_bytes || !scan.counts.bytes.is_multiple_of(2) {
        return None;
    }
    Some(Codec::Standard(match utf16_cjk::byte_order(&[&scan.head, &scan.tail])? {
        ByteOrder::Little => UTF_16LE,
        ByteOrder::Big => UTF_16BE,
    }))
}

/// Finds an encoding of ASCII bytes and escapes. Such a text is valid UTF-8, too. Its escapes may stand
/// anywhere.
fn by_escapes(scan: &Scan, reopen: Reopen<'_>) -> Result<Option<(Codec, Confidence)>, TextError> {
    let counts = &scan.counts;
    let is_seven_bit = counts.utf8_invalid == 0 && counts.utf8_leads == 0;
    let mut codecs = Vec::new();
    if counts.escapes > 0 {
        codecs.extend([Codec::Standard(ISO_2022_JP), Codec::SevenBit(SevenBit::Iso2022Kr)]);
    }
    if counts.hz_escapes > 0 {
        codecs.push(Codec::SevenBit(SevenBit::Hz));
    }
    if !is_seven_bit || codecs.is_empty() {
        return Ok(None);
    }
    let found = trials::decodes_best_in(reopen()?, counts.bytes, &codecs)?;
    // Character sets are switched to, but in none of these encodings: the text would pass for ASCII.
    let unknown = (counts.designations > 0).then_some((Codec::UTF_8, Confidence::Doubtful));
    Ok(found.map(|(codec, result)| (codec, of_errors(result.errors))).or(unknown))
}

/// Returns the confidence in an evident encoding: proven if all bytes decode, else likely.
fn of_errors(errors: u64) -> Confidence {
    if errors == 0 { Confidence::Proven } else { Confidence::Likely }
}

/// Returns UTF-8 if the bytes are valid UTF-8, or nearly so.
fn utf8(scan: &Scan) -> Option<(Codec, Confidence)> {
    let (bad, leads) = (scan.counts.utf8_invalid, scan.counts.utf8_leads);
    let is_nearly_valid = leads.saturating_sub(bad) >= bad.saturating_mul(UTF8_GOOD_PER_BAD);
    is_nearly_valid.then_some((Codec::UTF_8, of_errors(bad)))
}

fn decoded_head(scan: &Scan, codec: Codec, bom_bytes: usize) -> String {
    codec.decode(&scan.head[bom_bytes..])
}

/// Decides by the declarations in which the whole text decodes, and by what it looks like. Returns the
/// encoding, the one that the text looks like, and the confidence.
fn declared_or_guessed(
    scan: &Scan,
    hints: SourceHints<'_>,
    head: &str,
    declared_text: Option<&str>,
    reopen: Reopen<'_>,
) -> Result<(Codec, Option<Codec>, Confidence), TextError> {
    let by_http = hints.http.and_then(Codec::for_label);
    let by_text = declared_text.and_then(labels::find_in_words);
    let mut declared: Vec<Codec> =
        [by_http, by_text].into_iter().flatten().filter(|codec| is_legacy(*codec)).collect();
    let mut trials = DecodeTrials::read(reopen()?, scan.counts.bytes, &declared)?;
    let damaged = trials.drop_damaged_lines();
    let is_whole = |codec: Codec| trials.result(codec).is_some_and(|result| result.errors == 0);
    let is_nearly_whole = |codec: Codec| trials.result(codec).is_some_and(|result| !result.is_garbage());
    let mut candidates: Vec<Candidate> =
        candidates::all().filter(|candidate| is_whole(candidate.codec)).collect();
    let has_whole = !candidates.is_empty();
    // A text that decodes in none of them is damaged. Then those in which it nearly decodes are left.
    if !has_whole {
        candidates = candidates::all().filter(|candidate| is_nearly_whole(candidate.codec)).collect();
    }
    candidates.extend(damaged.iter().filter_map(|codec| candidates::of(*codec)));
    declared.retain(|codec| {
        is_whole(*codec)
            || damaged.contains(&candidates::as_tried(*codec))
            || (!has_whole && is_nearly_whole(*codec))
    });
    let guess = guess(&trials, &candidates, &languages(hints, head));
    // HTTP and the text may declare two encodings. The one that the text looks like comes first, then that of
    // HTTP.
    let is_guessed = |codec: &&Codec| trials.is_same_text(**codec, guess.codec);
    let (used, confidence) = match declared.iter().find(is_guessed).or(declared.first()) {
        Some(declared) => (*declared, of_declared(&trials, *declared, guess)),
        None if guess.is_reliable => (guess.codec, Confidence::Likely),
        None => (guess.codec, Confidence::Doubtful),
    };
    let confidence = if is_whole(used) { confidence } else { Confidence::Doubtful };
    Ok((used, Some(guess.codec), confidence))
}

/// Returns whether a declared encoding may be right although the bytes do not prove it.
fn is_legacy(codec: Codec) -> bool {
    let evident = [UTF_8, UTF_16LE, UTF_16BE, REPLACEMENT].map(Codec::Standard);
    !evident.contains(&codec) && !matches!(codec, Codec::Utf32(_))
}

/// Returns the languages that the text may be in: from the source list, its header and its host's country.
fn languages(hints: SourceHints<'_>, head: &str) -> Vec<Language> {
    let in_header = declared_language(head);
    let named = [hints.language, in_header.as_deref()].into_iter().flatten().flat_map(Language::named);
    named.chain(hints.host.into_iter().flat_map(Language::of_host)).collect()
}

/// Returns the confidence in a declared encoding. That the whole text decodes in it is not enough: the
/// text decodes in many encodings.
fn of_declared(trials: &DecodeTrials, declared: Codec, guess: Guess) -> Confidence {
    let fits = || fit(trials, declared).is_some_and(|fit| fit >= guess.fit * DECLARED_FIT_MIN);
    let is_plausible = || !is_implausible(trials, declared);
    if trials.is_same_text(declared, guess.codec) || (!guess.is_reliable && fits() && is_plausible()) {
        Confidence::Declared
    } else {
        Confidence::Doubtful
    }
}

#[cfg(test)]
mod tests;
