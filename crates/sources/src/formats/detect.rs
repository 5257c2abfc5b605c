//! Detects the format of a list by its first line that is neither blank nor a comment.
//!
//! A `{` begins JSON Lines, a header with a column of URLs begins a table, and the header of Gutenberg's
//! catalogue begins the catalogue. Any other line begins a plain list. The file extension matters in two
//! cases: `.jsonl` and `.ndjson` select JSON Lines, and with `.csv` or `.tsv` a line that is neither a URL
//! nor a header with a column of URLs is an error.
//!
//! The separator of a table is the one that gives the header a column of URLs: TAB, comma, semicolon or bar.
//! A line `sep=;` before the header, as spreadsheets write it, declares any other separator.

use std::{io, sync::Arc};

use super::{
    Format,
    catalog::{self, Catalog},
    columns::{self, Column},
    headerless_table, prose,
    separator::Separator,
    table::{self, Table},
};
use crate::{
    config::ReadContext,
    error::shown,
    input::{
        compression::unpacked_name,
        head::HEAD_BYTES,
        lines::{Lines, SourceLine, is_blank_or_comment},
    },
    resolve::is_url,
};

/// The maximum number of unreadable lines before the line that determines the format.
const UNREADABLE_FIRST_LINES_MAX: usize = 16;

/// Detects the format of a list. Afterwards `lines` starts with the first row. If the list cannot be read as
/// one, returns the message that says why. `text_message` makes it if the list is a text of that kind.
pub(crate) fn detect(
    lines: &mut Lines,
    name: &str,
    text_message: impl Fn(&str) -> String,
    context: &ReadContext,
) -> io::Result<Result<Format, String>> {
    let extension = &extension(name);
    let prose_message =
        |read: &[SourceLine]| prose::describe(&meaningful(read)).map(|what| text_message(&what));
    let FirstLine { declared, line, unreadable: mut read } = first_line(lines)?;
    let (format, row) = match line {
        Some(line) => match of_line(line.clone(), declared, extension, context) {
            Ok(found) => found,
            // A declared separator proves a table, so the text is not prose.
            Err(message) if declared.is_some() => return Ok(Err(message)),
            Err(message) => {
                // The first line of a text may look like a wrong header; the next lines decide.
                let mut read = vec![line];
                look_ahead(lines, &mut read)?;
                return Ok(Err(prose_message(&read).unwrap_or(message)));
            }
        },
        None => (Format::Plain, None),
    };
    read.extend(row);
    let refusal = match format {
        Format::Plain => {
            look_ahead(lines, &mut read)?;
            headerless_table::detect(&meaningful(&read), extension)
        }
        Format::Jsonl => {
            look_ahead(lines, &mut read)?;
            prose_message(&read)
        }
        Format::Table(_) | Format::Catalog(..) => None,
    };
    lines.take_back(read);
    Ok(refusal.map_or(Ok(format), Err))
}

/// Returns the extension of a file name in lower case, without the extension of the compression.
fn extension(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    unpacked_name(&name).rsplit_once('.').map_or_else(String::new, |(_, extension)| extension.to_owned())
}

/// The beginning of a list.
pub(crate) struct FirstLine {
    /// The separator that an earlier line declares.
    pub(crate) declared: Option<Separator>,
    /// The first line that is neither blank, a comment nor a declaration.
    pub(crate) line: Option<SourceLine>,
    /// The unreadable lines before it, which are reported in their turn.
    pub(crate) unreadable: Vec<SourceLine>,
}

/// Reads the beginning of a list. After too many unreadable lines, there is no first line.
pub(crate) fn first_line(lines: &mut Lines) -> io::Result<FirstLine> {
    let mut first = FirstLine { declared: None, line: None, unreadable: Vec::new() };
    while first.unreadable.len() < UNREADABLE_FIRST_LINES_MAX {
        let Some(line) = lines.next_line()? else { break };
        match &line.text {
            Ok(text) if is_blank_or_comment(text) => {}
            Ok(text) if first.declared.is_none() && Separator::declared(text).is_some() => {
                first.declared = Separator::declared(text);
            }
            Ok(_) => {
                first.line = Some(line);
                break;
            }
            Err(_) => first.unreadable.push(line),
        }
    }
    Ok(first)
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

/// Returns the lines that are neither unreadable, blank nor comments.
fn meaningful(lines: &[SourceLine]) -> Vec<String> {
    let texts = lines.iter().filter_map(|line| line.text.as_ref().ok());
    texts.filter(|text| !is_blank_or_comment(text)).cloned().collect()
}

/// Returns the format that the first line determines, and the line itself unless it is a header. `declared`
/// is the separator that an earlier line declares.
fn of_line(
    line: SourceLine,
    declared: Option<Separator>,
    extension: &str,
    context: &ReadContext,
) -> Result<(Format, Option<SourceLine>), String> {
    let text = line.text.as_deref().unwrap_or_default();
    let first = text.trim_start();
    // With a declared separator, these characters may begin a header.
    if declared.is_none() && first.starts_with('[') {
        return Err("it is a JSON array. Write one object per line (JSON Lines), for example with jq -c \
             '.[]'"
            .to_owned());
    }
    if declared.is_none() && (first.starts_with('{') || ["jsonl", "ndjson"].contains(&extension)) {
        return Ok((Format::Jsonl, Some(line)));
    }
    // A URL may contain ",url", which is not a header.
    if declared.is_none() && is_url(text) {
        return Ok((Format::Plain, Some(line)));
    }
    let mut headers = Vec::new();
    for separator in separators(text, declared) {
        let header = Header::read(text, separator, context)?;
        if catalog::is_header(&header.names) || header.columns.contains(&Column::Url) {
            return Ok((header.into_format(context)?, None));
        }
        headers.push(header);
    }
    // The separator with the most cells is the likely one, and its columns make the best message.
    let widest = headers.into_iter().max_by_key(|header| header.names.len());
    match widest.filter(|header| declared.is_some() || header.is_likely(extension)) {
        Some(header) => {
            let message = headerless_table::detect(&[text.to_owned()], extension);
            Err(message.unwrap_or_else(|| header.lacks_url(context)))
        }
        None => Ok((Format::Plain, Some(line))),
    }
}

/// Returns the separators that a header may have.
fn separators(text: &str, declared: Option<Separator>) -> Vec<Separator> {
    let mut separators: Vec<Separator> = match declared {
        Some(separator) => vec![separator],
        None => Separator::USUAL.into_iter().filter(|separator| separator.is_in(text)).collect(),
    };
    if separators.is_empty() {
        // A header of one column has no separator.
        separators.push(Separator::COMMA);
    }
    separators
}

/// A line that may be a header.
struct Header {
    names: Vec<String>,
    columns: Vec<Column>,
    separator: Separator,
}

impl Header {
    fn read(text: &str, separator: Separator, context: &ReadContext) -> Result<Self, String> {
        let names: Vec<String> =
            table::cells(text, separator).iter().map(|cell| cell.trim().to_owned()).collect();
        let columns = columns::of_names(&names, context.config.url_column.as_deref())?;
        Ok(Self { names, columns, separator })
    }

    fn into_format(self, context: &ReadContext) -> Result<Format, String> {
        let is_catalog = catalog::is_header(&self.names);
        let table = Box::new(Table::new(&self.names, self.columns, self.separator)?);
        Ok(if is_catalog {
            let catalog = Catalog::new(context.config.filters.clone(), Arc::clone(&context.gutenberg));
            Format::Catalog(table, catalog)
        } else {
            Format::Table(table)
        })
    }

    /// Returns whether the line is a header rather than the first line of a plain list, although no column
    /// holds URLs.
    fn is_likely(&self, extension: &str) -> bool {
        let is_known = self.columns.iter().any(|column| !matches!(column, Column::Other(_)));
        ["tsv", "csv"].contains(&extension) || (is_known && self.names.len() > 1)
    }

    fn lacks_url(&self, context: &ReadContext) -> String {
        let names = shown(&self.names.join(", "));
        match &context.config.url_column {
            Some(column) => format!(
                "its first line is not a header with the column '{}' of --url-column (its columns: {names})",
                shown(column)
            ),
            None => format!(
                "its first line is not a header with a column of URLs, such as 'url', link, href, address \
                 or uri (its columns: {names}). Rename the column to 'url', or name it with --url-column"
            ),
        }
    }
}
