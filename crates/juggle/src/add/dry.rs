//! What would be added.

use std::collections::BTreeMap;

use super::{Added, Sources, bulk::Tally};
use crate::{
    exit::{CliError, Exit},
    output::Out,
    source::{error::ReadError, input::Form, reader::Reader, reading::Reading},
};

/// Says what would be added. Touches nothing.
///
/// # Errors
/// As [`add`](super::add), but for what is written.
pub fn dry_run(sources: Sources, out: &Out) -> Result<Exit, CliError> {
    let mut by_host = BTreeMap::<String, u64>::new();
    let mut added = Added::default();
    let rewrites = &sources.rules.rewrites;
    let (reading, mut tally) = (Reading::new(&sources.rules), Tally::new(rewrites));
    let mut catalogs = 0;
    for input in &sources.inputs {
        let reader = Reader::open(input.clone(), &reading)?;
        catalogs += usize::from(reader.form() == Form::Catalog);
        for item in reader {
            match item {
                Ok(entry) => {
                    tally.count(&entry);
                    let group = entry.urls.first().and_then(|url| fetch::candidate::group_of(url, rewrites));
                    *by_host.entry(group.unwrap_or_else(|| "local files".to_owned())).or_default() += 1;
                    added.entries += 1;
                }
                Err(ReadError::Line(bad)) => {
                    tracing::warn!("{}{bad}", input.label());
                    added.bad += 1;
                }
                Err(ReadError::Source(error)) => return Err(error.into()),
            }
        }
    }
    sources.check_filters(catalogs)?;
    tally.judge()?;
    if out.is_json() {
        let report =
            serde_json::json!({ "entries": added.entries, "bad_lines": added.bad, "hosts": by_host });
        out.json(&report)?;
    } else {
        out.line(&format!("{} texts, {} bad lines; nothing was done", added.entries, added.bad))?;
        for (host, texts) in &by_host {
            out.line(&format!("{texts:>10}  {host}"))?;
        }
    }
    Ok(if added.bad > 0 { Exit::SomeFailed } else { Exit::Done })
}
