//! What one line of any list says, before it is checked: the place where columns get their meaning.

use std::collections::BTreeMap;

use flow::{document::DocumentId, payload::Listed};
use url::Url;

use super::{
    entry::Entry,
    error::shown,
    gutenberg,
    location::{self, Base},
};

const URLS_MAX: usize = 16;
const ENTRY_BYTES_MAX: usize = 60 * 1024;

/// The columns that mean something; all others are carried along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Column {
    Url,
    Id,
    Title,
    Mirror,
    Blake3,
    Other(String),
}

impl Column {
    /// The column of this name, whatever its case.
    pub(crate) fn named(name: &str) -> Self {
        let name = name.trim();
        match name.to_ascii_lowercase().as_str() {
            "url" => Self::Url,
            "id" => Self::Id,
            "title" => Self::Title,
            "mirror" => Self::Mirror,
            "blake3" => Self::Blake3,
            _ => Self::Other(name.to_owned()),
        }
    }
}

/// One line, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Row {
    url: Option<String>,
    mirrors: Vec<String>,
    id: Option<String>,
    listed: Listed,
}

impl Row {
    /// A row that says nothing but URLs, the best first.
    pub(crate) fn of_urls(mut urls: impl Iterator<Item = String>) -> Self {
        Self { url: urls.next(), mirrors: urls.collect(), ..Self::default() }
    }

    /// Puts a cell under its column. An empty cell says nothing.
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
            Column::Other(name) => {
                self.listed.columns.insert(name.clone(), value.to_owned());
            }
        }
    }

    /// A mirror cell holds several URLs separated by spaces, or one path, which may have spaces in it.
    fn put_mirrors(&mut self, value: &str) {
        if value.split_whitespace().all(location::is_url) {
            self.mirrors.extend(value.split_whitespace().map(str::to_owned));
        } else {
            self.mirrors.push(value.to_owned());
        }
    }

    /// The entry, checked and normalised; the error says what to write instead.
    pub(crate) fn into_entry(self, base: &Base) -> Result<Entry, String> {
        let first = self.url.ok_or("the line names no URL: fill the column 'url'")?;
        let mut urls: Vec<String> = Vec::new();
        for cell in std::iter::once(&first).chain(&self.mirrors) {
            for url in location::resolve(cell, base)? {
                if !urls.contains(&url) {
                    urls.push(url);
                }
            }
        }
        if urls.len() > URLS_MAX {
            return Err(format!("the line names {} URLs of one text; {URLS_MAX} are allowed", urls.len()));
        }
        check_hash(self.listed.blake3.as_deref())?;
        let id = match self.id {
            Some(id) => id.parse().map_err(|error| format!("{error}"))?,
            None => id_of(&urls),
        };
        bounded(Entry { id, urls, listed: self.listed })
    }
}

fn check_hash(hash: Option<&str>) -> Result<(), String> {
    match hash {
        Some(hash) if hash.len() != 64 || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            Err(format!("'{}' is not a BLAKE3 hash: 64 hexadecimal digits, or leave it empty", shown(hash)))
        }
        Some(_) | None => Ok(()),
    }
}

/// A Gutenberg number where any of the URLs tells one, else derived from the first.
fn id_of(urls: &[String]) -> DocumentId {
    let parsed: Vec<Url> = urls.iter().filter_map(|url| Url::parse(url).ok()).collect();
    if let Some(id) = parsed.iter().find_map(gutenberg::book) {
        return id;
    }
    let first = parsed.first().expect("every entry has a URL, and it was parsed before");
    DocumentId::derived(first.host_str().unwrap_or_default(), first.path(), first.as_str())
}

fn bounded(entry: Entry) -> Result<Entry, String> {
    let columns =
        |map: &BTreeMap<String, String>| map.iter().map(|(k, v)| k.len() + v.len() + 8).sum::<usize>();
    let title = entry.listed.title.as_ref().map_or(0, String::len);
    let bytes =
        entry.urls.iter().map(|url| url.len() + 4).sum::<usize>() + title + columns(&entry.listed.columns);
    // JSON writes a byte with at most six; only a line that could be too long is written out to be measured.
    let long = bytes * 6 + 1024 > ENTRY_BYTES_MAX;
    if long && serde_json::to_vec(&entry).map_or(true, |json| json.len() > ENTRY_BYTES_MAX) {
        return Err("the line says more than 60 KiB about one text: drop columns or URLs".to_owned());
    }
    Ok(entry)
}
