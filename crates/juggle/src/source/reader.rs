//! From an input to its entries.
//!
//! The form of a list is found from its first line that says something: `{` is JSONL, a header with a `url` column
//! is TSV or CSV, that of Gutenberg's catalogue is the catalogue, all else is plain. The extension only decides where
//! that line leaves it open.

use std::{
    fs::File,
    io::{self, BufRead, Read},
    iter::Flatten,
    path::Path,
    sync::Arc,
    vec,
};

use super::{
    catalog::{self, Catalog},
    compressed::{self, Unpacked},
    entry::Entry,
    error::{BadLine, ReadError, SourceError, shown},
    input::{Form, Input, Place},
    jsonl,
    lines::{Line, Lines},
    location::{self, Base, Resolver},
    plain,
    reading::Reading,
    row::{Column, Row},
    table::{self, Separator, Table},
    texts::Texts,
};

/// How many unreadable lines may precede the one that tells the form.
const UNREADABLE_FIRST_LINES_MAX: usize = 16;
/// The largest list from the web, unpacked: a small file may unpack to any length.
const WEB_BYTES_MAX: u64 = 4 << 30;

/// Reads the entries of one input, holding one line at a time.
///
/// As an iterator it gives every entry in order; a bad line is an error in its place and costs only itself.
pub struct Reader {
    input: Input,
    from: From,
}

enum From {
    List(Box<List>),
    Texts(Flatten<vec::IntoIter<Texts>>),
    Ended,
}

struct List {
    lines: Lines,
    format: Format,
    resolver: Resolver,
    /// What is left of the last line that was read.
    texts: Option<Texts>,
}

enum Format {
    Plain,
    Table(Box<Table>),
    Jsonl,
    Catalog(Box<Table>, Catalog),
}

impl Reader {
    /// Opens an input and finds out its form.
    ///
    /// # Errors
    /// [`SourceError::Read`] where it cannot be opened, [`SourceError::NotAList`] where its form is not read (no
    /// `url` column, UTF-16, a JSON array, no catalogue where one must be), [`SourceError::Argument`] for a text that is
    /// no source.
    pub fn open(input: Input, reading: &Reading) -> Result<Self, SourceError> {
        let from = match &input {
            Input::Texts(texts) => From::Texts(texts_of(texts, reading)?.into_iter().flatten()),
            Input::List(place) | Input::Catalog(place) => {
                let list = List::at(place, &input, reading)?;
                if matches!(input, Input::Catalog(_)) && list.form() != Form::Catalog {
                    let message = "it is not Gutenberg's catalogue, which begins with the line \
                                   Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves";
                    return Err(SourceError::NotAList { path: input.path(), message: message.to_owned() });
                }
                From::List(Box::new(list))
            }
        };
        Ok(Self { input, from })
    }

    /// Reads a list that is in memory or comes from elsewhere, as one of the web is read: it names no local texts.
    pub(crate) fn of_bytes(
        bytes: impl Read + Send + 'static,
        reading: &Reading,
    ) -> Result<Self, SourceError> {
        let input = Input::List(Place::Stdin);
        let list = List::open(bytes, Base::Nowhere, &input, reading)?;
        Ok(Self { input, from: From::List(Box::new(list)) })
    }

    /// What it reads.
    #[must_use]
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// What its input has turned out to be, as long as it has not ended.
    #[must_use]
    pub fn form(&self) -> Form {
        match &self.from {
            From::List(list) => list.form(),
            From::Texts(_) | From::Ended => Form::List,
        }
    }
}

impl Iterator for Reader {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.from {
            From::Ended => None,
            From::Texts(entries) => entries.next().map(Ok),
            From::List(list) => match list.next_entry() {
                Ok(Some(entry)) => Some(entry.map_err(ReadError::Line)),
                Ok(None) => {
                    self.from = From::Ended;
                    None
                }
                Err(source) => {
                    self.from = From::Ended;
                    Some(Err(ReadError::Source(read_error(&self.input, source))))
                }
            },
        }
    }
}

impl List {
    fn at(place: &Place, input: &Input, reading: &Reading) -> Result<Self, SourceError> {
        let failed = |source| read_error(input, source);
        match place {
            Place::Stdin => {
                let base = Base::directory(Path::new(".")).map_err(failed)?;
                Self::open(io::stdin(), base, input, reading)
            }
            Place::File(path) => {
                let file = File::open(path).map_err(failed)?;
                let base = Base::directory(path.parent().unwrap_or(Path::new("."))).map_err(failed)?;
                Self::open(file, base, input, reading)
            }
            Place::Web(download) => {
                let file = File::open(&*download.file).map_err(failed)?;
                Self::open(file, Base::Nowhere, input, reading)
            }
        }
    }

    fn open(
        bytes: impl Read + Send + 'static,
        base: Base,
        input: &Input,
        reading: &Reading,
    ) -> Result<Self, SourceError> {
        let failed = |source| read_error(input, source);
        let refused = |message| SourceError::NotAList { path: input.path(), message };
        let limit = match base {
            Base::Directory { .. } => Unpacked::Whole,
            Base::Nowhere => Unpacked::AtMost(WEB_BYTES_MAX),
        };
        let mut bytes = compressed::unpack(bytes, limit).map_err(failed)?;
        let start = bytes.fill_buf().map_err(failed)?;
        if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
            return Err(refused("it is UTF-16: save it as UTF-8".to_owned()));
        }
        let mut lines = Lines::new(bytes);
        let (first, mut before) = first_line(&mut lines).map_err(failed)?;
        let extension = extension(Path::new(&input.name()));
        let (format, kept) = match first {
            Some(line) => format_of(line, &extension, reading).map_err(refused)?,
            None => (Format::Plain, None),
        };
        before.extend(kept);
        lines.take_back(before);
        let resolver = Resolver { base, library: Arc::clone(&reading.library) };
        Ok(Self { lines, format, resolver, texts: None })
    }

    const fn form(&self) -> Form {
        match self.format {
            Format::Catalog(..) => Form::Catalog,
            Format::Plain | Format::Table(_) | Format::Jsonl => Form::List,
        }
    }

    fn next_entry(&mut self) -> io::Result<Option<Result<Entry, BadLine>>> {
        loop {
            if let Some(entry) = self.texts.as_mut().and_then(Iterator::next) {
                return Ok(Some(Ok(entry)));
            }
            if matches!(&self.format, Format::Catalog(_, catalog) if catalog.is_sated()) {
                return Ok(None);
            }
            let Some(Line { number, text }) = self.lines.next_line()? else { return Ok(None) };
            let row = match text {
                Err(fault) => Some(Err(fault.to_string())),
                Ok(text) => self.row(&text)?,
            };
            match row.map(|row| row.and_then(|row| self.texts_of(row))) {
                Some(Ok(texts)) => self.texts = texts,
                Some(Err(message)) => return Ok(Some(Err(BadLine { line: number, message }))),
                None => {}
            }
        }
    }

    /// What a row stands for; `None` where it is not meant.
    fn texts_of(&mut self, row: Row) -> Result<Option<Texts>, String> {
        match &mut self.format {
            Format::Catalog(_, catalog) => Ok(catalog.entry(row)?.map(Texts::from)),
            Format::Plain | Format::Table(_) | Format::Jsonl => row.into_texts(&self.resolver).map(Some),
        }
    }

    /// The row of a line; `None` where it is blank or a comment.
    fn row(&mut self, text: &str) -> io::Result<Option<Result<Row, String>>> {
        if says_nothing(text) {
            return Ok(None);
        }
        Ok(match &mut self.format {
            Format::Plain => plain::row(text).map(Ok),
            Format::Jsonl => Some(jsonl::row(text)),
            Format::Table(table) | Format::Catalog(table, _) => Some(table.row(text, &mut self.lines)?),
        })
    }
}

fn says_nothing(text: &str) -> bool {
    let text = text.trim_start();
    text.is_empty() || text.starts_with('#')
}

/// The first line that says something, and the unreadable lines before it, which are to be reported in their turn; after
/// too many of them the list has no form.
fn first_line(lines: &mut Lines) -> io::Result<(Option<Line>, Vec<Line>)> {
    let mut unreadable = Vec::new();
    let mut found = None;
    while unreadable.len() < UNREADABLE_FIRST_LINES_MAX {
        match lines.next_line()? {
            None => break,
            Some(Line { text: Ok(text), .. }) if says_nothing(&text) => {}
            Some(line) if line.text.is_ok() => {
                found = Some(line);
                break;
            }
            Some(line) => unreadable.push(line),
        }
    }
    Ok((found, unreadable))
}

/// The form that the first line tells, and the line itself unless it is a header.
fn format_of(line: Line, extension: &str, reading: &Reading) -> Result<(Format, Option<Line>), String> {
    let text = line.text.as_deref().unwrap_or_default();
    if text.trim_start().starts_with('[') {
        return Err("it is a JSON array: give one object a line".to_owned());
    }
    if text.trim_start().starts_with('{') || ["jsonl", "ndjson"].contains(&extension) {
        return Ok((Format::Jsonl, Some(line)));
    }
    let separator = if text.contains('\t') { Separator::Tab } else { Separator::Comma };
    let names = table::header(text, separator);
    let columns: Vec<Column> = names.iter().map(|name| Column::named(name)).collect();
    // A URL may have ",url" in it.
    if columns.contains(&Column::Url) && !location::is_url(text) {
        return Ok((Format::Table(Box::new(Table::new(&names, separator)?)), None));
    }
    if catalog::is_header(&names) {
        let catalog = Catalog::new(reading.filters.clone(), Arc::clone(&reading.library));
        return Ok((Format::Catalog(Box::new(Table::new(&names, separator)?), catalog), None));
    }
    let known = columns.iter().any(|column| !matches!(column, Column::Other(_)));
    let header = ["tsv", "csv"].contains(&extension) || (known && names.len() > 1);
    if header && !location::is_url(text) {
        let names = shown(&names.join(", "));
        return Err(format!("its first line names no column 'url' (it says: {names}); add one"));
    }
    Ok((Format::Plain, Some(line)))
}

/// The extension, lower-cased, without that of the packing.
fn extension(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    name.rsplit_once('.').map_or_else(String::new, |(_, extension)| extension.to_owned())
}

fn texts_of(typed: &[String], reading: &Reading) -> Result<Vec<Texts>, SourceError> {
    let base =
        Base::directory(Path::new(".")).map_err(|source| SourceError::Read { path: ".".into(), source })?;
    let resolver = Resolver { base, library: Arc::clone(&reading.library) };
    let texts = |text: &String| {
        let row = Row::of_urls(std::iter::once(text.clone()));
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

fn read_error(input: &Input, source: io::Error) -> SourceError {
    SourceError::Read { path: input.path(), source }
}

#[cfg(test)]
mod tests;
