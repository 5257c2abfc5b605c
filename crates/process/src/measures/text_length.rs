//! The length of a text in bytes, characters and lines.

/// The length of a text.
#[derive(Debug, Default)]
pub(crate) struct TextLength {
    pub(crate) bytes: u64,
    pub(crate) characters: u64,
    line_feeds: u64,
    /// 1 if the last line has no line feed, otherwise 0.
    open_lines: u64,
}

impl TextLength {
    pub(crate) fn of(text: &str) -> Self {
        Self {
            bytes: text.len() as u64,
            characters: text.chars().count() as u64,
            line_feeds: memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64,
            open_lines: u64::from(!text.is_empty() && !text.ends_with('\n')),
        }
    }

    /// Adds the length of the text that follows.
    pub(crate) fn add(&mut self, next: &Self) {
        self.bytes += next.bytes;
        self.characters += next.characters;
        self.line_feeds += next.line_feeds;
        // An empty text does not continue a line.
        if next.bytes > 0 {
            self.open_lines = next.open_lines;
        }
    }

    /// Returns the number of line feeds, plus one if text follows the last.
    pub(crate) const fn lines(&self) -> u64 {
        self.line_feeds + self.open_lines
    }
}
