//! Reads the chunks of a body, as a [`BufRead`]. Blocks if they come from a download that is still running.

use std::{
    io::{self, BufRead, Read},
    vec,
};

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

/// The messages of a download, in their order.
pub(crate) enum Commands {
    /// All of them.
    Complete(vec::IntoIter<BodyCommand>),
    /// Those of a download that is still running. The channel closes when the download is dropped.
    Channel(mpsc::Receiver<BodyCommand>),
}

impl Iterator for Commands {
    type Item = BodyCommand;

    fn next(&mut self) -> Option<BodyCommand> {
        match self {
            Self::Complete(commands) => commands.next(),
            Self::Channel(commands) => commands.blocking_recv(),
        }
    }
}

/// A body as it arrives. Reading reaches the end only if the download has said that the body is whole and the
/// length is right. Otherwise reading fails, and [`end`](Self::end) has the reason.
pub(crate) struct BodyReader<'a> {
    commands: &'a mut Commands,
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
    pub(crate) fn new(commands: &'a mut Commands, length: LengthCheck) -> Self {
        Self { commands, length, chunk: Bytes::new(), end: None }
    }

    fn receive_next(&mut self) {
        let end = match self.commands.next() {
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
