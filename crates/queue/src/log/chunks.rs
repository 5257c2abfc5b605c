//! Splits values into chunks that sled stores safely.
//!
//! sled writes whole leaves, and puts a leaf that grows over about 131,000 bytes into a file that it never
//! forces to the medium. With chunks of at most [`CHUNK_BYTES`] no leaf grows that large. The first chunk
//! begins with the total length and the CRC-32 of the whole value (u32 each, little-endian), so that chunks
//! that do not belong together are never taken for a value.

/// The length of the largest value that is written to sled.
pub(crate) const CHUNK_BYTES: usize = 6_500;
const HEADER_BYTES: usize = 8;
/// The memory that is reserved for a length that may be damaged.
const RESERVED_BYTES_MAX: usize = 1 << 20;

/// Prepends the header to a value, which is then stored in pieces of [`CHUNK_BYTES`].
pub(crate) fn frame(value: &[u8]) -> Vec<u8> {
    let length = u32::try_from(value.len()).expect("groups are bounded far below 4 GiB");
    let mut framed = Vec::with_capacity(HEADER_BYTES + value.len());
    framed.extend_from_slice(&length.to_le_bytes());
    framed.extend_from_slice(&crc32fast::hash(value).to_le_bytes());
    framed.extend_from_slice(value);
    framed
}

/// The value of some chunks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Joined {
    /// The value and its checksum.
    Complete(Vec<u8>, u32),
    /// Only the first chunks of a value are there.
    Partial,
}

/// Joins the chunks of a value, given in order.
///
/// # Errors
/// Returns a description if the chunks are not those of one value.
pub(crate) fn join<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Joined, &'static str> {
    let mut chunks = chunks.into_iter();
    let (head, first) =
        chunks.next().and_then(|chunk| chunk.split_first_chunk::<HEADER_BYTES>()).ok_or("no header")?;
    let [l0, l1, l2, l3, c0, c1, c2, c3] = *head;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let checksum = u32::from_le_bytes([c0, c1, c2, c3]);
    // The length is not checked yet.
    let mut value = Vec::with_capacity(length.min(RESERVED_BYTES_MAX));
    value.extend_from_slice(first);
    for chunk in chunks {
        value.extend_from_slice(chunk);
    }
    // Chunks are written in order: an interrupted write leaves the first ones, each of full length.
    if value.len() < length && (value.len() + HEADER_BYTES).is_multiple_of(CHUNK_BYTES) {
        return Ok(Joined::Partial);
    }
    if value.len() != length {
        return Err("its length is not the one written with it");
    }
    if crc32fast::hash(&value) != checksum {
        return Err("its checksum does not match");
    }
    Ok(Joined::Complete(value, checksum))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(framed: &[u8]) -> Result<Joined, &'static str> {
        join(framed.chunks(CHUNK_BYTES))
    }

    #[test]
    fn values_of_every_size_come_back() {
        for size in
            [0, 1, CHUNK_BYTES - 9, CHUNK_BYTES - 8, CHUNK_BYTES - 7, CHUNK_BYTES, 3 * CHUNK_BYTES, 70_000]
        {
            let value: Vec<u8> = (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let checksum = crc32fast::hash(&value);
            assert_eq!(joined(&frame(&value)), Ok(Joined::Complete(value, checksum)));
        }
    }

    #[test]
    fn the_first_chunks_of_a_value_are_known_as_such() {
        let framed = frame(&[7; 20_000]);
        assert_eq!(joined(&framed[..CHUNK_BYTES]), Ok(Joined::Partial));
        assert_eq!(joined(&framed[..2 * CHUNK_BYTES]), Ok(Joined::Partial));
        assert!(joined(&framed[..2 * CHUNK_BYTES + 1]).is_err());
    }

    #[test]
    fn a_flipped_bit_or_a_foreign_chunk_is_seen() {
        let framed = frame(&[7; 20_000]);
        assert!(joined(&[&framed[..], &[1]].concat()).is_err());
        for byte in [0, 4, 8, 6_000, 19_000] {
            let mut flipped = framed.clone();
            flipped[byte] ^= 1;
            assert!(joined(&flipped).is_err(), "byte {byte}");
        }
    }
}
