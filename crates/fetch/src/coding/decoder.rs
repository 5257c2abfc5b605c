//! Removes the codings of a body, one after the other, with limits.
//!
//! The limits hold for the output of each coding, not only of the last. A coding whose large output decodes
//! to little again costs as much time as any other decompression bomb.

use std::{
    cell::{Cell, RefCell},
    io::{self, BufRead, BufReader, Read},
    rc::Rc,
};

use super::{
    Input,
    brotli::Brotli,
    codings::{Coding, Codings},
    deflate::Deflate,
    gzip::Members,
    zstd,
};

/// The maximum number of decoded bytes for each received byte.
pub const RATIO_MAX: u64 = 200;
/// The number of decoded bytes up to which the ratio does not count.
pub const RATIO_FROM_BYTES: u64 = 1 << 20;
/// The size of the buffer for the decoded bytes of one coding.
const BUFFER_BYTES: usize = 64 * 1024;

/// The reason that a body cannot be decoded.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Its input failed.
    #[error("{0}")]
    Input(#[source] io::Error),
    /// The input ended, and the stream had not.
    #[error("the {0} stream ends early")]
    Truncated(Coding),
    /// It is not such a stream, or a checksum is wrong, or more follows its end.
    #[error("the {coding} stream is corrupt: {why}")]
    Corrupt {
        /// The coding that found it.
        coding: Coding,
        /// Its words.
        why: String,
    },
    /// It decodes to more bytes than may be.
    #[error("the body decodes to more than the limit of {bytes_max} bytes")]
    TooLarge {
        /// The limit in bytes.
        bytes_max: u64,
    },
    /// It decodes to more than [`RATIO_MAX`] times what came.
    #[error("the body decodes to more than {RATIO_MAX} times the received bytes")]
    Bomb,
}

/// Decoded bytes, in the order in which they come. Without codings it hands through what it reads, uncopied.
pub struct Decoder<'a> {
    decoded: Input<'a>,
    watch: Rc<Watch>,
}

/// The state that all codings of a body share.
#[derive(Default)]
struct Watch {
    /// Bytes that were consumed of the first input.
    came: Cell<u64>,
    /// The first fault. What foreign code makes of it on its way up does not count.
    fault: RefCell<Option<Fault>>,
}

impl Watch {
    /// Keeps a fault, if it is the first, and gives an error that stands for it.
    fn note(&self, fault: Fault) -> io::Error {
        let error = io::Error::other(fault.to_string());
        // The first fault is the cause. Outer layers report only its consequences.
        self.fault.borrow_mut().get_or_insert(fault);
        error
    }
}

impl<'a> Decoder<'a> {
    /// Decodes what `input` reads; no coding may make more than `bytes_max` bytes. May read from `input` at
    /// once.
    pub fn new(codings: &Codings, bytes_max: u64, input: impl BufRead + 'a) -> Self {
        let watch = Rc::<Watch>::default();
        let mut decoded: Input<'a> = Box::new(Source { input, watch: Rc::clone(&watch) });
        // The field lists the codings in the order in which they were applied (RFC 9110 §8.4), so the last is
        // removed first.
        for coding in codings.last_first() {
            let layer = Layer::new(coding, bytes_max, decoded, Rc::clone(&watch));
            decoded = Box::new(BufReader::with_capacity(BUFFER_BYTES, layer));
        }
        Self { decoded, watch }
    }

    /// Returns the next bytes. They are empty at the end, if all streams are complete, and the same until
    /// they are consumed.
    ///
    /// # Errors
    /// Returns the first fault. Nothing can be decoded after it.
    pub fn chunk(&mut self) -> Result<&[u8], Fault> {
        match self.decoded.fill_buf() {
            Ok(bytes) => Ok(bytes),
            Err(error) => Err(self.watch.fault.take().unwrap_or(Fault::Input(error))),
        }
    }

    /// Consumes this number of bytes of the chunk.
    pub fn consume(&mut self, bytes: usize) {
        self.decoded.consume(bytes);
    }
}

/// The first input: counts what is consumed, and notes how it fails.
struct Source<R> {
    input: R,
    watch: Rc<Watch>,
}

impl<R: BufRead> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf().map_err(|error| self.watch.note(Fault::Input(error)))
    }

    fn consume(&mut self, bytes: usize) {
        self.watch.came.set(self.watch.came.get() + bytes as u64);
        self.input.consume(bytes);
    }
}

impl<R: BufRead> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, buffer)
    }
}

/// The input of one coding: notes that it has been read to its end.
struct Ending<'a> {
    input: Input<'a>,
    ended: Rc<Cell<bool>>,
}

impl BufRead for Ending<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let bytes = self.input.fill_buf()?;
        if bytes.is_empty() {
            self.ended.set(true);
        }
        Ok(bytes)
    }

    fn consume(&mut self, bytes: usize) {
        self.input.consume(bytes);
    }
}

impl Read for Ending<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, buffer)
    }
}

/// Implements [`Read::read`] by the methods of [`BufRead`].
pub(crate) fn read_buffered(input: &mut impl BufRead, buffer: &mut [u8]) -> io::Result<usize> {
    if buffer.is_empty() {
        return Ok(0);
    }
    let read = input.fill_buf()?.read(buffer)?;
    input.consume(read);
    Ok(read)
}

/// One coding undone, under the caps.
struct Layer<'a> {
    decoder: Box<dyn Read + 'a>,
    coding: Coding,
    /// Set when the decoder has reached the end of its input.
    ended: Rc<Cell<bool>>,
    made: u64,
    bytes_max: u64,
    watch: Rc<Watch>,
}

impl<'a> Layer<'a> {
    fn new(coding: Coding, bytes_max: u64, input: Input<'a>, watch: Rc<Watch>) -> Self {
        let ended = Rc::<Cell<bool>>::default();
        let input = Box::new(Ending { input, ended: Rc::clone(&ended) });
        let decoder: Box<dyn Read + 'a> = match coding {
            Coding::Gzip => Box::new(Members::new(input)),
            Coding::Deflate => Box::new(Deflate::new(input)),
            Coding::Brotli => Box::new(Brotli::new(input)),
            Coding::Zstd => Box::new(zstd::decoder(input)),
        };
        Self { decoder, coding, ended, made: 0, bytes_max, watch }
    }

    fn check(&self) -> Result<(), Fault> {
        if self.made > self.bytes_max {
            return Err(Fault::TooLarge { bytes_max: self.bytes_max });
        }
        // Small bodies may be as dense as they like: a MiB is no danger.
        let made_max = self.watch.came.get().saturating_mul(RATIO_MAX).max(RATIO_FROM_BYTES);
        if self.made > made_max { Err(Fault::Bomb) } else { Ok(()) }
    }

    /// Returns the fault for an error of the decoder. If the decoder had reached the end of its input, it
    /// needed more.
    fn fault(&self, error: &io::Error) -> Fault {
        if self.ended.get() {
            Fault::Truncated(self.coding)
        } else {
            Fault::Corrupt { coding: self.coding, why: error.to_string() }
        }
    }
}

impl Read for Layer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(buffer).map_err(|error| self.watch.note(self.fault(&error)))?;
        self.made += read as u64;
        self.check().map_err(|fault| self.watch.note(fault))?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
