//! Writes and checks small records that are JSON files, each with a checksum of itself.
//!
//! A record is indented JSON with a line feed at the end. Its last field, `record_blake3`, is the BLAKE3 of
//! the file without that field, as 64 hex digits. It shows whether a damaged disk or an editor has changed a
//! title, a language or a word count. Records of earlier versions have no such field.

use serde::Serialize;

/// The bytes before the checksum, which is the last field of an indented object.
const BEFORE: &[u8] = b",\n  \"record_blake3\": \"";
/// The bytes after the checksum.
const BEHIND: &[u8] = b"\"\n}\n";
/// The end of a record without the field.
const END: &[u8] = b"\n}\n";
/// The name of the field, however the record is formatted.
const NAME: &[u8] = b"\"record_blake3\"";

/// The result of comparing a record with its checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum {
    /// The record has no checksum.
    Absent,
    /// The record is as it was written.
    Fits,
    /// The record has changed.
    Differs,
}

/// Returns the bytes of a record with its checksum.
///
/// # Errors
/// Returns the serialiser's error if the record cannot be JSON.
pub fn to_bytes(record: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec_pretty(record)?;
    bytes.push(b'\n');
    // An empty object has no field to which the checksum could be added.
    if let Some(fields) = bytes.strip_suffix(END) {
        let checksum = blake3::hash(&bytes).to_hex();
        bytes = [fields, BEFORE, checksum.as_bytes(), BEHIND].concat();
    }
    Ok(bytes)
}

/// Compares a record with its checksum.
#[must_use]
pub fn checksum(bytes: &[u8]) -> Checksum {
    match split(bytes) {
        Some((fields, checksum)) if blake3::hash(&[fields, END].concat()).to_hex().as_bytes() == checksum => {
            Checksum::Fits
        }
        // The field may be elsewhere, if somebody has reformatted the record.
        None if position(bytes, NAME).is_none() => Checksum::Absent,
        Some(_) | None => Checksum::Differs,
    }
}

/// Returns the fields before the checksum, and the checksum.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_suffix(BEHIND)?;
    let (before, checksum) = rest.split_at_checked(rest.len().checked_sub(2 * blake3::OUT_LEN)?)?;
    Some((before.strip_suffix(BEFORE)?, checksum))
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn record() -> Vec<u8> {
        to_bytes(&BTreeMap::from([("title", "Faust"), ("author", "Goethe")])).unwrap()
    }

    #[test]
    fn the_stored_bytes_of_a_record_do_not_change() {
        let fields = "{\n  \"author\": \"Goethe\",\n  \"title\": \"Faust\"";
        let hash = blake3::hash(format!("{fields}\n}}\n").as_bytes());
        let expected = format!("{fields},\n  \"record_blake3\": \"{hash}\"\n}}\n");
        assert_eq!(String::from_utf8(record()).unwrap(), expected);
    }

    #[test]
    fn any_change_of_a_record_is_detected() {
        let whole = record();
        assert_eq!(checksum(&whole), Checksum::Fits);
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            // If the name of the checksum field is changed, the record has an unknown field instead of a
            // checksum.
            assert_ne!(checksum(&changed), Checksum::Fits, "byte {at}");
        }
        let text = String::from_utf8(whole).unwrap();
        for (from, to) in [("Faust", "Fausto"), ("\"Goethe\"", "null"), ("  ", ""), (",\n", ", ")] {
            assert_eq!(checksum(text.replace(from, to).as_bytes()), Checksum::Differs, "{from}");
        }
    }

    #[test]
    fn a_record_of_an_earlier_version_has_no_checksum() {
        for text in ["{\n  \"title\": \"Faust\"\n}\n", "{}", "", "not JSON"] {
            assert_eq!(checksum(text.as_bytes()), Checksum::Absent, "{text}");
        }
        let nothing = to_bytes(&BTreeMap::<String, u8>::new()).unwrap();
        assert_eq!(checksum(&nothing), Checksum::Absent);
    }
}
