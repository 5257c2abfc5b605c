//! `corpus.warc.gz`: the received bytes and the text of each document, as WARC 1.1 with one gzip member for
//! each record.
//!
//! The first record is a `warcinfo`. Then follow the records of each document, in order of ids:
//!
//! * the received bytes, if they were kept: a `response` with a reconstructed HTTP head (`http_head.rs`), or
//!   a `resource` if the document is a local file;
//! * the text, as a `conversion` that refers to the received bytes.
//!
//! Both have the time at which the document was requested as their date, and its id in a field
//! `juggle-document`. The `warcinfo` has the latest of these dates. The ids of records are made from their
//! content (`record.rs`). So the same corpus gives the same bytes. Digests are SHA-256 in hexadecimal, which
//! all known readers can check. Only a `response` has a digest of its payload, because readers disagree on
//! that of other records. The BLAKE3 in `meta/` stands in a field `juggle-blake3`.

mod capture;
mod http_head;
mod member_writer;
mod record;

use flow::clock::Millis;

use self::{
    capture::{Capture, requested_ms},
    member_writer::MemberWriter,
    record::{BlockDigest, RecordHead, RecordId, RecordType},
};
use crate::{
    corpus::{Corpus, DocumentTotals},
    directory::ExportDirectory,
    error::ExportError,
    report::{ExportReport, UncommittedFile, commit_all},
};

/// The file name.
pub const FILE: &str = "corpus.warc.gz";

/// The description in the first record, for readers of the file who do not know juggle.
const DESCRIPTION: [&str; 6] = [
    "The received bytes and the text of each document of a juggle corpus.",
    "HTTP heads are reconstructed from what juggle keeps of a response: status, Content-Type with charset, \
     ETag, Last-Modified.",
    "Content codings and transfer codings of bodies were removed, so there is no Content-Encoding and no \
     Transfer-Encoding, and Content-Length is the length of the decoded body.",
    "A conversion record is the text of the record that it refers to: UTF-8 with line feeds, and without the \
     boilerplate that juggle removed.",
    "Without a response or resource record, the received bytes of a document were not kept.",
    "juggle-document is the id of a document, juggle-blake3 the BLAKE3 of its received bytes or of its text.",
];

/// Writes the received bytes and the texts of all documents. The rows of the report are records.
///
/// # Errors
/// Returns [`ExportError::Blob`] or [`ExportError::Damaged`] if a blob cannot be read, and
/// [`ExportError::Write`] if the file cannot be written.
pub fn write(corpus: &Corpus<'_>, directory: &ExportDirectory) -> Result<ExportReport, ExportError> {
    let mut last_ms = 0;
    corpus.for_each_arrival(|arrival| last_ms = last_ms.max(requested_ms(arrival)))?;
    let mut file = MemberWriter::new(directory.create_file(FILE)?);
    let info = write_info(&mut file, last_ms)?;
    let mut raw_dropped = 0;
    let totals = corpus.for_each(|document| {
        let capture = Capture::of(document, &info)?;
        let raw = capture.write_raw(&mut file)?;
        raw_dropped += u64::from(raw.is_none());
        capture.write_text(&mut file, raw.as_ref())
    })?;
    let records = file.records();
    let files = commit_all(vec![UncommittedFile::sync(file.into_file(), records)?])?;
    Ok(ExportReport { files, totals: DocumentTotals { raw_dropped, ..totals } })
}

/// Writes the first record, which describes the others.
fn write_info(file: &mut MemberWriter, date_ms: Millis) -> Result<RecordId, ExportError> {
    let block = format!(
        "software: juggle/{}\r\nformat: WARC File Format 1.1\r\n\
         conformsTo: http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/\r\n\
         description: {}\r\n",
        env!("CARGO_PKG_VERSION"),
        DESCRIPTION.join(" "),
    );
    let digest = BlockDigest::of(block.as_bytes());
    let head = RecordHead::new(RecordType::Warcinfo, date_ms, &digest, "application/warc-fields")
        .with("WARC-Filename", FILE);
    file.write_record(head, |write| write(block.as_bytes()))
}
