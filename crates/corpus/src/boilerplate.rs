//! The rules by which boilerplate is removed, and the record of each removal.
//!
//! [`Rule`] and [`RemovedSpan`] are part of the meta, so they are stored formats: a rule may be added, but
//! never renamed or given another meaning.

use flow::choices;
use serde::{Deserialize, Serialize};

/// A rule by which lines are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The header up to its START marker, inclusive; or a START marker alone, if the lines before it do not
    /// have the form of a header.
    StartMarker,
    /// A header without a START marker. If the small print stands at the end of the e-text, the header
    /// reaches to the note that says so, inclusive; else it reaches as far as its fields.
    Header,
    /// The header and the small print of an e-text from before about 2003, up to its END line, inclusive.
    SmallPrint,
    /// Small print without its END line, up to the last paragraph that calls itself small print.
    SmallPrintUnended,
    /// A line after the small print that names the e-text as one of Project Gutenberg.
    TitleLine,
    /// The names of those who produced the e-text, and what it was made from.
    Credits,
    /// World Library's conditions of use, which the Shakespeare e-texts repeat between acts.
    WorldLibraryNotice,
    /// "End of Project Gutenberg's …".
    Footer,
    /// The END marker and the licence after it.
    EndMarker,
    /// The licence, if it does not directly follow an END marker or footer.
    Licence,
    /// Conditions of use in brackets after the header: `[Portions of this header are copyright …]`.
    HeaderLicence,
    /// A note on another version of the e-text:
    /// `Note: Project Gutenberg also has an HTML version of this file …`.
    OtherVersionNote,
    /// `Executive Director's Notes`, in e-texts of Shakespeare's first folio.
    DirectorsNotes,
    /// `THIS EBOOK WAS ONE OF PROJECT GUTENBERG'S EARLY FILES …`.
    EarlyFileNotice,
    /// A line that a converter left in the file: `WARNING:root:External link in file:///…`.
    ConverterWarning,
}

choices! {
    /// The share of the boilerplate that is removed.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    Strip {
        /// Nothing.
        Off = "off",
        /// Only what markers enclose: header, small print and licence.
        Markers = "markers",
        /// All of it: credits, title lines, footers and notices, too.
        #[default]
        Full = "full",
    }
}

impl Strip {
    /// Returns whether lines are removed by this rule.
    #[must_use]
    pub const fn removes(self, rule: Rule) -> bool {
        match self {
            Self::Off => false,
            Self::Full => true,
            // Lists all rules, so that a new rule does not compile until it is listed here.
            Self::Markers => match rule {
                Rule::StartMarker
                | Rule::Header
                | Rule::SmallPrint
                | Rule::SmallPrintUnended
                | Rule::EndMarker
                | Rule::Licence
                | Rule::HeaderLicence => true,
                Rule::TitleLine
                | Rule::Credits
                | Rule::WorldLibraryNotice
                | Rule::Footer
                | Rule::OtherVersionNote
                | Rule::DirectorsNotes
                | Rule::EarlyFileNotice
                | Rule::ConverterWarning => false,
            },
        }
    }
}

/// Lines that were removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemovedSpan {
    /// The rule by which they were removed.
    pub rule: Rule,
    /// The first line, counted from 1 in the decoded text with LF line ends.
    pub first_line: u64,
    /// The last line.
    pub last_line: u64,
    /// The length of these lines in bytes, in UTF-8 with LF line ends.
    pub bytes: u64,
}
