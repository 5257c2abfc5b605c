//! How long a text is.

/// How long a text is.
#[derive(Debug, Default)]
pub(crate) struct TextLength {
    pub(crate) bytes: u64,
    pub(crate) characters: u64,
    line_feeds: u64,
    /// Whether a last line has no line feed.
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

    pub(crate) fn add(&mut self, next: &Self) {
        self.bytes += next.bytes;
        self.characters += next.characters;
        self.line_feeds += next.line_feeds;
        if next.bytes > 0 {
            self.open_lines = next.open_lines;
        }
    }

    /// Line feeds, and one for what follows the last.
    pub(crate) const fn lines(&self) -> u64 {
        self.line_feeds + self.open_lines
    }
}
