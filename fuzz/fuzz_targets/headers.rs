//! The head of an answer: a status line and header fields, as lines `name: value`, and the body behind a
//! blank line.
//!
//! * `Content-Range` lies within its total, and reads back what it says.
//! * `Retry-After` is within its cap, and so is every wait that comes of it.
//! * A strong validator is one line of text that its own answer does not contradict, and not a weak one.
//! * A media type is in lower case and without parameters, and reads back as itself.
//! * A whole body has status 200 or 203, has no range that is less than all of it, and is within the limit.
//! * A rest has status 206, begins where the part ends and goes to the end of the whole, of the same version.
//! * What a body is, by its bytes and its media type, does not depend on how it is cut into pieces.
#![no_main]

use fetch::fuzzing::{self, Judged, Part, retry_after_max_ms};
use libfuzzer_sys::fuzz_target;
use reqwest::{
    StatusCode,
    header::{CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue},
};

const BYTES_MAX: u64 = 1 << 20;
const PARTS: [u64; 3] = [1, 100, u64::MAX - 1];

struct Answer<'a> {
    status: StatusCode,
    headers: HeaderMap,
    length: Option<u64>,
    body: &'a [u8],
}

fn read(bytes: &[u8]) -> Option<Answer<'_>> {
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let first = lines.next()?;
    let status = StatusCode::from_bytes(first.get(..3)?).ok()?;
    let (mut headers, mut length, mut used) = (HeaderMap::new(), None, first.len() + 1);
    for line in lines {
        used += line.len() + 1;
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|&byte| byte == b':')?;
        let value = line[colon + 1..].trim_ascii();
        let name = HeaderName::from_bytes(&line[..colon]).ok()?;
        if name == "content-length" {
            length = str::from_utf8(value).ok()?.parse().ok();
        }
        headers.try_append(name, HeaderValue::from_bytes(value).ok()?).ok()?;
    }
    Some(Answer { status, headers, length, body: bytes.get(used..).unwrap_or_default() })
}

fuzz_target!(|bytes: &[u8]| {
    let Some(answer) = read(bytes) else { return };
    let headers = &answer.headers;
    let now_ms = u64::from(bytes[bytes.len() - 1]) << 33;
    content_range(headers);
    if let Some(wait_ms) = fuzzing::retry_after_ms(headers, now_ms) {
        assert!(wait_ms <= retry_after_max_ms());
        let later = fuzzing::retry_after_ms(headers, now_ms + 1).expect("it is as clear a moment later");
        assert!(later == wait_ms || later + 1 == wait_ms || wait_ms == retry_after_max_ms());
    }
    content_type(headers);
    if let Some((text, is_contradicted)) = fuzzing::if_range(headers) {
        assert!(!is_contradicted, "{text}");
        assert!(
            HeaderValue::from_str(&text).is_ok() && !text.is_empty() && !text.starts_with("W/"),
            "{text}"
        );
        assert!(!text.starts_with('"') || text.bytes().filter(|&byte| byte == b'"').count() == 2, "{text}");
    }
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| fuzzing::content_type(value).0);
    let sniffed = fuzzing::sniffed(answer.body, media_type.as_deref(), usize::MAX);
    for chunk_bytes in [1, 7, 511, 512, 20_000] {
        assert_eq!(fuzzing::sniffed(answer.body, media_type.as_deref(), chunk_bytes), sniffed);
    }
    judge(&answer, now_ms);
});

fn content_range(headers: &HeaderMap) {
    let Some((range, total)) = fuzzing::content_range(headers) else { return };
    assert!(range.start() <= range.end() && *range.end() < total);
    let said = format!("bytes {}-{}/{total}", range.start(), range.end());
    let again = HeaderMap::from_iter([(CONTENT_RANGE, said.parse().expect("a value"))]);
    assert_eq!(fuzzing::content_range(&again), Some((range, total)));
}

fn content_type(headers: &HeaderMap) {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return };
    let (media_type, charset) = fuzzing::content_type(value);
    if let Some(media_type) = media_type {
        assert!(!media_type.is_empty() && !media_type.contains(';'), "{media_type}");
        assert_eq!(media_type, media_type.trim().to_ascii_lowercase());
        assert_eq!(fuzzing::content_type(&media_type), (Some(media_type), None));
    }
    assert!(charset.is_none_or(|charset| !charset.is_empty() && !charset.contains('"')));
}

fn judge(answer: &Answer<'_>, now_ms: u64) {
    let Answer { status, headers, length, .. } = answer;
    for part in [None, Some(PARTS[0]), Some(PARTS[1]), Some(PARTS[2])] {
        let part = part.map(|offset| Part {
            offset,
            total: Some(offset.saturating_add(50)),
            etag: "\"v1\"".to_owned(),
        });
        match fuzzing::judge(*status, headers, *length, part.as_ref(), BYTES_MAX, now_ms) {
            Judged::Whole { codings, if_range } => {
                assert!(matches!(status.as_u16(), 200 | 203), "{status}");
                if headers.contains_key(CONTENT_RANGE) {
                    let (range, total) = fuzzing::content_range(headers).expect("it is all of it");
                    assert!(*range.start() == 0 && *range.end() + 1 == total);
                }
                assert!(length.is_none_or(|length| (1..=BYTES_MAX).contains(&length)));
                assert!(if_range.is_none() || codings.is_identity(), "a coded body cannot be resumed");
            }
            Judged::Rest { offset, bytes } => {
                let part = part.as_ref().expect("a rest is one of a part");
                assert_eq!((*status, offset), (StatusCode::PARTIAL_CONTENT, part.offset));
                let (range, total) = fuzzing::content_range(headers).expect("it says its range");
                assert!(bytes > 0 && *range.start() == offset && offset.checked_add(bytes) == Some(total));
                assert!(part.total.is_none_or(|announced| announced == total));
                assert!(length.is_none_or(|length| length == bytes));
                let etags: Vec<_> = headers.get_all(ETAG).iter().collect();
                assert!(etags.len() != 1 || etags[0] == part.etag.as_str() || etags[0].to_str().is_err());
                assert!(
                    headers
                        .get_all(CONTENT_ENCODING)
                        .iter()
                        .all(|value| !value.as_bytes().ends_with(b"gzip"))
                );
            }
            Judged::Failed { wait_ms, pause_ms, .. } => {
                assert!(wait_ms.unwrap_or(0) <= retry_after_max_ms() && pause_ms <= retry_after_max_ms());
            }
        }
    }
}
