//! Determines the format of a list by its first line that is neither blank nor a comment.
//!
//! A `{` begins JSONL, a header with a column of URLs begins a table, and the header of Gutenberg's catalogue
//! begins the catalogue. Any other line begins a plain list. The file extension matters in two cases:
//! `.jsonl` and `.ndjson` select JSONL, and with `.csv` or `.tsv` a line that is neither a URL nor a header
//! with a column of URLs is an error.
//!
//! The separator of a table is the one that gives the header a column of URLs: TAB, comma, semicolon or bar.
//! A line `sep=;` before the header, as spreadsheets write it, declares any other separator.

pub mod catalog;

pub(crate) mod columns;
pub(crate) mod headerless_table;
pub(crate) mod jsonl;
pub(crate) mod plain;
pub(crate) mod prose;
pub(crate) mod row;
pub(crate) mod separator;
pub(crate) mod table;

mod padding;

use std::sync::Arc;

use self::{catalog::Catalog, columns::Column, separator::Separator, table::Table};
use crate::{config::ReadContext, error::shown, input::lines::SourceLine, resolve};

/// What a list is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// Whatever it turns out to be.
    List,
    /// The catalogue.
    Catalog,
}

/// The format of a list: how its lines are read.
pub(crate) enum Format {
    Plain,
    Table(Box<Table>),
    Jsonl,
    Catalog(Box<Table>, Catalog),
}

impl Format {
    pub(crate) const fn form(&self) -> ListKind {
        match self {
            Self::Catalog(..) => ListKind::Catalog,
            Self::Plain | Self::Table(_) | Self::Jsonl => ListKind::List,
        }
    }

    /// Returns whether each line only names a text, so that a line of prose is not a row.
    pub(crate) fn is_bare(&self) -> bool {
        match self {
            Self::Plain => true,
            Self::Table(table) => table.is_single_column(),
            Self::Jsonl | Self::Catalog(..) => false,
        }
    }
}

/// Returns the format that the first line determines, and the line itself unless it is a header. `declared`
/// is the separator that an earlier line declares.
pub(crate) fn of_line(
    line: SourceLine,
    declared: Option<Separator>,
    extension: &str,
    reading: &ReadContext,
) -> Result<(Format, Option<SourceLine>), String> {
    let text = line.text.as_deref().unwrap_or_default();
    let first = text.trim_start();
    if declared.is_none() && first.starts_with('[') {
        return Err(
            "it is a JSON array: write one object a line (JSON Lines), as jq -c '.[]' does".to_owned()
        );
    }
    if declared.is_none() && (first.starts_with('{') || ["jsonl", "ndjson"].contains(&extension)) {
        return Ok((Format::Jsonl, Some(line)));
    }
    // A URL may contain ",url", which is not a header.
    if declared.is_none() && resolve::is_url(text) {
        return Ok((Format::Plain, Some(line)));
    }
    let mut headers = Vec::new();
    for separator in separators(text, declared) {
        let header = Header::read(text, separator, reading)?;
        if catalog::is_header(&header.names) || header.columns.contains(&Column::Url) {
            return Ok((header.into_format(reading)?, None));
        }
        headers.push(header);
    }
    let widest = headers.into_iter().max_by_key(|header| header.names.len());
    match widest.filter(|header| declared.is_some() || header.is_likely(extension)) {
        Some(header) => {
            let message = headerless_table::message(&[text.to_owned()], extension);
            Err(message.unwrap_or_else(|| header.lacks_url(reading)))
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
    fn read(text: &str, separator: Separator, reading: &ReadContext) -> Result<Self, String> {
        let names: Vec<String> =
            table::cells(text, separator).iter().map(|cell| cell.trim().to_owned()).collect();
        let columns = columns::of_names(&names, reading.url_column.as_deref())?;
        Ok(Self { names, columns, separator })
    }

    fn into_format(self, reading: &ReadContext) -> Result<Format, String> {
        let is_catalog = catalog::is_header(&self.names);
        let table = Box::new(Table::new(&self.names, self.columns, self.separator)?);
        Ok(if is_catalog {
            let catalog = Catalog::new(reading.filters.clone(), Arc::clone(&reading.library));
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

    fn lacks_url(&self, reading: &ReadContext) -> String {
        let names = shown(&self.names.join(", "));
        match &reading.url_column {
            Some(column) => format!(
                "its first line is no header with a column '{}', which --url-column asks for (it says: {names})",
                shown(column)
            ),
            None => format!(
                "its first line is no header with a column of URLs: it names no column 'url', link, href, address or uri \
                 (it says: {names}); call it url, or name the column with --url-column"
            ),
        }
    }
}
