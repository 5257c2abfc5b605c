//! A Zstandard stream of any number of frames (RFC 8878 §3.1), skippable ones included, checksums verified.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The largest window accepted, in bytes: what `zstd -19` needs, so that memory keeps its bound.
const WINDOW_BYTES_MAX: u64 = 8 * 1024 * 1024;
const FRAME: u32 = 0xfd2f_b528;
const SKIPPABLE: u32 = 0x184d_2a50;

/// Whether a stream that begins so is Zstandard.
pub(crate) fn is_magic(bytes: &[u8]) -> bool {
    let Ok(magic) = <[u8; 4]>::try_from(bytes) else { return false };
    let magic = u32::from_le_bytes(magic);
    magic == FRAME || magic & !0xf == SKIPPABLE
}

/// The content of all frames, one after the other.
pub(crate) struct Frames<R> {
    input: R,
    decoder: FrameDecoder,
    at: Position,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    BetweenFrames,
    InFrame,
}

impl<R: BufRead> Frames<R> {
    pub(crate) fn new(input: R) -> Self {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW_BYTES_MAX);
        Self { input, decoder, at: Position::BetweenFrames }
    }

    /// Goes on to the next frame that has content; stays between frames where the input ends.
    fn enter(&mut self) -> io::Result<()> {
        while !self.input.fill_buf()?.is_empty() {
            let mut magic = [0; 4];
            self.input.read_exact(&mut magic)?;
            if u32::from_le_bytes(magic) & !0xf == SKIPPABLE {
                self.skip()?;
            } else {
                self.decoder.init(io::Cursor::new(magic).chain(&mut self.input)).map_err(invalid)?;
                self.at = Position::InFrame;
                return Ok(());
            }
        }
        Ok(())
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
        Ok(())
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if self.at == Position::BetweenFrames {
                self.enter()?;
                if self.at == Position::BetweenFrames {
                    return Ok(0);
                }
            }
            if buffer.is_empty() || self.decoder.can_collect() > 0 {
                return self.decoder.read(buffer);
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

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
