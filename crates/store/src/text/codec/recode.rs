//! Recodes bytes of an encoding outside the standard into an encoding of the standard, before the decoder
//! reads them.

/// The byte that stands for bytes that are no character. It is no byte of UTF-8, GBK or EUC-KR, so it counts
/// as malformed.
pub(crate) const MALFORMED: u8 = 0xFF;

/// Recodes bytes that arrive in pieces of any size.
pub(crate) trait Recode {
    /// Recodes the next bytes into `out`. An incomplete character is kept for the next call.
    fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>);

    /// Recodes what is left after the last bytes.
    fn finish(&mut self, _out: &mut Vec<u8>) {}
}

/// Recodes all bytes, `window` at a time.
#[cfg(test)]
pub(crate) fn recode_all(bytes: &[u8], mut recoder: impl Recode, window: usize) -> Vec<u8> {
    let mut recoded = Vec::new();
    bytes.chunks(window).for_each(|window| recoder.take(window, &mut recoded));
    recoder.finish(&mut recoded);
    recoded
}
