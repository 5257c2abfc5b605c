//! `br`: one brotli stream, RFC 7932, with the windows of that RFC and no larger ones. It has no checksum.

use std::io::{self, BufRead, Read};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};

use super::{Input, at_end, invalid};

/// The content of a stream.
pub(super) struct Brotli<'a> {
    input: Input<'a>,
    state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
    made: usize,
    at: Position,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    InStream,
    AtEnd,
}

impl<'a> Brotli<'a> {
    pub(super) fn new(input: Input<'a>) -> Self {
        let alloc = StandardAlloc::default;
        let state = Box::new(BrotliState::new_strict(alloc(), alloc(), alloc()));
        Self { input, state, made: 0, at: Position::InStream }
    }

    /// One step: how many bytes came of it.
    fn step(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let chunk = self.input.fill_buf()?;
        let is_over = chunk.is_empty();
        let (mut came, mut left) = (0, chunk.len());
        let (mut made, mut room) = (0, buffer.len());
        let result = BrotliDecompressStream(
            &mut left,
            &mut came,
            chunk,
            &mut room,
            &mut made,
            buffer,
            &mut self.made,
            &mut self.state,
        );
        self.input.consume(came);
        match result {
            BrotliResult::ResultSuccess => {
                self.at = Position::AtEnd;
                at_end(&mut self.input)?;
            }
            // The decoder may still hold output after the last input.
            BrotliResult::NeedsMoreInput if is_over && made == 0 => {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultFailure => return Err(invalid("it is not brotli")),
        }
        Ok(made)
    }
}

impl Read for Brotli<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == Position::InStream && !buffer.is_empty() {
            match self.step(buffer)? {
                0 => {}
                made => return Ok(made),
            }
        }
        Ok(0)
    }
}
