//! In which language a text is, by its beginning.

use serde::Serialize;

/// Bytes of the beginning that are looked at.
const SAMPLE_BYTES: usize = 16 << 10;

/// The beginning of a text.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    text: String,
    state: State,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// A character did not fit: none that follows may come in.
    Full,
}

impl Sample {
    pub(crate) fn of(text: &str) -> Self {
        let mut sample = Self::default();
        sample.add_text(text);
        sample
    }

    /// What follows, where it is not long enough.
    pub(crate) fn add(&mut self, next: &Self) {
        self.add_text(&next.text);
        if next.state == State::Full {
            self.state = State::Full;
        }
    }

    fn add_text(&mut self, text: &str) {
        if self.state == State::Full {
            return;
        }
        let fits = text.floor_char_boundary(SAMPLE_BYTES - self.text.len());
        self.text.push_str(&text[..fits]);
        if fits < text.len() {
            self.state = State::Full;
        }
    }
}

/// What language a text seems to be in.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Language {
    /// ISO 639-3.
    pub code: String,
    /// From 0 to 1, rounded to six decimals.
    pub confidence: f64,
    /// Whether the detector itself would rely on it.
    pub reliable: bool,
}

impl Language {
    /// By the letters and groups of three letters of the sample; none where it has no words.
    pub(crate) fn of(sample: &Sample) -> Option<Self> {
        let found = whatlang::detect(&sample.text)?;
        Some(Self {
            code: found.lang().code().to_owned(),
            confidence: crate::measures::rounded(found.confidence()),
            reliable: found.is_reliable(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_is_told_by_the_beginning_however_it_is_cut() {
        let text = "Es war einmal ein König, der hatte eine Tochter, die war so schön wie der Tag. Später. "
            .repeat(400);
        let whole = Sample::of(&text);
        let mut parts = Sample::default();
        text.split_inclusive('ä').for_each(|piece| parts.add(&Sample::of(piece)));
        assert_eq!(parts.text, whole.text);
        assert!(whole.text.len() > SAMPLE_BYTES - 4);
        let found = Language::of(&whole).unwrap();
        assert_eq!((found.code.as_str(), found.reliable), ("deu", true));
        assert_eq!(Language::of(&Sample::of("123 --- 456")), None);
    }
}
