//! Detects HTML and XML pages.
//!
//! The marks of a page are those of the WHATWG MIME Sniffing Standard §7.1, in UTF-8 or UTF-16. A byte order
//! mark and any amount of white space may come before them. A page may also begin late, after a line or two
//! that somebody put before it. Such a body is a page if the page goes on to the end of the body and is more
//! than half of it. A text that quotes a page goes on after the quotation, or is longer than it.

use memchr::{memchr, memchr_iter};

/// The number of bytes that are searched for the beginning of a page.
const WINDOW_BYTES: usize = 16 * 1024;
/// The number of last bytes that are searched for the end of a late page.
const TAIL_BYTES: usize = 1024;

const MARKS: [&str; 19] = [
    "<!doctype html",
    "<html",
    "<head",
    "<script",
    "<iframe",
    "<h1",
    "<div",
    "<font",
    "<table",
    "<a",
    "<style",
    "<title",
    "<b",
    "<body",
    "<br",
    "<p",
    "<meta",
    "<!--",
    "<?xml",
];
/// The marks with which a late page may begin.
const LATE_MARKS: [&str; 4] = ["<!doctype html", "<html", "<head", "<body"];
const LAST_TAGS: [&str; 2] = ["</html", "</body"];

/// Returns whether a body that begins with these bytes is a page.
pub(super) fn begins(head: &[u8]) -> bool {
    let mut text = Vec::new();
    View::default().read(head, &mut text);
    is_marked(&text)
}

fn is_marked(text: &[u8]) -> bool {
    MARKS.iter().any(|mark| begins_with(text, mark))
}

/// Returns whether a text begins with the mark as a whole tag name.
fn begins_with(text: &[u8], mark: &str) -> bool {
    let Some((start, rest)) = text.split_at_checked(mark.len()) else { return false };
    start.eq_ignore_ascii_case(mark.as_bytes())
        && (mark.starts_with("<!--")
            || rest.first().is_none_or(|b| b.is_ascii_whitespace() || b"/>".contains(b)))
}

/// A filter for the bytes in which marks are searched. It skips a byte order mark, the white space before the
/// first other byte, and NUL, so that UTF-16 reads as ASCII.
#[derive(Debug, Default)]
struct View {
    seen: usize,
    has_begun: bool,
}

impl View {
    /// Appends what is left of the next bytes to `view`.
    fn read(&mut self, bytes: &[u8], view: &mut Vec<u8>) {
        for (at, &byte) in bytes.iter().enumerate() {
            // From here on only NUL is skipped, and hardly any text has one.
            if self.has_begun && self.seen >= 3 {
                let mut rest = &bytes[at..];
                while let Some(nul) = memchr(0, rest) {
                    view.extend_from_slice(&rest[..nul]);
                    rest = &rest[nul + 1..];
                }
                return view.extend_from_slice(rest);
            }
            let is_of_mark = self.seen < 3 && matches!(byte, 0xef | 0xbb | 0xbf | 0xff | 0xfe);
            self.seen = self.seen.saturating_add(1);
            let is_blank = is_of_mark || byte.is_ascii_whitespace();
            if byte == 0 || !self.has_begun && is_blank {
                continue;
            }
            self.has_begun = true;
            view.push(byte);
        }
    }
}

/// Watches a body for a page.
#[derive(Debug, Default)]
pub(super) struct PageWatch {
    view: View,
    bytes: u64,
    found: Found,
    /// The bytes of the window. After a late page may have begun, the last bytes of the body.
    held: Vec<u8>,
    has_markup: bool,
}

/// The state of the search.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// The window is not full yet.
    #[default]
    Looking,
    /// There is no page.
    Nothing,
    /// A page begins at the start.
    Page,
    /// A late page may begin after this number of bytes.
    Late(u64),
}

impl PageWatch {
    /// Takes the next bytes.
    pub(super) fn feed(&mut self, chunk: &[u8]) {
        let mut rest = chunk;
        while self.found == Found::Looking && !rest.is_empty() {
            let room = WINDOW_BYTES - self.held.len();
            let (next, after) = rest.split_at(room.min(rest.len()));
            self.hold(next);
            rest = after;
            if self.held.len() == WINDOW_BYTES {
                self.look();
            }
        }
        match self.found {
            Found::Looking => {}
            Found::Nothing | Found::Page => self.bytes += rest.len() as u64,
            Found::Late(_) => {
                self.hold(rest);
                self.keep_tail();
            }
        }
    }

    fn hold(&mut self, bytes: &[u8]) {
        let before = self.held.len();
        self.view.read(bytes, &mut self.held);
        self.bytes += (self.held.len() - before) as u64;
    }

    /// Ends the body: searches the window if it is not full.
    pub(super) fn end(&mut self) {
        if self.found == Found::Looking {
            self.look();
        }
    }

    /// Returns the number of bytes received, without a byte order mark and white space at the start. NUL
    /// bytes in the window are not counted either.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns whether the window contains a tag.
    pub(super) fn has_markup(&self) -> bool {
        self.has_markup
    }

    /// Returns whether a page begins at the start, or begins late and goes on to the end.
    pub(super) fn is_late_page(&self) -> bool {
        match self.found {
            Found::Page => true,
            Found::Late(at) => at < self.bytes - at && ends_page(&self.held),
            Found::Looking | Found::Nothing => false,
        }
    }

    /// Searches the window for a page and for tags.
    fn look(&mut self) {
        self.has_markup = has_tag(&self.held);
        self.found = match late_mark(&self.held) {
            _ if is_marked(&self.held) => Found::Page,
            Some(at) => Found::Late(at as u64),
            None => Found::Nothing,
        };
        self.keep_tail();
    }

    fn keep_tail(&mut self) {
        match self.found {
            Found::Looking => {}
            Found::Nothing | Found::Page => self.held = Vec::new(),
            Found::Late(_) => {
                let more = self.held.len().saturating_sub(TAIL_BYTES);
                self.held.drain(..more);
            }
        }
    }
}

fn tags(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    memchr_iter(b'<', text).map(|at| (at, &text[at..]))
}

fn late_mark(text: &[u8]) -> Option<usize> {
    tags(text).find(|(_, tag)| LATE_MARKS.iter().any(|mark| begins_with(tag, mark))).map(|(at, _)| at)
}

/// Returns whether a text contains a mark of a page or a closing tag.
fn has_tag(text: &[u8]) -> bool {
    tags(text).any(|(_, tag)| is_marked(tag) || tag.get(1) == Some(&b'/'))
}

/// Returns whether a page ends in these bytes: only white space and comments come after its last tag.
fn ends_page(tail: &[u8]) -> bool {
    let mut rest = trimmed(tail);
    while let Some(before) = rest.strip_suffix(b"-->") {
        let Some(at) = before.windows(4).rposition(|window| window == b"<!--") else { return false };
        rest = trimmed(&before[..at]);
    }
    let Some(tag) = rest.iter().rposition(|b| *b == b'<').map(|at| &rest[at..]) else { return false };
    rest.ends_with(b">") && LAST_TAGS.iter().any(|last| begins_with(tag, last))
}

fn trimmed(text: &[u8]) -> &[u8] {
    text.trim_ascii_end().strip_suffix(b"\x1a").unwrap_or(text).trim_ascii_end()
}
