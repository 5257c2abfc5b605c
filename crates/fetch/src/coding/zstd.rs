//! A Zstandard stream of any number of frames (RFC 8878 §3.1), skippable ones included. Checksums and announced lengths
//! are verified where a frame has them.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

use super::invalid;

/// The largest window accepted, in bytes: RFC 9659, and what `zstd -19` needs, so that memory keeps its bound.
const WINDOW_BYTES_MAX: u64 = 8 * 1024 * 1024;
const FRAME: u32 = 0xfd2f_b528;
const SKIPPABLE: u32 = 0x184d_2a50;

/// Whether a stream that begins so is Zstandard.
#[must_use]
pub fn is_magic(bytes: &[u8]) -> bool {
    let Ok(magic) = <[u8; 4]>::try_from(bytes) else { return false };
    let magic = u32::from_le_bytes(magic);
    magic == FRAME || magic & !0xf == SKIPPABLE
}

/// The content of all frames, one after the other. Holds one window of at most 8 MiB.
pub struct Frames<R> {
    input: R,
    decoder: FrameDecoder,
    /// Bytes of the present frame's content that were read.
    made: u64,
    at: Position,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    AtStart,
    BetweenFrames,
    InFrame,
}

impl<R: BufRead> Frames<R> {
    /// Reads from `input`, at first nothing.
    pub fn new(input: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_BYTES_MAX);
        Self { input, decoder, made: 0, at: Position::AtStart }
    }

    /// Goes on to the next frame that has content; stays between frames where the input ends, which must not be before
    /// the first.
    fn enter(&mut self) -> io::Result<()> {
        while !self.input.fill_buf()?.is_empty() {
            let mut magic = [0; 4];
            self.input.read_exact(&mut magic)?;
            if u32::from_le_bytes(magic) & !0xf == SKIPPABLE {
                self.skip()?;
                self.at = Position::BetweenFrames;
            } else {
                self.decoder.init(io::Cursor::new(magic).chain(&mut self.input)).map_err(invalid)?;
                (self.made, self.at) = (0, Position::InFrame);
                return Ok(());
            }
        }
        match self.at {
            Position::AtStart => Err(io::ErrorKind::UnexpectedEof.into()),
            Position::BetweenFrames | Position::InFrame => Ok(()),
        }
    }

    fn skip(&mut self) -> io::Result<()> {
        let mut length = [0; 4];
        self.input.read_exact(&mut length)?;
        let length = u64::from(u32::from_le_bytes(length));
        let skipped = io::copy(&mut self.input.by_ref().take(length), &mut io::sink())?;
        if skipped == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn leave(&mut self) -> io::Result<()> {
        self.at = Position::BetweenFrames;
        let stored = self.decoder.get_checksum_from_data();
        if stored.is_some() && stored != self.decoder.get_calculated_checksum() {
            return Err(invalid("the checksum of a frame does not match its content"));
        }
        // Zero where it is not announced.
        match self.decoder.content_size() {
            0 => Ok(()),
            announced if announced == self.made => Ok(()),
            _ => Err(invalid("a frame is not as long as it says")),
        }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.at != Position::InFrame {
                self.enter()?;
                if self.at != Position::InFrame {
                    return Ok(0);
                }
            }
            if buffer.is_empty() || self.decoder.can_collect() > 0 {
                let read = self.decoder.read(buffer)?;
                self.made += read as u64;
                return Ok(read);
            }
            if self.decoder.is_finished() {
                self.leave()?;
            } else {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.decoder.decode_blocks(&mut self.input, one).map_err(invalid)?;
            }
        }
    }
}
