//! Collects the cells of one line of any list, and checks them when they become entries.

use std::{iter, ops::RangeInclusive, sync::Arc};

use flow::{document::DocumentId, payload::Listed};
use store::text::codec;
use url::Url;

use crate::{
    entry::Entry,
    error::shown,
    formats::columns::Column,
    resolve::{self, UrlResolver, gutenberg, gutenberg_sites::BookRequest},
};

/// The maximum number of URLs of a text.
const URLS_MAX: usize = 16;
/// The maximum length of an entry as JSON, in bytes.
const ENTRY_BYTES_MAX: usize = 60 * 1024;
/// An upper bound of the length of the URLs of a book as JSON, in bytes.
const BOOK_BYTES_MAX: usize = 8 * 1024;

/// An iterator over the texts of one line: one text, or the books of a range, which are created one by one.
pub(crate) type Expansion = Box<dyn Iterator<Item = Entry> + Send>;

/// The cells of one line.
#[derive(Debug, Default)]
pub(crate) struct SourceRow {
    url: Option<String>,
    mirrors: Vec<String>,
    id: Option<String>,
    listed: Listed,
}

impl SourceRow {
    /// Creates a row of URLs only, in order of preference.
    pub(crate) fn of_urls(mut urls: impl Iterator<Item = String>) -> Self {
        Self { url: urls.next(), mirrors: urls.collect(), ..Self::default() }
    }

    /// Stores a cell by its column. An empty cell is ignored.
    pub(crate) fn put(&mut self, column: &Column, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        match column {
            Column::Url => self.url = Some(value.to_owned()),
            Column::Id => self.id = Some(value.to_owned()),
            Column::Title => self.listed.title = Some(value.split_whitespace().collect::<Vec<_>>().join(" ")),
            Column::Mirror => self.put_mirrors(value),
            Column::Blake3 => self.listed.blake3 = Some(value.to_ascii_lowercase()),
            Column::Sha256 => self.listed.sha256 = Some(value.to_ascii_lowercase()),
            Column::Encoding => self.listed.encoding = Some(value.to_owned()),
            Column::Other(name) => {
                self.listed.columns.insert(name.clone(), value.to_owned());
            }
        }
    }

    /// Stores a mirror cell: several URLs separated by spaces, or one path, which may contain spaces.
    fn put_mirrors(&mut self, value: &str) {
        // A URL has no spaces, a path may have some.
        if value.split_whitespace().all(resolve::is_url) {
            self.mirrors.extend(value.split_whitespace().map(str::to_owned));
        } else {
            self.mirrors.push(value.to_owned());
        }
    }

    /// Returns all cells but URLs and id, unchecked.
    pub(crate) fn into_listed(self) -> Listed {
        self.listed
    }

    /// Checks and normalises the row, and returns its texts.
    ///
    /// # Errors
    /// Returns a message that says what to write instead.
    pub(crate) fn expand(self, resolver: &UrlResolver) -> Result<Expansion, String> {
        match self.url.as_deref().and_then(gutenberg::range) {
            Some(numbers) => self.into_books(numbers?, resolver),
            None => Ok(Box::new(iter::once(self.into_entry(resolver)?))),
        }
    }

    fn into_books(self, numbers: RangeInclusive<u32>, resolver: &UrlResolver) -> Result<Expansion, String> {
        let Listed { title, blake3, sha256, encoding, columns } = self.listed;
        if self.id.is_some() || title.is_some() || blake3.is_some() || sha256.is_some() {
            return Err(
                "a range of books cannot have an id, a title or a hash, because these belong to one \
                text"
                    .to_owned(),
            );
        }
        check_encoding(encoding.as_deref())?;
        if !self.mirrors.is_empty() {
            return Err("a range of books cannot have other URLs. Use --gutenberg-mirror to choose \
                mirrors"
                .to_owned());
        }
        let gutenberg = Arc::clone(&resolver.gutenberg);
        let listed = Listed { encoding, columns, ..Listed::default() };
        let book = move |number| Entry {
            id: DocumentId::gutenberg(number),
            urls: gutenberg.book_urls(number, BookRequest::Bulk),
            listed: listed.clone(),
        };
        // The last book has the longest number, and mirrors differ in length.
        within(book(*numbers.end()), ENTRY_BYTES_MAX - BOOK_BYTES_MAX)?;
        Ok(Box::new(numbers.map(book)))
    }

    fn into_entry(self, resolver: &UrlResolver) -> Result<Entry, String> {
        let first = self.url.ok_or("the line has no URL. Fill the column of URLs, such as 'url'")?;
        let mut urls: Vec<String> = Vec::new();
        for cell in iter::once(&first).chain(&self.mirrors) {
            for url in resolver.resolve(cell)? {
                // Mirrors may repeat the URL after normalisation.
                if !urls.contains(&url) {
                    urls.push(url);
                }
            }
        }
        if urls.len() > URLS_MAX {
            return Err(format!(
                "the line has {} URLs of one text, more than the maximum of \
                {URLS_MAX}",
                urls.len()
            ));
        }
        check_hash(self.listed.blake3.as_deref(), "a BLAKE3")?;
        check_hash(self.listed.sha256.as_deref(), "an SHA-256")?;
        check_encoding(self.listed.encoding.as_deref())?;
        let id = match self.id {
            Some(id) => id.parse().map_err(|error| format!("{error}"))?,
            None => id_of(&urls),
        };
        bounded(Entry { id, urls, listed: self.listed })
    }
}

fn check_hash(hash: Option<&str>, kind: &str) -> Result<(), String> {
    match hash {
        Some(hash) if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => Err(format!(
            "'{}' is not {kind} hash. Use 64 hexadecimal digits, or leave the cell \
                empty",
            shown(hash)
        )),
        Some(_) | None => Ok(()),
    }
}

fn check_encoding(label: Option<&str>) -> Result<(), String> {
    match label {
        Some(label) if !codec::is_known_label(label) => Err(format!(
            "unknown encoding '{}'. Use a name such as windows-1251, latin2 or cp850, or leave the cell \
             empty",
            shown(label)
        )),
        Some(_) | None => Ok(()),
    }
}

/// Returns the id of a text: a Gutenberg number if any of the URLs has one, else an id derived from the first
/// URL.
fn id_of(urls: &[String]) -> DocumentId {
    let parsed: Vec<Url> = urls.iter().filter_map(|url| Url::parse(url).ok()).collect();
    if let Some(id) = parsed.iter().find_map(gutenberg::book) {
        return id;
    }
    let first = parsed.first().expect("every entry has a URL, and it was parsed before");
    DocumentId::derived(first.host_str().unwrap_or_default(), first.path(), first.as_str())
}

/// Returns the entry, or an error message if its JSON is too long.
pub(crate) fn bounded(entry: Entry) -> Result<Entry, String> {
    within(entry, ENTRY_BYTES_MAX)
}

fn within(entry: Entry, bytes_max: usize) -> Result<Entry, String> {
    if serde_json::to_vec(&entry).map_or(true, |json| json.len() > bytes_max) {
        return Err("the line has more than 60 KiB. Remove columns or URLs".to_owned());
    }
    Ok(entry)
}
