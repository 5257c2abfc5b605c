//! Reads the whole text once more, if the first reading proved nothing, and finds the encodings in which it
//! decodes.

use std::io::{self, Read};

use encoding_rs::{Decoder, DecoderResult};

use super::{
    GARBAGE_PER_MILLE, GARBAGE_TOLERATED, c1_controls,
    candidates::{self, MULTI_BYTE},
    is_garbage,
    sample::NonAsciiSampler,
};
use crate::text::{
    codec::{Codec, recode::Recode},
    count::characters,
};

/// The number of bytes decoded at a time.
const WINDOW_BYTES: usize = 64 * 1024;

/// The results of one reading of the whole text.
#[derive(Debug)]
pub(super) struct DecodeTrials {
    /// The number of times that each byte occurs.
    counts: [u64; 256],
    /// The results of decoding the text in encodings of several bytes per character.
    trials: Vec<(Codec, TrialResult)>,
    /// The lines of the text that are not ASCII, or a selection of them.
    pub(super) evidence: Vec<u8>,
}

/// The part of a text that does not decode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TrialResult {
    /// The number of byte sequences that are no character, and of characters that no text contains.
    pub(super) bad: u64,
    /// The number of all characters.
    pub(super) characters: u64,
    /// The number of characters beyond ASCII.
    pub(super) beyond_ascii: u64,
}

impl TrialResult {
    /// Returns whether the text has flaws, but so many characters beyond ASCII that they are hardly there by
    /// chance.
    pub(super) fn are_damage(self) -> bool {
        self.bad > 0 && !self.is_garbage() && self.beyond_ascii >= self.bad * BEYOND_ASCII_PER_FLAW
    }

    /// Returns whether the text cannot be in that encoding.
    pub(super) fn is_garbage(self) -> bool {
        is_garbage(self.bad, self.characters)
    }
}

impl DecodeTrials {
    /// Reads a text of `bytes` bytes, and decodes it in `further` encodings besides the usual ones.
    pub(super) fn read(text: impl Read, bytes: u64, further: &[Codec]) -> io::Result<Self> {
        let usual = MULTI_BYTE.map(Codec::Standard);
        let further = further
            .iter()
            .copied()
            .filter(|code| !candidates::is_single_byte(*code) && !usual.contains(code));
        let mut trials: Vec<Trial> =
            usual.into_iter().chain(further).map(|code| Trial::new(code, bytes)).collect();
        let mut counts = [0; 256];
        let mut gatherer = NonAsciiSampler::default();
        each_window(text, |window| {
            for byte in window {
                counts[usize::from(*byte)] += 1;
            }
            gatherer.take(window);
            trials.iter_mut().for_each(|trial| trial.take(window, false));
            true
        })?;
        let trials = trials.into_iter().map(|trial| (trial.code, trial.finish())).collect();
        Ok(Self { counts, trials, evidence: gatherer.finish() })
    }

    /// Returns the flaws of the text in that encoding, or `None` if the encoding was not tried.
    pub(super) fn flaws(&self, code: Codec) -> Option<TrialResult> {
        if candidates::is_single_byte(code) {
            let bad = self.bytes().filter(|byte| candidates::character(code, *byte).is_none());
            let bad = bad.map(|byte| self.counts[usize::from(byte)]).sum();
            let characters = self.counts.iter().sum();
            return Some(TrialResult { bad, characters, beyond_ascii: self.beyond_ascii() });
        }
        let as_tried = candidates::as_tried(code);
        self.trials.iter().find(|(tried, _)| *tried == as_tried).map(|(_, flaws)| *flaws)
    }

    /// Returns whether the text is the same in both encodings.
    pub(super) fn is_same_text(&self, one: Codec, other: Codec) -> bool {
        if candidates::is_single_byte(one) && candidates::is_single_byte(other) {
            return one == other
                || self
                    .bytes()
                    .all(|byte| candidates::character(one, byte) == candidates::character(other, byte));
        }
        one == other || one.decode(&self.evidence) == other.decode(&self.evidence)
    }

    /// Returns the encodings of several bytes per character in which the text is damaged, if it decodes
    /// completely in none of them.
    ///
    /// Removes the damaged lines from the evidence. If more than half of the evidence is in such lines, this
    /// is not damage: nothing is removed, and the result is empty.
    pub(super) fn keep_lines_of_damaged(&mut self) -> Vec<Codec> {
        if self.trials.iter().any(|(_, flaws)| flaws.bad == 0) {
            return Vec::new();
        }
        let damaged = self.trials.iter().filter(|(_, flaws)| flaws.are_damage()).map(|(code, _)| *code);
        let damaged: Vec<Codec> = damaged.collect();
        let is_whole = |line: &[u8], code: &Codec| !code.decode(line).contains(char::REPLACEMENT_CHARACTER);
        let lines = self.evidence.split_inclusive(|byte| matches!(byte, b'\n' | b'\r'));
        let whole = lines.filter(|line| damaged.iter().any(|code| is_whole(line, code)));
        let whole: Vec<u8> = whole.flatten().copied().collect();
        if whole.len() * 2 < self.evidence.len() {
            return Vec::new();
        }
        self.evidence = whole;
        damaged
    }

    /// Returns the number of bytes beyond ASCII.
    pub(super) fn beyond_ascii(&self) -> u64 {
        self.counts[0x80..].iter().sum()
    }

    /// Returns the values beyond ASCII of the bytes in the text.
    fn bytes(&self) -> impl Iterator<Item = u8> {
        (0x80..=0xFF).filter(|byte| self.counts[usize::from(*byte)] > 0)
    }
}

/// The number of characters beyond ASCII that outweigh one flaw.
const BEYOND_ASCII_PER_FLAW: u64 = 100;

/// Returns the encoding of `codes`, whose bytes are all ASCII, in which the whole text decodes with the
/// fewest flaws, and these flaws. Returns `None` if the text has no characters beyond ASCII in any of them,
/// or too many flaws.
pub(super) fn decodes_best_in(
    text: impl Read,
    bytes: u64,
    codes: &[Codec],
) -> io::Result<Option<(Codec, TrialResult)>> {
    let mut trials: Vec<Trial> = codes.iter().map(|code| Trial::new(*code, bytes)).collect();
    each_window(text, |window| {
        trials.iter_mut().for_each(|trial| trial.take(window, false));
        trials.retain(|trial| trial.flaws.bad <= trial.flaws_max);
        !trials.is_empty()
    })?;
    let found = trials.into_iter().map(|trial| (trial.code, trial.finish()));
    let is_plausible = |flaws: TrialResult| flaws.are_damage() || (flaws.bad == 0 && flaws.beyond_ascii > 0);
    Ok(found.filter(|(_, flaws)| is_plausible(*flaws)).min_by_key(|(_, flaws)| flaws.bad))
}

/// Passes the text to `take` in windows, until the end or until `take` returns `false`.
fn each_window(mut text: impl Read, mut take: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
    let mut window = vec![0; WINDOW_BYTES];
    loop {
        match text.read(&mut window) {
            Ok(0) => return Ok(()),
            Ok(length) if take(&window[..length]) => {}
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// A text on its way through one decoder. Decoding stops when the text cannot be in that encoding.
struct Trial {
    code: Codec,
    recoder: Option<Box<dyn Recode>>,
    recoded: Vec<u8>,
    decoder: Decoder,
    decoded: String,
    flaws: TrialResult,
    /// The maximum number of flaws of a text in that encoding.
    flaws_max: u64,
}

impl Trial {
    fn new(code: Codec, bytes: u64) -> Self {
        Self {
            code,
            recoder: code.recoder(),
            recoded: Vec::new(),
            decoder: code.recoded().new_decoder_without_bom_handling(),
            decoded: String::with_capacity(WINDOW_BYTES),
            flaws: TrialResult::default(),
            flaws_max: GARBAGE_TOLERATED.max(bytes * GARBAGE_PER_MILLE / 1000),
        }
    }

    fn take(&mut self, bytes: &[u8], is_last: bool) {
        let Some(recoder) = &mut self.recoder else { return self.decode(bytes, is_last) };
        let mut recoded = std::mem::take(&mut self.recoded);
        recoded.clear();
        recoder.take(bytes, &mut recoded);
        if is_last {
            recoder.finish(&mut recoded);
        }
        self.decode(&recoded, is_last);
        self.recoded = recoded;
    }

    fn decode(&mut self, mut bytes: &[u8], is_last: bool) {
        while self.flaws.bad <= self.flaws_max {
            let (result, read) =
                self.decoder.decode_to_string_without_replacement(bytes, &mut self.decoded, is_last);
            bytes = &bytes[read..];
            self.flaws.bad +=
                u64::from(matches!(result, DecoderResult::Malformed(..))) + c1_controls(&self.decoded);
            let found = characters(&self.decoded);
            self.flaws.characters += found;
            self.flaws.beyond_ascii += found - self.decoded.bytes().filter(u8::is_ascii).count() as u64;
            self.decoded.clear();
            if matches!(result, DecoderResult::InputEmpty) {
                return;
            }
        }
    }

    fn finish(mut self) -> TrialResult {
        self.take(&[], true);
        self.flaws
    }
}
