//! From an input to its entries.

use std::{
    fs::File,
    io::{self, Read},
    iter::Flatten,
    os::unix::fs::FileTypeExt,
    path::Path,
    sync::Arc,
    vec,
};

use crate::{
    arguments::{Input, ListLocation},
    config::ReadContext,
    directory::Directory,
    entry::Entry,
    error::{BadLine, ReadError, SourceError, shown},
    formats::{
        self, Format, ListKind, headerless_table, jsonl, plain,
        prose::{self, ProseDetector},
        row::SourceRow,
        separator::Separator,
    },
    input::{
        compression::{self, SizeLimit},
        file_type,
        head::{HEAD_BYTES, ListHead},
        lines::{LineEnds, Lines, SourceLine},
    },
    resolve::{LocalFiles, UrlResolver, expand::Expansion},
};

/// How many unreadable lines may precede the one that tells the form.
const UNREADABLE_FIRST_LINES_MAX: usize = 16;
/// The largest list from the web, unpacked: a small file may unpack to any length.
const WEB_BYTES_MAX: u64 = 4 << 30;

/// Reads the entries of one input, holding one line at a time.
///
/// As an iterator it gives every entry in order; a bad line is an error in its place and costs only itself.
pub struct EntryReader {
    input: Input,
    from: From,
}

enum From {
    List(Box<List>),
    Directory(Box<Directory>),
    Texts(Flatten<vec::IntoIter<Expansion>>),
    Ended,
}

struct List {
    lines: Lines,
    format: Format,
    resolver: UrlResolver,
    url_column: Option<String>,
    /// What is left of the last line that was read.
    texts: Option<Expansion>,
    likeness: ProseDetector,
}

impl EntryReader {
    /// Opens an input and finds out its form.
    ///
    /// # Errors
    /// Returns [`SourceError::Read`] if the input cannot be opened, [`SourceError::NotAList`] if its form is
    /// not supported (a table without a column of URLs or without a header, an archive, a page, a JSON array,
    /// or anything but the catalogue if that is required), and [`SourceError::Argument`] for a text that is
    /// not a source.
    pub fn open(input: Input, reading: &ReadContext) -> Result<Self, SourceError> {
        let from = match &input {
            Input::Texts(texts) => From::Texts(texts_of(texts, reading)?.into_iter().flatten()),
            Input::Directory(path) => From::Directory(Box::new(Directory::open(path, reading)?)),
            Input::List(place) => From::List(Box::new(List::at(place, &input, reading)?)),
            Input::Catalog(place) => {
                let list = List::at(place, &input, reading).map_err(no_catalog)?;
                if list.format.form() != ListKind::Catalog {
                    let message = "it is a list of another form".to_owned();
                    return Err(no_catalog(SourceError::NotAList { path: input.path(), message }));
                }
                From::List(Box::new(list))
            }
        };
        Ok(Self { input, from })
    }

    /// Reads a list that is in memory or comes from elsewhere, as one of the web is read: it names no local texts.
    pub(crate) fn of_bytes(
        bytes: impl Read + Send + 'static,
        reading: &ReadContext,
    ) -> Result<Self, SourceError> {
        let input = Input::List(ListLocation::Stdin);
        let list = List::open(bytes, LocalFiles::Nowhere, &input, reading)?;
        Ok(Self { input, from: From::List(Box::new(list)) })
    }

    /// What it reads.
    #[must_use]
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// What its input has turned out to be, as long as it has not ended.
    #[must_use]
    pub fn form(&self) -> ListKind {
        match &self.from {
            From::List(list) => list.format.form(),
            From::Directory(_) | From::Texts(_) | From::Ended => ListKind::List,
        }
    }
}

impl Iterator for EntryReader {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.from {
            From::Ended => None,
            From::Texts(entries) => entries.next().map(Ok),
            From::Directory(directory) => {
                let item = directory.next();
                if !matches!(item, Some(Ok(_))) {
                    self.from = From::Ended;
                }
                item.map(|item| item.map_err(ReadError::Source))
            }
            From::List(list) => {
                let item = list.next_entry();
                let is_end = matches!(item, Ok(None));
                if let Some(message) = list.judge(is_end) {
                    return Some(Err(ReadError::Source(self.end_as_no_list(&message))));
                }
                match item {
                    Ok(Some(entry)) => Some(entry.map_err(ReadError::Line)),
                    Ok(None) => {
                        self.from = From::Ended;
                        None
                    }
                    Err(source) => {
                        self.from = From::Ended;
                        Some(Err(ReadError::Source(read_error(&self.input, source))))
                    }
                }
            }
        }
    }
}

impl EntryReader {
    /// Ends the reading, and returns the error for an input that is not a list.
    fn end_as_no_list(&mut self, what: &str) -> SourceError {
        self.from = From::Ended;
        SourceError::NotAList { path: self.input.path(), message: self.input.no_list(what) }
    }
}

impl List {
    fn at(place: &ListLocation, input: &Input, reading: &ReadContext) -> Result<Self, SourceError> {
        let failed = |source| read_error(input, source);
        match place {
            ListLocation::Stdin => {
                let base = LocalFiles::directory(Path::new(".")).map_err(failed)?;
                Self::open(io::stdin(), base, input, reading)
            }
            ListLocation::File(path) => {
                let file = File::open(path).map_err(|source| open_error(path, input, source))?;
                let base = LocalFiles::directory(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
                Self::open(file, base, input, reading)
            }
            ListLocation::Web(download) => {
                let file = File::open(&*download.file).map_err(failed)?;
                Self::open(file, LocalFiles::Nowhere, input, reading)
            }
        }
    }

    fn open(
        bytes: impl Read + Send + 'static,
        base: LocalFiles,
        input: &Input,
        reading: &ReadContext,
    ) -> Result<Self, SourceError> {
        let failed = |source| read_error(input, source);
        let refused = |message| SourceError::NotAList { path: input.path(), message };
        let limit = match base {
            LocalFiles::Directory { .. } => SizeLimit::Whole,
            LocalFiles::Nowhere => SizeLimit::AtMost(WEB_BYTES_MAX),
        };
        let head = ListHead::read(compression::unpack(bytes, limit).map_err(failed)?).map_err(failed)?;
        if let Some(foreign) = file_type::recognise(&head) {
            return Err(refused(foreign.message()));
        }
        let ends = LineEnds::of(&head.bytes);
        let mut lines = Lines::new(head.into_list(), ends);
        let extension = extension(Path::new(&input.name()));
        let (declared, first, mut before) = first_line(&mut lines).map_err(failed)?;
        let (format, kept) = match first {
            Some(line) => match formats::of_line(line.clone(), declared, &extension, reading) {
                Ok(told) => told,
                Err(message) if declared.is_some() => return Err(refused(message)),
                Err(message) => {
                    let text = text_from(line, &mut lines).map_err(failed)?;
                    return Err(refused(text.map_or(message, |what| input.no_list(&what))));
                }
            },
            None => (Format::Plain, None),
        };
        before.extend(kept);
        if matches!(format, Format::Plain | Format::Jsonl) {
            look_ahead(&mut lines, &mut before).map_err(failed)?;
            let said = meaning(&before);
            let message = match format {
                Format::Plain => headerless_table::message(&said, &extension),
                Format::Table(_) | Format::Jsonl | Format::Catalog(..) => {
                    prose::text(&said).map(|what| input.no_list(&what))
                }
            };
            if let Some(message) = message {
                return Err(refused(message));
            }
        }
        lines.take_back(before);
        let resolver = UrlResolver { base, library: Arc::clone(&reading.library) };
        let url_column = reading.url_column.clone();
        Ok(Self { lines, format, resolver, url_column, texts: None, likeness: ProseDetector::default() })
    }

    /// Returns what the file is instead of a list, once that is known.
    fn judge(&self, is_end: bool) -> Option<String> {
        if !self.format.is_bare() {
            return None;
        }
        if is_end { self.likeness.judge_at_end() } else { self.likeness.judge() }
    }

    fn next_entry(&mut self) -> io::Result<Option<Result<Entry, BadLine>>> {
        loop {
            if let Some(entry) = self.texts.as_mut().and_then(Iterator::next) {
                return Ok(Some(Ok(entry)));
            }
            if matches!(&self.format, Format::Catalog(_, catalog) if catalog.is_sated()) {
                return Ok(None);
            }
            let Some(SourceLine { number, text }) = self.lines.next_line()? else { return Ok(None) };
            let row = match &text {
                Err(fault) => Some(Err(fault.to_string())),
                Ok(text) => self.row(text)?,
            };
            match row.map(|row| row.and_then(|row| self.texts_of(row))) {
                Some(Ok(texts)) => {
                    self.likeness.add_good();
                    self.texts = texts;
                }
                Some(Err(message)) => {
                    let bad = BadLine { line: number, message };
                    // A line that names an existing path, even a directory, is not prose.
                    let prose = text.as_deref().ok();
                    let prose = prose.map(|text| if self.resolver.base.has(text) { "" } else { text });
                    self.likeness.add_bad(&bad, prose);
                    return Ok(Some(Err(bad)));
                }
                None => {}
            }
        }
    }

    /// What a row stands for; `None` where it is not meant.
    fn texts_of(&mut self, row: SourceRow) -> Result<Option<Expansion>, String> {
        match &mut self.format {
            Format::Catalog(_, catalog) => Ok(catalog.entry(row)?.map(Expansion::from)),
            Format::Plain | Format::Table(_) | Format::Jsonl => row.into_texts(&self.resolver).map(Some),
        }
    }

    /// The row of a line; `None` where it is blank or a comment.
    fn row(&mut self, text: &str) -> io::Result<Option<Result<SourceRow, String>>> {
        if says_nothing(text) {
            return Ok(None);
        }
        Ok(match &mut self.format {
            Format::Plain => plain::row(text).map(Ok),
            Format::Jsonl => Some(jsonl::row(text, self.url_column.as_deref())),
            Format::Table(table) | Format::Catalog(table, _) => Some(table.row(text, &mut self.lines)?),
        })
    }
}

fn says_nothing(text: &str) -> bool {
    let text = text.trim_start();
    text.is_empty() || text.starts_with('#')
}

/// Returns the separator that a line declares, the first other line that is neither blank nor a comment, and
/// the unreadable lines before it, which are reported in their turn. After too many unreadable lines, the
/// list has no form.
fn first_line(lines: &mut Lines) -> io::Result<(Option<Separator>, Option<SourceLine>, Vec<SourceLine>)> {
    let (mut declared, mut unreadable) = (None, Vec::new());
    while unreadable.len() < UNREADABLE_FIRST_LINES_MAX {
        let Some(line) = lines.next_line()? else { break };
        match &line.text {
            Ok(text) if says_nothing(text) => {}
            Ok(text) if declared.is_none() && Separator::declared(text).is_some() => {
                declared = Separator::declared(text);
            }
            Ok(_) => return Ok((declared, Some(line), unreadable)),
            Err(_) => unreadable.push(line),
        }
    }
    Ok((declared, None, unreadable))
}

/// Returns what the file is instead of a list, if it is a text that begins with `first`.
fn text_from(first: SourceLine, lines: &mut Lines) -> io::Result<Option<String>> {
    let mut read = vec![first];
    look_ahead(lines, &mut read)?;
    Ok(prose::text(&meaning(&read)))
}

/// Reads on until there are enough lines to tell a table from a plain list.
fn look_ahead(lines: &mut Lines, read: &mut Vec<SourceLine>) -> io::Result<()> {
    let mut bytes = 0;
    while read.len() < headerless_table::LINES_MAX && bytes < HEAD_BYTES {
        let Some(line) = lines.next_line()? else { break };
        bytes += line.text.as_ref().map_or(0, String::len);
        read.push(line);
    }
    Ok(())
}

/// Returns the lines that are neither blank nor comments.
fn meaning(lines: &[SourceLine]) -> Vec<String> {
    let texts = lines.iter().filter_map(|line| line.text.as_ref().ok());
    texts.filter(|text| !says_nothing(text)).cloned().collect()
}

/// The extension, lower-cased, without that of the packing.
fn extension(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    name.rsplit_once('.').map_or_else(String::new, |(_, extension)| extension.to_owned())
}

/// Adds to the error that the list had to be the catalogue.
fn no_catalog(error: SourceError) -> SourceError {
    match error {
        SourceError::NotAList { path, message } => {
            let message = format!(
                "it is not Gutenberg's catalogue, which begins with the line \
                 Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves; {message}"
            );
            SourceError::NotAList { path, message }
        }
        other => other,
    }
}

fn texts_of(typed: &[String], reading: &ReadContext) -> Result<Vec<Expansion>, SourceError> {
    let base = LocalFiles::directory(Path::new("."))
        .map_err(|source| SourceError::Read { path: ".".into(), source })?;
    let resolver = UrlResolver { base, library: Arc::clone(&reading.library) };
    let texts = |text: &String| {
        let row = SourceRow::of_urls(std::iter::once(text.clone()));
        row.into_texts(&resolver)
            .map_err(|message| SourceError::Argument { argument: without_user(text), message })
    };
    typed.iter().map(texts).collect()
}

/// What was typed, fit for a message: a password must not come back in a log.
fn without_user(text: &str) -> String {
    match text.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            shown(&format!("{scheme}://{host}{path}"))
        }
        None => shown(text),
    }
}

/// Returns the error for a list that cannot be opened. For a socket, the error of the system is that of a
/// failing disk.
fn open_error(path: &Path, input: &Input, source: io::Error) -> SourceError {
    if path.metadata().is_ok_and(|metadata| metadata.file_type().is_socket()) {
        let message = "it is a socket, not a source list: name a file".to_owned();
        return SourceError::NotAList { path: input.path(), message };
    }
    read_error(input, source)
}

fn read_error(input: &Input, source: io::Error) -> SourceError {
    SourceError::Read { path: input.path(), source }
}

#[cfg(test)]
mod tests;
