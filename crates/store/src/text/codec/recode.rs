//! Recodes bytes of an encoding outside the standard into an encoding of the standard, before the decoder
//! reads them.

use std::io::{self, Read};

/// The byte that stands for bytes that are no character. It is no byte of UTF-8, GBK or EUC-KR, so it counts
/// as malformed.
pub(crate) const MALFORMED: u8 = 0xFF;

/// Recodes bytes that arrive in pieces of any size.
pub(crate) trait Recode {
    /// Recodes the next bytes into `out`. An incomplete character is kept for the next call.
    fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>);

    /// Recodes what is left after the last bytes.
    fn finish(&mut self, out: &mut Vec<u8>);
}

/// A reader that recodes the bytes of another reader.
pub(crate) struct RecodingReader<R> {
    inner: R,
    recoder: Box<dyn Recode>,
    /// The buffer for one read of `inner`.
    window: Vec<u8>,
    recoded: Vec<u8>,
    /// The number of bytes of `recoded` that have been read.
    given: usize,
    has_ended: bool,
}

impl<R: Read> RecodingReader<R> {
    /// Creates a reader that reads up to `window` bytes of `inner` at a time.
    pub(crate) fn new(inner: R, recoder: Box<dyn Recode>, window: usize) -> Self {
        Self { inner, recoder, window: vec![0; window], recoded: Vec::new(), given: 0, has_ended: false }
    }

    fn refill(&mut self) -> io::Result<()> {
        self.recoded.clear();
        self.given = 0;
        // A read that returns no bytes would mean the end, but a window may end within the first character.
        while self.recoded.is_empty() && !self.has_ended {
            let length = self.inner.read(&mut self.window)?;
            if length == 0 {
                self.has_ended = true;
                self.recoder.finish(&mut self.recoded);
            }
            self.recoder.take(&self.window[..length], &mut self.recoded);
        }
        Ok(())
    }
}

impl<R: Read> Read for RecodingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.recoded.len() {
            self.refill()?;
        }
        let length = (&self.recoded[self.given..]).read(buffer)?;
        self.given += length;
        Ok(length)
    }
}

/// Recodes all bytes, `window` at a time.
#[cfg(test)]
pub(crate) fn recode_all(bytes: &[u8], recoder: impl Recode + 'static, window: usize) -> Vec<u8> {
    let mut recoded = Vec::new();
    let mut reader = RecodingReader::new(bytes, Box::new(recoder), window);
    reader.read_to_end(&mut recoded).expect("memory can be read");
    recoded
}
