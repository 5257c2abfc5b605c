//! The chunks of a body, from the channel through which they come, as something that can be read. Blocking.

use std::io::{self, BufRead, Read};

use bytes::{Buf, Bytes};
use tokio::sync::mpsc;

use crate::{
    failure::FetchFailure,
    transfer::{
        body::Wire,
        body_writer::{Command, Ending},
    },
};

/// A body as it comes. It reads as ended only where all of it has come and the download says so; where the download
/// ends otherwise, or the bytes are not as announced, reading fails, and [`stopped`](Self::stopped) says why.
pub(crate) struct BodyReader<'a> {
    /// Sent by the download; ends when it is dropped.
    commands: &'a mut mpsc::Receiver<Command>,
    wire: Wire,
    chunk: Bytes,
    stop: Option<Stop>,
}

/// Why no more comes.
pub(crate) enum Stop {
    /// The download ended.
    Asked(Ending),
    /// The bytes are not as announced.
    Failed(FetchFailure),
}

impl<'a> BodyReader<'a> {
    pub(crate) fn new(commands: &'a mut mpsc::Receiver<Command>, wire: Wire) -> Self {
        Self { commands, wire, chunk: Bytes::new(), stop: None }
    }

    /// Why no more comes; none where more may come.
    pub(crate) fn stopped(self) -> Option<Stop> {
        self.stop
    }

    /// Returns a warning for a complete body that has fewer bytes than were announced.
    pub(crate) fn misannounced(&self) -> Option<String> {
        self.wire.misannounced()
    }

    /// Waits for the next command.
    fn next(&mut self) {
        match self.commands.blocking_recv() {
            Some(Command::Chunk(chunk)) => match self.wire.take(chunk.len()) {
                Ok(()) => self.chunk = chunk,
                Err(failed) => self.stop = Some(Stop::Failed(failed)),
            },
            Some(Command::Finish(ending @ Ending::Publish { .. })) => {
                self.stop = Some(match self.wire.end() {
                    Ok(()) => Stop::Asked(ending),
                    Err(failed) => Stop::Failed(failed),
                });
            }
            Some(Command::Finish(ending)) => self.stop = Some(Stop::Asked(ending)),
            // A download begins one body, and one that was dropped can be gone on with.
            Some(Command::Begin(_)) | None => self.stop = Some(Stop::Asked(Ending::Suspend)),
        }
    }
}

impl BufRead for BodyReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.chunk.is_empty() {
            match &self.stop {
                None => self.next(),
                Some(Stop::Asked(Ending::Publish { .. })) => break,
                Some(_) => return Err(io::Error::other("the download broke off")),
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
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}
