//! Makes the meta of a text from its job and from what its bytes show.

use corpus::meta::{Meta, RawFacts};
use flow::payload::StoreJob;

use crate::{config::StoreConfig, convert::Converted, listed_columns};

/// Returns the meta of a text. Facts in its header take precedence over those in the source list.
pub(crate) fn new_meta(job: &StoreJob, config: StoreConfig, converted: Converted) -> Meta {
    let StoreJob { document, fetched, listed, known: _, lost: _ } = job;
    let header = converted.trimmed.header;
    Meta {
        document: document.clone(),
        url: fetched.url.clone(),
        final_url: fetched.final_url.clone(),
        content_type: fetched.content_type.clone(),
        charset: fetched.charset.clone(),
        etag: fetched.etag.clone(),
        last_modified: fetched.last_modified.clone(),
        raw: RawFacts { fate: config.raw, ..converted.raw },
        text: converted.text,
        encoding: converted.encoding,
        title: header.title.or_else(|| listed.title.clone()),
        author: header.author.or_else(|| listed_columns::author(&listed.columns).map(str::to_owned)),
        language: header.language.or_else(|| listed_columns::language(&listed.columns).map(str::to_owned)),
        release_date: header.release_date,
        strip: config.strip,
        cuts: converted.trimmed.removed,
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
