//! The table: how servers behave, and what must come of it.

mod bodies;
mod content;
mod heads;
mod redirects;
mod resumes;
mod statuses;

use super::{places::Places, row::Row};

pub(super) fn table(places: &Places) -> Vec<Row> {
    let sections = [
        heads::rows(),
        bodies::rows(),
        resumes::rows(),
        statuses::rows(),
        content::rows(),
        redirects::rows(places),
        redirects::forbidden(places),
    ];
    sections.into_iter().flatten().collect()
}
