//! `gzip`: any number of members, RFC 1952 §2.2, each with its CRC-32 and length verified; then perhaps
//! zeros, which some writers pad with.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

use super::{Input, MORE, invalid};

/// The first byte of a member.
const MAGIC: u8 = 0x1f;

/// The content of all members, one after the other.
pub(super) struct Members<'a> {
    member: GzDecoder<Input<'a>>,
    at: Position,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    InMember,
    AtEnd,
}

impl<'a> Members<'a> {
    pub(super) fn new(input: Input<'a>) -> Self {
        Self { member: GzDecoder::new(input), at: Position::InMember }
    }

    /// A member has ended: goes on to the next, if there is one.
    fn leave(&mut self) -> io::Result<()> {
        let input = self.member.get_mut();
        match input.fill_buf()?.first() {
            None => self.at = Position::AtEnd,
            Some(0) => {
                skip_zeros(input)?;
                self.at = Position::AtEnd;
            }
            Some(&MAGIC) => {
                // `reset` is the only way to get the input back out of the decoder.
                let input = self.member.reset(Box::new(io::empty()));
                self.member.reset(input);
            }
            Some(_) => return Err(invalid(MORE)),
        }
        Ok(())
    }
}

impl Read for Members<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == Position::InMember && !buffer.is_empty() {
            match self.member.read(buffer)? {
                0 => self.leave()?,
                read => return Ok(read),
            }
        }
        Ok(0)
    }
}

fn skip_zeros(input: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let chunk = input.fill_buf()?;
        if chunk.is_empty() {
            return Ok(());
        }
        if chunk.iter().any(|&byte| byte != 0) {
            return Err(invalid(MORE));
        }
        let skipped = chunk.len();
        input.consume(skipped);
    }
}
