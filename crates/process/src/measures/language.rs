//! Detects the language of a text by its beginning.

use serde::Serialize;

/// The length of the beginning that is examined, in bytes.
const SAMPLE_BYTES: usize = 16 << 10;

/// The beginning of a text.
#[derive(Debug, Default)]
pub(crate) struct LanguageSample {
    text: String,
    state: State,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// A character did not fit, so no later one may be added.
    Full,
}

impl LanguageSample {
    pub(crate) fn of(text: &str) -> Self {
        let mut sample = Self::default();
        sample.add_text(text);
        sample
    }

    /// Adds the beginning of the text that follows, unless the sample is full.
    pub(crate) fn add(&mut self, next: &Self) {
        self.add_text(&next.text);
        // The next sample is only the beginning of its chunk: what follows must not close up to it.
        if next.state == State::Full {
            self.state = State::Full;
        }
    }

    fn add_text(&mut self, text: &str) {
        if self.state == State::Full {
            return;
        }
        // Whole characters only: the sample must be UTF-8.
        let fits = text.floor_char_boundary(SAMPLE_BYTES - self.text.len());
        self.text.push_str(&text[..fits]);
        if fits < text.len() {
            self.state = State::Full;
        }
    }
}

/// The language that a text seems to be in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Language {
    /// The code of ISO 639-3.
    pub code: String,
    /// The confidence of the detector from 0 to 1, rounded to six decimals.
    pub confidence: f64,
    /// `true` if the detector considers the result reliable.
    pub reliable: bool,
}

impl Language {
    /// Detects the language by the letters and trigrams of the sample. Returns `None` if the sample has no
    /// words.
    pub(crate) fn detect(sample: &LanguageSample) -> Option<Self> {
        let found = whatlang::detect(&sample.text)?;
        Some(Self {
            code: found.lang().code().to_owned(),
            confidence: super::rounded(found.confidence()),
            reliable: found.is_reliable(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_detected_by_the_beginning_with_any_cuts() {
        let text = "Es war einmal ein König, der hatte eine Tochter, die war so schön wie der Tag. Später. "
            .repeat(400);
        let whole = LanguageSample::of(&text);
        let mut parts = LanguageSample::default();
        text.split_inclusive('ä').for_each(|piece| parts.add(&LanguageSample::of(piece)));
        assert_eq!(parts.text, whole.text);
        assert!(whole.text.len() > SAMPLE_BYTES - 4);
        let found = Language::detect(&whole).unwrap();
        assert_eq!((found.code.as_str(), found.reliable), ("deu", true));
        assert_eq!(Language::detect(&LanguageSample::of("123 --- 456")), None);
    }
}
