//! What was cut from a text, and by which rule.

use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Why lines were cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The header up to and with its START marker; or a START marker alone, where what stands before it is not shown
    /// to be a header.
    StartMarker,
    /// The header and the small print of an e-text from before about 2003, up to and with its END line.
    SmallPrint,
    /// Small print without its END line, as far as it is shown to be small print.
    SmallPrintUnended,
    /// A line after the small print that names the e-text as one of Project Gutenberg.
    TitleLine,
    /// Who produced the e-text.
    Credits,
    /// World Library's conditions of use, which the Shakespeare e-texts repeat between acts.
    WorldLibraryNotice,
    /// "End of Project Gutenberg's …".
    Footer,
    /// The END marker and all after it.
    EndMarker,
    /// The licence and all after it, where there is neither END marker nor footer.
    Licence,
}

/// Lines that were cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Why.
    pub rule: Rule,
    /// The first line, counted from 1 in the decoded text with LF line ends.
    pub first_line: u64,
    /// The last line.
    pub last_line: u64,
    /// Bytes of these lines, in UTF-8 with LF line ends.
    pub bytes: u64,
}

/// Bytes of a text in hand that shall be cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) rule: Rule,
    /// Whole lines.
    pub(crate) bytes: Range<usize>,
}
