//! `deflate`: zlib (RFC 1950, its Adler-32 verified), or bare deflate (RFC 1951), which has no checksum; told
//! apart by the first two bytes, as browsers do. No writer of bare deflate begins with a zlib header: it
//! would be a stored block with rubbish in its padding.

use std::io::{self, BufRead, Cursor, Read};

use flate2::{Decompress, FlushDecompress, Status};

use super::{Input, at_end, invalid};

/// The content of a stream.
pub(super) struct Deflate<'a> {
    input: Input<'a>,
    stream: Stream,
}

enum Stream {
    NotBegun,
    Open(Decompress),
    Ended,
}

impl<'a> Deflate<'a> {
    pub(super) fn new(input: Input<'a>) -> Self {
        Self { input, stream: Stream::NotBegun }
    }

    fn begin(&mut self) -> io::Result<()> {
        let mut head = Vec::with_capacity(2);
        // A single read may return one byte only.
        self.input.by_ref().take(2).read_to_end(&mut head)?;
        self.stream = Stream::Open(Decompress::new(is_zlib(&head)));
        let rest = std::mem::replace(&mut self.input, Box::new(io::empty()));
        self.input = Box::new(Cursor::new(head).chain(rest));
        Ok(())
    }
}

/// RFC 1950 §2.2: the method is deflate, the window at most 32 KiB, no dictionary is needed, and the check
/// bits fit.
fn is_zlib(head: &[u8]) -> bool {
    let &[method, flags] = head else { return false };
    method & 0x0f == 8
        && method >> 4 <= 7
        && flags & 0x20 == 0
        && u16::from_be_bytes([method, flags]).is_multiple_of(31)
}

impl Read for Deflate<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !buffer.is_empty() {
            let inflate = match &mut self.stream {
                Stream::NotBegun => {
                    self.begin()?;
                    continue;
                }
                Stream::Open(inflate) => inflate,
                Stream::Ended => break,
            };
            let chunk = self.input.fill_buf()?;
            let is_over = chunk.is_empty();
            let (came, made) = (inflate.total_in(), inflate.total_out());
            let status = inflate.decompress(chunk, buffer, FlushDecompress::None).map_err(invalid)?;
            let came = usize::try_from(inflate.total_in() - came).map_err(invalid)?;
            let made = usize::try_from(inflate.total_out() - made).map_err(invalid)?;
            self.input.consume(came);
            if status == Status::StreamEnd {
                self.stream = Stream::Ended;
                at_end(&mut self.input)?;
            // The decoder may still hold output after the last input.
            } else if is_over && made == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if made > 0 {
                return Ok(made);
            }
        }
        Ok(0)
    }
}
