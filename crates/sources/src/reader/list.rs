//! Reads the entries of a list file.

use std::{
    fs::File,
    io::{self, Read},
    iter,
    os::unix::fs::FileTypeExt,
    path::Path,
    sync::Arc,
};

use crate::{
    arguments::{Input, ListLocation},
    config::ReadContext,
    entry::Entry,
    error::{BadLine, ReadError, SourceError},
    formats::{
        Format, ListKind,
        catalog::HEADER,
        detect, jsonl, plain,
        prose::ProseDetector,
        row::{Expansion, SourceRow},
    },
    input::{
        compression, file_type,
        head::ListHead,
        lines::{LineEnds, Lines, SourceLine, is_blank_or_comment},
    },
    resolve::{LocalFiles, UrlResolver},
};

/// The maximum decompressed size of a list from the web, because a small file may decompress to any length.
const WEB_BYTES_MAX: u64 = 4 << 30;

/// An open list, as an iterator over its entries and invalid lines. After an error of the list, it must not
/// be read further.
pub(super) struct List {
    input: Input,
    lines: Lines,
    format: Format,
    resolver: UrlResolver,
    url_column: Option<String>,
    /// The rest of the texts that the current line stands for.
    pending: Option<Expansion>,
    prose: ProseDetector,
}

impl List {
    /// Opens the list at a location.
    pub(super) fn open(
        location: &ListLocation,
        kind: ListKind,
        input: &Input,
        context: &ReadContext,
    ) -> Result<Self, SourceError> {
        let failed = |source| read_error(input, source);
        let (bytes, local): (Box<dyn Read + Send>, _) = match location {
            ListLocation::Stdin => (Box::new(io::stdin()), LocalFiles::relative_to(Path::new("."))),
            ListLocation::File(path) => {
                let file = File::open(path).map_err(|source| open_error(path, input, source))?;
                (Box::new(file), LocalFiles::relative_to(path.parent().unwrap_or(Path::new("."))))
            }
            ListLocation::Web(download) => {
                (Box::new(File::open(&*download.file).map_err(failed)?), Ok(LocalFiles::Refused))
            }
        };
        let why = match Self::of_bytes(bytes, local.map_err(failed)?, input, context) {
            Ok(list) if kind == ListKind::List || list.kind() == ListKind::Catalog => return Ok(list),
            Ok(_) => "it is a list in another format".to_owned(),
            Err(SourceError::NotAList { message, .. }) if kind == ListKind::Catalog => message,
            Err(other) => return Err(other),
        };
        let message = format!(
            "it is not the catalogue of Project Gutenberg, which begins with the line \
            {HEADER}: {why}"
        );
        Err(not_a_list(input, message))
    }

    /// Reads the list in `bytes`, from its head to its first line.
    pub(super) fn of_bytes(
        bytes: impl Read + Send + 'static,
        local: LocalFiles,
        input: &Input,
        context: &ReadContext,
    ) -> Result<Self, SourceError> {
        let failed = |source| read_error(input, source);
        let limit = match local {
            // The user's own files are trusted.
            LocalFiles::RelativeTo { .. } => None,
            LocalFiles::Refused => Some(WEB_BYTES_MAX),
        };
        let head = ListHead::read(compression::decompress(bytes, limit).map_err(failed)?).map_err(failed)?;
        // Archives and pages give a clear message instead of a thousand invalid lines.
        if let Some(message) = file_type::detect(&head) {
            return Err(not_a_list(input, message));
        }
        let ends = LineEnds::of(&head.bytes);
        let mut lines = Lines::new(head.into_list(), ends);
        let detected =
            detect::detect(&mut lines, &input.name(), |what| input.not_a_list_message(what), context)
                .map_err(failed)?;
        let format = detected.map_err(|message| not_a_list(input, message))?;
        let resolver = UrlResolver { local, gutenberg: Arc::clone(&context.gutenberg) };
        let (url_column, prose) = (context.config.url_column.clone(), ProseDetector::default());
        Ok(Self { input: input.clone(), lines, format, resolver, url_column, pending: None, prose })
    }

    /// Returns the detected kind of the list.
    pub(super) fn kind(&self) -> ListKind {
        self.format.kind()
    }

    /// Returns what the file is instead of a list, once that is known.
    fn prose_so_far(&self, is_end: bool) -> Option<String> {
        if !self.format.is_single_cell() {
            return None;
        }
        if is_end { self.prose.judge_at_end() } else { self.prose.judge() }
    }

    fn read_entry(&mut self) -> io::Result<Option<Result<Entry, BadLine>>> {
        loop {
            if let Some(entry) = self.pending.as_mut().and_then(Iterator::next) {
                return Ok(Some(Ok(entry)));
            }
            if matches!(&self.format, Format::Catalog(_, catalog) if catalog.is_at_limit()) {
                return Ok(None);
            }
            let Some(SourceLine { number, text }) = self.lines.next_line()? else { return Ok(None) };
            let row = match &text {
                Err(fault) => Some(Err(fault.to_string())),
                Ok(text) => self.row(text)?,
            };
            match row.map(|row| row.and_then(|row| self.expand(row))) {
                Some(Ok(texts)) => {
                    self.prose.count_valid();
                    self.pending = texts;
                }
                Some(Err(message)) => {
                    let bad = BadLine { line: number, message };
                    // A line that names an existing path, even a directory, is not prose.
                    let prose = text.as_deref().ok();
                    let prose = prose.map(|text| if self.resolver.local.exists(text) { "" } else { text });
                    self.prose.count_bad(&bad, prose);
                    return Ok(Some(Err(bad)));
                }
                None => {}
            }
        }
    }

    /// Returns the texts that a row stands for, or `None` if a filter excludes them.
    fn expand(&mut self, row: SourceRow) -> Result<Option<Expansion>, String> {
        match &mut self.format {
            Format::Catalog(_, catalog) => {
                Ok(catalog.entry(row)?.map(|entry| Box::new(iter::once(entry)) as _))
            }
            Format::Plain | Format::Table(_) | Format::Jsonl => row.expand(&self.resolver).map(Some),
        }
    }

    /// Returns the row that starts with a line, or `None` if the line is blank or a comment.
    fn row(&mut self, text: &str) -> io::Result<Option<Result<SourceRow, String>>> {
        if is_blank_or_comment(text) {
            return Ok(None);
        }
        Ok(match &mut self.format {
            Format::Plain => plain::row(text).map(Ok),
            Format::Jsonl => Some(jsonl::row(text, self.url_column.as_deref())),
            Format::Table(table) | Format::Catalog(table, _) => Some(table.row(text, &mut self.lines)?),
        })
    }
}

impl Iterator for List {
    type Item = Result<Entry, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.read_entry();
        // A list that turns out to be a text is refused as a whole, so the current item is dropped.
        if let Some(what) = self.prose_so_far(matches!(item, Ok(None))) {
            return Some(Err(not_a_list(&self.input, self.input.not_a_list_message(&what)).into()));
        }
        match item {
            Ok(item) => item.map(|entry| entry.map_err(ReadError::Line)),
            Err(source) => Some(Err(read_error(&self.input, source).into())),
        }
    }
}

fn not_a_list(input: &Input, message: String) -> SourceError {
    SourceError::NotAList { path: input.path(), message }
}

/// Returns the error for a list that cannot be opened. For a socket, the error of the system is that of a
/// failing disk.
fn open_error(path: &Path, input: &Input, source: io::Error) -> SourceError {
    if path.metadata().is_ok_and(|metadata| metadata.file_type().is_socket()) {
        return not_a_list(input, "it is a socket, not a source list. Name a file".to_owned());
    }
    read_error(input, source)
}

fn read_error(input: &Input, source: io::Error) -> SourceError {
    SourceError::Read { path: input.path(), source }
}
