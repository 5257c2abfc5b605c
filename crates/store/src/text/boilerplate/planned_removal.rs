//! A removal that has been decided on and not yet made.

use std::ops::Range;

use crate::text::lines::Lines;
use corpus::boilerplate::Rule;

/// Whole lines of a text in memory that are to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlannedRemoval {
    pub(crate) rule: Rule,
    /// Their position in the text.
    pub(crate) bytes: Range<usize>,
}

impl PlannedRemoval {
    /// Creates the removal of lines by their numbers.
    pub(crate) fn of_lines(lines: &Lines<'_>, (rule, range): (Rule, Range<usize>)) -> Self {
        Self { rule, bytes: lines.bytes(range) }
    }

    /// Returns the removal in a text that has `offset` more bytes at its beginning.
    pub(crate) fn shifted(self, offset: usize) -> Self {
        Self { bytes: self.bytes.start + offset..self.bytes.end + offset, ..self }
    }
}
