//! Reads the whole text once more, if the first reading proved nothing, and finds the encodings in which it
//! decodes.

use std::io::{self, Read};

use super::{candidates, sample::NonAsciiSampler};
use crate::text::{
    codec::{Codec, StreamDecoder},
    count::characters,
    not_text::{BAD_PER_MILLE_MAX, BAD_TOLERATED, c1_controls, is_garbage},
    window::read_window,
};

/// The number of bytes decoded at a time.
const WINDOW_BYTES: usize = 64 * 1024;
/// The number of characters beyond ASCII that outweigh one error.
const NON_ASCII_PER_ERROR: u64 = 100;

/// The results of one reading of the whole text.
#[derive(Debug)]
pub(super) struct DecodeTrials {
    /// The number of times that each byte occurs.
    counts: [u64; 256],
    /// The results of decoding the text in encodings of several bytes per character.
    trials: Vec<(Codec, TrialResult)>,
    /// The lines of the text that are not ASCII, or a selection of them.
    pub(super) sample: Vec<u8>,
}

/// The result of decoding a text in one encoding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TrialResult {
    /// The number of byte sequences that are no character, and of characters that no text contains.
    pub(super) errors: u64,
    /// The number of all characters.
    pub(super) characters: u64,
    /// The number of characters beyond ASCII.
    pub(super) non_ascii: u64,
}

impl TrialResult {
    /// Returns whether the text has errors, but so many characters beyond ASCII that they are hardly there by
    /// chance.
    pub(super) fn is_damage(self) -> bool {
        self.errors > 0 && !self.is_garbage() && self.non_ascii >= self.errors * NON_ASCII_PER_ERROR
    }

    /// Returns whether the text cannot be in that encoding.
    pub(super) fn is_garbage(self) -> bool {
        is_garbage(self.errors, self.characters)
    }
}

impl DecodeTrials {
    /// Reads a text of `bytes` bytes. Decodes it in all candidates of several bytes per character, and in
    /// `further` encodings.
    pub(super) fn read(mut text: impl Read, bytes: u64, further: &[Codec]) -> io::Result<Self> {
        let mut codecs: Vec<Codec> = Vec::new();
        for codec in candidates::all().map(|candidate| candidate.codec).chain(further.iter().copied()) {
            // For encodings of one byte per character, the counts of the bytes say enough.
            if !candidates::is_single_byte(codec) && !codecs.contains(&codec) {
                codecs.push(codec);
            }
        }
        let mut trials: Vec<Trial> = codecs.into_iter().map(|codec| Trial::new(codec, bytes)).collect();
        let mut counts = [0; 256];
        let mut sampler = NonAsciiSampler::default();
        let mut window = vec![0; WINDOW_BYTES];
        while let length @ 1.. = read_window(&mut text, &mut window)? {
            let bytes = &window[..length];
            for byte in bytes {
                counts[usize::from(*byte)] += 1;
            }
            sampler.take(bytes);
            for trial in &mut trials {
                trial.take(bytes, false);
            }
        }
        let trials = trials.into_iter().map(|trial| (trial.codec, trial.finish())).collect();
        Ok(Self { counts, trials, sample: sampler.finish() })
    }

    /// Returns the result of decoding the text in that encoding, or `None` if the encoding was not tried.
    pub(super) fn result(&self, codec: Codec) -> Option<TrialResult> {
        if candidates::is_single_byte(codec) {
            // The counts of the bytes are enough: every byte decodes by itself.
            let bad = self.non_ascii_bytes().filter(|byte| candidates::character(codec, *byte).is_none());
            let errors = bad.map(|byte| self.counts[usize::from(byte)]).sum();
            let characters = self.counts.iter().sum();
            return Some(TrialResult { errors, characters, non_ascii: self.non_ascii_count() });
        }
        let as_tried = candidates::as_tried(codec);
        self.trials.iter().find(|(tried, _)| *tried == as_tried).map(|(_, result)| *result)
    }

    /// Returns whether the text is the same in both encodings.
    pub(super) fn is_same_text(&self, one: Codec, other: Codec) -> bool {
        let is_same_character = |byte| candidates::character(one, byte) == candidates::character(other, byte);
        one == other
            || if candidates::is_single_byte(one) && candidates::is_single_byte(other) {
                self.non_ascii_bytes().all(is_same_character)
            } else {
                one.decode(&self.sample) == other.decode(&self.sample)
            }
    }

    /// Returns the encodings of several bytes per character in which the text is damaged, if it decodes
    /// completely in none of them.
    ///
    /// Removes the damaged lines from the sample. If more than half of the sample is in such lines, this
    /// is not damage: nothing is removed, and the result is empty.
    pub(super) fn drop_damaged_lines(&mut self) -> Vec<Codec> {
        // A text that decodes completely in one of them is not damaged.
        if self.trials.iter().any(|(_, result)| result.errors == 0) {
            return Vec::new();
        }
        let damaged = self.trials.iter().filter(|(_, result)| result.is_damage()).map(|(codec, _)| *codec);
        let damaged: Vec<Codec> = damaged.collect();
        let is_whole = |line: &[u8], codec: &Codec| !codec.decode(line).contains(char::REPLACEMENT_CHARACTER);
        let lines = self.sample.split_inclusive(|byte| matches!(byte, b'\n' | b'\r'));
        let whole = lines.filter(|line| damaged.iter().any(|codec| is_whole(line, codec)));
        let whole: Vec<u8> = whole.flatten().copied().collect();
        // Damage is rare. If it is everywhere, the text is in another encoding.
        if whole.len() * 2 < self.sample.len() {
            return Vec::new();
        }
        self.sample = whole;
        damaged
    }

    /// Returns the number of bytes beyond ASCII.
    pub(super) fn non_ascii_count(&self) -> u64 {
        self.counts[0x80..].iter().sum()
    }

    /// Returns the values beyond ASCII of the bytes in the text.
    fn non_ascii_bytes(&self) -> impl Iterator<Item = u8> {
        (0x80..=0xFF).filter(|byte| self.counts[usize::from(*byte)] > 0)
    }
}

/// Returns the encoding of `codecs`, whose bytes are all ASCII, in which the whole text decodes with the
/// fewest errors, and the result. Returns `None` if the text has no characters beyond ASCII in any of them,
/// or too many errors.
pub(super) fn decodes_best_in(
    mut text: impl Read,
    bytes: u64,
    codecs: &[Codec],
) -> io::Result<Option<(Codec, TrialResult)>> {
    let mut trials: Vec<Trial> = codecs.iter().map(|codec| Trial::new(*codec, bytes)).collect();
    let mut window = vec![0; WINDOW_BYTES];
    // A text in none of these encodings need not be read to the end.
    while !trials.is_empty()
        && let length @ 1.. = read_window(&mut text, &mut window)?
    {
        trials.retain_mut(|trial| trial.take(&window[..length], false));
    }
    let found = trials.into_iter().map(|trial| (trial.codec, trial.finish()));
    let is_plausible =
        |result: TrialResult| result.is_damage() || (result.errors == 0 && result.non_ascii > 0);
    Ok(found.filter(|(_, result)| is_plausible(*result)).min_by_key(|(_, result)| result.errors))
}

/// A text on its way through one decoder. Decoding stops when the text cannot be in that encoding.
pub(super) struct Trial {
    codec: Codec,
    decoder: StreamDecoder,
    decoded: String,
    pub(super) result: TrialResult,
    /// The maximum number of errors of a text in that encoding.
    errors_max: u64,
}

impl Trial {
    pub(super) fn new(codec: Codec, bytes: u64) -> Self {
        Self {
            codec,
            decoder: StreamDecoder::new(codec),
            decoded: String::with_capacity(WINDOW_BYTES),
            result: TrialResult::default(),
            errors_max: BAD_TOLERATED.max(bytes * BAD_PER_MILLE_MAX / 1000),
        }
    }

    /// Decodes the next bytes. Returns whether the text may still be in that encoding.
    pub(super) fn take(&mut self, bytes: &[u8], is_last: bool) -> bool {
        let Self { decoder, decoded, result, errors_max, .. } = self;
        if result.errors > *errors_max {
            return false;
        }
        let count = |piece: &str, is_malformed| {
            result.errors += u64::from(is_malformed) + c1_controls(piece);
            let found = characters(piece);
            result.characters += found;
            result.non_ascii += found - piece.bytes().filter(u8::is_ascii).count() as u64;
            if result.errors > *errors_max { Err(()) } else { Ok(()) }
        };
        decoder.take(bytes, is_last, decoded, count).is_ok()
    }

    fn finish(mut self) -> TrialResult {
        self.take(&[], true);
        self.result
    }
}
