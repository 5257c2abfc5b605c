//! Makes the meta of a text from its job and from what its bytes show.

use corpus::{
    boilerplate::Strip,
    meta::{EncodingFacts, Meta, RawFacts, TextFacts},
};
use flow::payload::{Listed, StoreJob};

use crate::{config::StoreConfig, text::boilerplate::trim::Trimmed};

/// Returns the meta of a text. Facts in its header take precedence over those in the source list.
pub(crate) fn new_meta(
    job: &StoreJob,
    strip: Strip,
    raw: RawFacts,
    text: TextFacts,
    encoding: EncodingFacts,
    trimmed: Trimmed,
) -> Meta {
    let StoreJob { document, fetched, listed, known: _, lost: _ } = job;
    let Trimmed { header, removed } = trimmed;
    Meta {
        document: document.clone(),
        url: fetched.url.clone(),
        final_url: fetched.final_url.clone(),
        content_type: fetched.content_type.clone(),
        charset: fetched.charset.clone(),
        etag: fetched.etag.clone(),
        last_modified: fetched.last_modified.clone(),
        raw,
        text,
        encoding,
        title: header.title.or_else(|| listed.title.clone()),
        author: header.author.or_else(|| listed_author(listed).map(str::to_owned)),
        language: header.language.or_else(|| listed_language(listed).map(str::to_owned)),
        release_date: header.release_date,
        strip,
        cuts: removed,
        listed: listed.columns.clone(),
        duplicate_of: None,
    }
}

/// Returns whether a job with these settings would make this meta again. The duplicate it is marked as does
/// not count.
pub(crate) fn is_made_by(meta: &Meta, job: &StoreJob, config: StoreConfig) -> bool {
    meta.document == job.document
        && meta.raw.blake3.eq_ignore_ascii_case(&job.fetched.blake3)
        && meta.strip == config.strip
        && meta.encoding.given == job.listed.encoding
}

/// Returns the author that the source list gives. The second name of the column is that in a catalogue of
/// Project Gutenberg.
fn listed_author(listed: &Listed) -> Option<&str> {
    column(listed, ["author", "authors"])
}

/// Returns the language that the source list gives.
pub(crate) fn listed_language(listed: &Listed) -> Option<&str> {
    column(listed, ["language", "lang"])
}

/// Returns the first cell of the columns with these names, in any case, that is not empty, without white
/// space around it.
fn column<'l>(listed: &'l Listed, names: [&str; 2]) -> Option<&'l str> {
    let cell = |name: &str| {
        let mut columns = listed.columns.iter();
        columns.find(|(column, value)| column.eq_ignore_ascii_case(name) && !value.trim().is_empty())
    };
    names.into_iter().find_map(cell).map(|(_, value)| value.trim())
}
