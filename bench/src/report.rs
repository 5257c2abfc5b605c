//! The rows of what only juggle does.

use crate::{
    machine::Machine,
    row::{Better, Measured, Outcome, Row, compare},
    server::Installed,
    tool::Tool,
};

/// Collects rows.
#[derive(Debug)]
pub struct Report {
    machine: Machine,
    juggle: Installed,
    rows: Vec<Row>,
}

impl Report {
    /// An empty one, of juggle as it is installed.
    #[must_use]
    pub const fn new(machine: Machine, juggle: Installed) -> Self {
        Self { machine, juggle, rows: Vec::new() }
    }

    /// Adds what juggle did; nothing if there are no figures.
    pub fn add(
        &mut self,
        work: &str,
        shape: &str,
        unit: &'static str,
        figures: &[f64],
        better: Better,
        rss_kib: Option<u64>,
    ) {
        let Some(measured) = Measured::of(figures, rss_kib, &self.juggle.durability) else { return };
        let mut row = [Row {
            work: work.to_owned(),
            shape: shape.to_owned(),
            tool: Tool::Juggle.name(),
            version: Some(self.juggle.version.clone()),
            unit,
            outcome: Outcome::Measured(measured),
            machine: self.machine.clone(),
        }];
        compare(&mut row, better);
        self.rows.extend(row);
    }

    /// All rows so far.
    #[must_use]
    pub fn into_rows(self) -> Vec<Row> {
        self.rows
    }
}
