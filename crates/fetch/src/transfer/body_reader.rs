//! Reads the chunks of a body from the channel of its download, as a [`BufRead`]. Blocks.

use std::io::{self, BufRead, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use crate::{
    coding::decoder::read_buffered,
    failure::FetchFailure,
    transfer::{
        body::{IncomingBody, LengthCheck},
        publish::{Expectation, PartPolicy},
    },
};

/// A message from a download to the blocking task that writes its body: one `Begin`, chunks, then an end.
pub(crate) enum BodyCommand {
    Begin(Box<IncomingBody>),
    Chunk(Bytes),
    /// The body is whole.
    Publish(Expectation),
    Abandon(PartPolicy),
}

/// A body as it arrives. Reading reaches the end only if the download has said that the body is whole and the
/// length is right. Otherwise reading fails, and [`end`](Self::end) has the reason.
pub(crate) struct BodyReader<'a> {
    /// Sent by the download. The channel closes when the download is dropped.
    commands: &'a mut mpsc::Receiver<BodyCommand>,
    pub(crate) length: LengthCheck,
    chunk: Bytes,
    /// The reason that no more chunks follow. `None` if more may follow.
    pub(crate) end: Option<BodyEnd>,
}

/// The reason that no more chunks follow.
pub(crate) enum BodyEnd {
    /// The body is whole.
    Whole(Expectation),
    Abandoned(PartPolicy),
    /// The length is wrong.
    Failed(FetchFailure),
}

impl<'a> BodyReader<'a> {
    pub(crate) fn new(commands: &'a mut mpsc::Receiver<BodyCommand>, length: LengthCheck) -> Self {
        Self { commands, length, chunk: Bytes::new(), end: None }
    }

    fn receive_next(&mut self) {
        let end = match self.commands.blocking_recv() {
            Some(BodyCommand::Chunk(chunk)) => match self.length.add(chunk.len()) {
                Ok(()) => {
                    self.chunk = chunk;
                    return;
                }
                Err(failure) => BodyEnd::Failed(failure),
            },
            Some(BodyCommand::Publish(expectation)) => match self.length.check_end() {
                Ok(()) => BodyEnd::Whole(expectation),
                Err(failure) => BodyEnd::Failed(failure),
            },
            Some(BodyCommand::Abandon(policy)) => BodyEnd::Abandoned(policy),
            // A dropped download leaves a part that the next attempt may resume. A second body never begins.
            Some(BodyCommand::Begin(_)) | None => BodyEnd::Abandoned(PartPolicy::Keep),
        };
        self.end = Some(end);
    }
}

impl BufRead for BodyReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.chunk.is_empty() {
            match &self.end {
                None => self.receive_next(),
                Some(BodyEnd::Whole(_)) => break,
                Some(BodyEnd::Abandoned(_) | BodyEnd::Failed(_)) => {
                    return Err(io::Error::other("the download ended early"));
                }
            }
        }
        Ok(&self.chunk)
    }

    fn consume(&mut self, bytes: usize) {
        self.chunk.advance(bytes);
    }
}

impl Read for BodyReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, buffer)
    }
}
