//! Detects bodies that are not texts by their bytes. The `Content-Type` of a response is only a hint: servers
//! derive it from the file name extension, or send their default.
//!
//! * `magic`: the first bytes of other file types, and of archives of texts: WARC, mbox, tar.
//! * `page`: HTML and XML, at the start or after other lines.
//! * A body with the media type of another file type (`image/jpeg`) is a text if its first bytes contain no
//!   binary byte. A body with the media type of a page is a text only if it has no markup and is longer than
//!   a notice.

mod magic;
mod page;

use std::borrow::Cow;

use self::page::PageWatch;

/// The number of first bytes that are examined for other file types.
pub(crate) const SNIFF_BYTES: usize = 512;
/// The minimum size of a text with the media type of a page. Shorter bodies are notices.
const LABELLED_PAGE_BYTES_MIN: u64 = 512;

/// The name of a page in messages.
pub(crate) const PAGE: &str = "an HTML or XML page";

const TYPES: [&str; 14] = [
    "application/zip",
    "application/epub+zip",
    "application/pdf",
    "application/gzip",
    "application/x-gzip",
    "application/x-bzip2",
    "application/x-xz",
    "application/zstd",
    "application/x-tar",
    "application/x-7z-compressed",
    "application/x-rar-compressed",
    "application/vnd.rar",
    "application/msword",
    "application/rtf",
];

const TYPE_FAMILIES: [&str; 4] = ["image/", "audio/", "video/", "font/"];

/// The meaning of a media type.
#[derive(Debug, Default)]
enum Label {
    /// The body may be a text.
    #[default]
    Text,
    /// The body is a page, which a server may send in place of anything.
    Page,
    /// The body is of this type, which no text has.
    Other(String),
    /// The body is of this type and has several parts.
    Parts(String),
}

impl Label {
    /// Reads a media type, which must be in lower case and without parameters.
    fn of(media_type: &str) -> Self {
        let name = || media_type.to_owned();
        match media_type {
            "text/html" | "application/xhtml+xml" => Self::Page,
            _ if media_type.starts_with("multipart/") => Self::Parts(name()),
            _ if TYPES.contains(&media_type) => Self::Other(name()),
            _ if TYPE_FAMILIES.iter().any(|family| media_type.starts_with(family)) => Self::Other(name()),
            _ => Self::Text,
        }
    }
}

/// Detects whether a body is a text while the body arrives.
#[derive(Debug, Default)]
pub(crate) struct Sniffer {
    label: Label,
    /// The first bytes, at most [`SNIFF_BYTES`].
    head: Vec<u8>,
    page: PageWatch,
}

impl Sniffer {
    /// Creates a sniffer for a body with this media type, which must be in lower case and without parameters.
    pub(crate) fn new(media_type: Option<&str>) -> Self {
        Self { label: media_type.map(Label::of).unwrap_or_default(), ..Self::default() }
    }

    /// Takes the next bytes. Returns what the body is, if it is not a text.
    pub(crate) fn feed(&mut self, chunk: &[u8]) -> Option<Cow<'static, str>> {
        let room = SNIFF_BYTES - self.head.len();
        self.head.extend_from_slice(&chunk[..chunk.len().min(room)]);
        let found = if room > 0 && self.head.len() == SNIFF_BYTES { self.judge_head() } else { None };
        self.page.feed(chunk);
        found
    }

    /// The same for a body that has ended.
    pub(crate) fn end(&mut self) -> Option<Cow<'static, str>> {
        let found = if self.head.len() < SNIFF_BYTES { self.judge_head() } else { None };
        found.or_else(|| self.is_page_at_end().then_some(Cow::Borrowed(PAGE)))
    }

    fn judge_head(&self) -> Option<Cow<'static, str>> {
        let kind = magic::kind(&self.head).or_else(|| page::begins(&self.head).then_some(PAGE));
        kind.map(Cow::Borrowed).or_else(|| match &self.label {
            Label::Text | Label::Page => None,
            Label::Other(name) => magic::is_binary(&self.head).then(|| Cow::Owned(name.clone())),
            Label::Parts(name) => {
                let is_refused = magic::is_binary(&self.head) || magic::is_in_parts(&self.head);
                is_refused.then(|| Cow::Owned(name.clone()))
            }
        })
    }

    fn is_page_at_end(&mut self) -> bool {
        self.page.end();
        match self.label {
            Label::Page => self.page.has_markup() || self.page.bytes() < LABELLED_PAGE_BYTES_MIN,
            Label::Text | Label::Other(_) | Label::Parts(_) => self.page.is_late_page(),
        }
    }
}

#[cfg(test)]
mod tests;
