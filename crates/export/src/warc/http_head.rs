//! HTTP heads of responses, reconstructed from what is stored of them.
//!
//! A head has the fields that are stored, under their usual names and in this order: `Content-Type` with the
//! `charset`, `ETag`, `Last-Modified`. `Content-Length` is that of the body in the record, which has no
//! content coding and no transfer coding any more. All other fields are unknown.

use corpus::meta::Meta;

use super::record::push_field;

/// Returns the head of the response with this status.
pub(super) fn reconstruct(status: u16, meta: &Meta) -> String {
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason_phrase(status));
    let fields = [
        ("Content-Type", content_type(meta)),
        ("ETag", meta.etag.clone()),
        ("Last-Modified", meta.last_modified.clone()),
        ("Content-Length", Some(meta.raw.bytes.to_string())),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            push_field(&mut head, name, &value);
        }
    }
    head.push_str("\r\n");
    head
}

/// Returns the reason phrase of a status. It is empty for statuses that no stored text has.
const fn reason_phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        203 => "Non-Authoritative Information",
        _ => "",
    }
}

fn content_type(meta: &Meta) -> Option<String> {
    let media_type = meta.content_type.as_ref()?;
    let Some(charset) = &meta.charset else { return Some(media_type.clone()) };
    // RFC 9110 §5.6.2: anything but a token is quoted. The quotes were removed when it was stored.
    let is_token_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let quote = if charset.bytes().all(is_token_byte) { "" } else { "\"" };
    Some(format!("{media_type}; charset={quote}{charset}{quote}"))
}
