//! The records of one document.
//!
//! A head has the digest of its block, so each blob is read twice. It is compared with its hash both times.

use corpus::arrival::Arrival;
use flow::{blobs::BlobKind, clock::Millis};
use sha2::{Digest as _, Sha256};
use url::Url;

use super::{
    http_head,
    member_writer::MemberWriter,
    record::{BlockDigest, RecordHead, RecordId, RecordType, sha256_hex},
};
use crate::{corpus::Document, error::ExportError};

/// The type of all stored bytes. The fetch stage accepts nothing but texts, whatever the server calls them.
const TEXT: &str = "text/plain";

/// A document, with the facts that its records share.
pub(super) struct Capture<'d> {
    document: &'d Document<'d>,
    arrival: Arrival,
    uri: String,
    info: &'d RecordId,
}

/// A block: bytes before a blob, and the blob, which has this hash.
struct Block<'b> {
    before: &'b str,
    kind: BlobKind,
    blake3: &'b str,
}

impl<'d> Capture<'d> {
    pub(super) fn of(document: &'d Document<'d>, info: &'d RecordId) -> Result<Self, ExportError> {
        let url = &document.meta.final_url;
        // A parsed URL has neither spaces nor brackets around it.
        let uri = Url::parse(url).map_or_else(|_| url.clone(), String::from);
        Ok(Self { document, arrival: document.read_arrival()?, uri, info })
    }

    /// Writes the record of the received bytes and returns its id. Returns `None` if they were not kept.
    pub(super) fn write_raw(&self, file: &mut MemberWriter) -> Result<Option<RecordId>, ExportError> {
        let meta = &self.document.meta;
        if !meta.raw.fate.is_kept() {
            return Ok(None);
        }
        let http_head = self.arrival.status.map(|status| http_head::reconstruct(status, meta));
        let before = http_head.as_deref().unwrap_or_default();
        let block = Block { before, kind: BlobKind::Raw, blake3: &meta.raw.blake3 };
        let (digest, payload_sha256) = self.digest(&block)?;
        let head = match payload_sha256 {
            Some(sha256) => self
                .head(RecordType::Response, &digest, "application/http; msgtype=response", &block)
                .with("WARC-Payload-Digest", &format!("sha256:{sha256}"))
                .with("WARC-Identified-Payload-Type", TEXT),
            None => self.head(RecordType::Resource, &digest, TEXT, &block),
        };
        self.write(file, head, &block).map(Some)
    }

    /// Writes the record of the text.
    pub(super) fn write_text(
        &self,
        file: &mut MemberWriter,
        raw: Option<&RecordId>,
    ) -> Result<(), ExportError> {
        let block = Block { before: "", kind: BlobKind::Text, blake3: &self.document.meta.text.blake3 };
        let (digest, _) = self.digest(&block)?;
        // datatrove takes a conversion as a document if it has this field.
        let head = self
            .head(RecordType::Conversion, &digest, "text/plain; charset=utf-8", &block)
            .with("WARC-Identified-Payload-Type", TEXT);
        let head = match raw {
            Some(raw) => head.with("WARC-Refers-To", &raw.to_string()),
            None => head,
        };
        self.write(file, head, &block).map(drop)
    }

    /// Begins a head with the fields that all records of a document have.
    fn head(
        &self,
        record_type: RecordType,
        digest: &BlockDigest,
        content_type: &str,
        block: &Block<'_>,
    ) -> RecordHead {
        RecordHead::new(record_type, requested_ms(&self.arrival), digest, content_type)
            .with("WARC-Target-URI", &self.uri)
            .with("juggle-document", self.document.id().as_str())
            .with("juggle-blake3", block.blake3)
            .described_by(*self.info)
    }

    /// Returns the digest of a block, and the SHA-256 of its blob if that is not the whole block.
    fn digest(&self, block: &Block<'_>) -> Result<(BlockDigest, Option<String>), ExportError> {
        let mut whole = Sha256::new_with_prefix(block.before);
        let mut payload = (!block.before.is_empty()).then(Sha256::new);
        let mut bytes = block.before.len() as u64;
        self.document.read_blob(block.kind, block.blake3, |part| {
            bytes += part.len() as u64;
            whole.update(part);
            if let Some(payload) = &mut payload {
                payload.update(part);
            }
            Ok(())
        })?;
        Ok((BlockDigest { bytes, sha256: sha256_hex(whole) }, payload.map(sha256_hex)))
    }

    fn write(
        &self,
        file: &mut MemberWriter,
        head: RecordHead,
        block: &Block<'_>,
    ) -> Result<RecordId, ExportError> {
        file.write_record(head, |write| {
            write(block.before.as_bytes())?;
            self.document.read_blob(block.kind, block.blake3, write)
        })
    }
}

/// Returns the time of the last request for a document, in milliseconds since the Unix epoch.
pub(super) fn requested_ms(arrival: &Arrival) -> Millis {
    // WARC-Date is when the capture began; an arrival has its end.
    arrival.at_ms().saturating_sub(arrival.took_ms)
}
