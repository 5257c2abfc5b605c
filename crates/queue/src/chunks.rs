//! Values of any size as chunks of at most [`CHUNK_BYTES`].
//!
//! sled writes whole leaves, and a leaf that grows over about 131,000 bytes goes to a file that it never fsyncs; with
//! chunks of this size that does not happen. The first chunk begins with the total length and the CRC-32 of the whole
//! value (u32 each, little-endian), so that a value whose chunks do not belong together is never taken for a whole.

/// The largest value that is written to sled.
pub(crate) const CHUNK_BYTES: usize = 6_500;
const HEADER_BYTES: usize = 8;

/// Splits a value.
pub(crate) fn split(value: &[u8]) -> Vec<Vec<u8>> {
    let length = u32::try_from(value.len()).expect("records are bounded far below 4 GiB");
    let (first, mut rest) = value.split_at(value.len().min(CHUNK_BYTES - HEADER_BYTES));
    let mut head = Vec::with_capacity(HEADER_BYTES + first.len());
    head.extend_from_slice(&length.to_le_bytes());
    head.extend_from_slice(&crc32fast::hash(value).to_le_bytes());
    head.extend_from_slice(first);
    let mut chunks = vec![head];
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(rest.len().min(CHUNK_BYTES));
        chunks.push(chunk.to_vec());
        rest = after;
    }
    chunks
}

/// Puts a value together again.
///
/// # Errors
/// Says in what way the chunks are not a whole value.
pub(crate) fn join<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<u8>, &'static str> {
    let mut chunks = chunks.into_iter();
    let (head, first) =
        chunks.next().and_then(|chunk| chunk.split_first_chunk::<HEADER_BYTES>()).ok_or("no header")?;
    let [l0, l1, l2, l3, c0, c1, c2, c3] = *head;
    let length = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let mut value = first.to_vec();
    for chunk in chunks {
        value.extend_from_slice(chunk);
    }
    if value.len() != length {
        return Err("its length is not the one written with it");
    }
    if crc32fast::hash(&value) != u32::from_le_bytes([c0, c1, c2, c3]) {
        return Err("its checksum does not match");
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_size_come_back_and_no_chunk_is_too_large() {
        for size in
            [0, 1, CHUNK_BYTES - 9, CHUNK_BYTES - 8, CHUNK_BYTES - 7, CHUNK_BYTES, 3 * CHUNK_BYTES, 70_000]
        {
            let value: Vec<u8> = (0..size).map(|i| u8::try_from(i % 251).unwrap()).collect();
            let chunks = split(&value);
            assert!(chunks.iter().all(|chunk| chunk.len() <= CHUNK_BYTES));
            assert_eq!(join(chunks.iter().map(Vec::as_slice)), Ok(value));
        }
    }

    #[test]
    fn a_flipped_bit_or_a_missing_or_foreign_chunk_is_seen() {
        let chunks = split(&[7; 20_000]);
        let parts = || chunks.iter().map(Vec::as_slice);
        assert!(join(parts().take(2)).is_err());
        assert!(join(parts().chain([&[1_u8][..]])).is_err());
        for byte in [0, 4, 8, 6_000] {
            let mut flipped = chunks.clone();
            flipped[0][byte] ^= 1;
            assert!(join(flipped.iter().map(Vec::as_slice)).is_err(), "byte {byte}");
        }
    }
}
