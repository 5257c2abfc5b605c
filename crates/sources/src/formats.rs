//! The formats of source lists: plain lists, tables, JSON Lines and the catalogue of Project Gutenberg.
//!
//! In reading order: `detect` finds the format by the first lines, with `headerless_table` and `prose` for
//! files that look like lists and are none; `plain`, `table` and `jsonl` read rows; `row` checks a row and
//! makes its entries; [`catalog`] selects books.

pub mod catalog;

pub(crate) mod columns;
pub(crate) mod detect;
pub(crate) mod headerless_table;
pub(crate) mod jsonl;
pub(crate) mod plain;
pub(crate) mod prose;
pub(crate) mod row;
pub(crate) mod separator;
pub(crate) mod table;

mod padding;

use self::{catalog::Catalog, table::Table};

/// The kind of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListKind {
    /// A list of any format.
    List,
    /// The catalogue of Project Gutenberg.
    Catalog,
}

/// The format of a list, by which its lines are read.
pub(crate) enum Format {
    Plain,
    Table(Box<Table>),
    Jsonl,
    Catalog(Box<Table>, Catalog),
}

impl Format {
    /// Returns the kind of a list of this format.
    pub(crate) const fn kind(&self) -> ListKind {
        match self {
            Self::Catalog(..) => ListKind::Catalog,
            Self::Plain | Self::Table(_) | Self::Jsonl => ListKind::List,
        }
    }

    /// Returns whether each line only names a text, so that a line of prose cannot be a row.
    pub(crate) fn is_single_cell(&self) -> bool {
        match self {
            Self::Plain => true,
            Self::Table(table) => table.is_single_column(),
            Self::Jsonl | Self::Catalog(..) => false,
        }
    }
}
