//! One child: a started command that is given documents and answers.

use std::{
    future::{pending, poll_fn},
    io,
    pin::{Pin, pin},
    process::ExitStatus,
    task::Poll,
    time::Duration,
};

use rustix::process::Signal;
use tokio::{
    io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    process::{ChildStdin, ChildStdout},
    time::timeout,
};

use super::{
    error::{Ending, ExecError, Said},
    process_group::{Pipes, ProcessGroup},
    request::Request,
    stderr_tail::StderrReader,
};

/// How long a child has to end that closed a pipe or was sent SIGTERM, before it is killed.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// How much is read at a time.
const BUFFER_BYTES: usize = 64 << 10;

/// A started command. Killed, with all that it started, when this is dropped.
#[derive(Debug)]
pub(super) struct Child {
    group: ProcessGroup,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    stderr: StderrReader,
    history: History,
}

/// Whether a child has been given a document before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum History {
    Fresh,
    Used,
}

/// Why there is no line of answer.
#[derive(Debug)]
enum NoLine {
    /// The child closed its output, or its input before it had read all.
    Closed,
    TooLong,
}

impl Child {
    pub(super) fn start(command: &str) -> Result<Self, ExecError> {
        let (group, Pipes { stdin, stdout, stderr }) =
            ProcessGroup::start(command).map_err(ExecError::Unstartable)?;
        let stderr = StderrReader::listen(stderr, group.number());
        let stdout = BufReader::with_capacity(BUFFER_BYTES, stdout);
        Ok(Self { group, stdin, stdout, stderr, history: History::Fresh })
    }

    pub(super) const fn history(&self) -> History {
        self.history
    }

    /// Whether it has, as far as can be seen, neither ended nor said anything that it was not asked for.
    pub(super) async fn is_in_step(&mut self) -> bool {
        let heard = poll_fn(|context| {
            Poll::Ready(match Pin::new(&mut self.stdout).poll_fill_buf(context) {
                Poll::Pending => None,
                Poll::Ready(heard) => Some(heard.map(<[u8]>::to_vec).unwrap_or_default()),
            })
        });
        match heard.await {
            None => true,
            Some(heard) => {
                if !heard.is_empty() {
                    tracing::warn!(
                        "exec[{}] said something that it was not asked for, and is replaced: {}",
                        self.group.number(),
                        String::from_utf8_lossy(&heard[..heard.len().min(200)]).escape_debug()
                    );
                }
                false
            }
        }
    }

    /// Gives it a document, and takes the line that it answers with. It is gone where it did not answer.
    pub(super) async fn ask(
        mut self,
        request: &Request,
        time: Duration,
    ) -> Result<(Self, Vec<u8>), ExecError> {
        let bytes_max = request.answer_bytes_max();
        match timeout(time, exchange(&mut self.stdin, &mut self.stdout, request, bytes_max)).await {
            Ok(Ok(line)) => {
                self.history = History::Used;
                Ok((self, line))
            }
            Ok(Err(NoLine::Closed)) => Err(ExecError::Ended(self.ending().await)),
            Ok(Err(NoLine::TooLong)) => {
                self.kill().await;
                Err(ExecError::TooLong { bytes_max })
            }
            Err(_) => Err(ExecError::Late { timeout: time, said: self.kill().await }),
        }
    }

    /// How it ends that has closed a pipe.
    async fn ending(self) -> Ending {
        let Self { group, stdin, stdout, stderr, .. } = self;
        drop((stdin, stdout));
        let has_ended = timeout(GRACE, group.ended()).await.is_ok();
        let status = told(group.bury().await);
        let said = stderr.heard().await;
        Ending { status: status.filter(|_| has_ended), said }
    }

    async fn kill(self) -> Said {
        told(self.group.bury().await);
        self.stderr.heard().await
    }

    /// Closes its input and waits until it ends by itself; after `patience` it is told to, then killed.
    pub(super) async fn end(self, patience: Duration) {
        let number = self.group.number();
        let Ending { status, said } = self.finish(patience).await;
        match status {
            Some(status) if status.success() => {}
            Some(status) => {
                tracing::warn!("exec[{number}] ended badly at the end of its input: {status}{said}")
            }
            None => tracing::warn!("exec[{number}] did not end at the end of its input, and was stopped"),
        }
    }

    /// The same, without a word. Without a status it had to be told.
    pub(super) async fn finish(self, patience: Duration) -> Ending {
        let Self { group, stdin, stdout, stderr, .. } = self;
        drop(stdin);
        let mut stdout = stdout.into_inner();
        let has_ended = timeout(patience, ended_unheard(&group, &mut stdout)).await.is_ok();
        if !has_ended {
            group.signal(Signal::TERM);
            // Where it does not heed that, it is killed next.
            drop(timeout(GRACE, ended_unheard(&group, &mut stdout)).await);
        }
        let status = told(group.bury().await);
        Ending { status: status.filter(|_| has_ended), said: stderr.heard().await }
    }
}

fn told(status: io::Result<ExitStatus>) -> Option<ExitStatus> {
    status.inspect_err(|error| tracing::debug!(%error, "failed to learn how the command ended")).ok()
}

/// Waits until it has ended; what it still says is read, so that it need not wait, and dropped.
async fn ended_unheard(group: &ProcessGroup, mut stdout: impl AsyncRead + Unpin) {
    let unheard = async {
        let mut buffer = [0; 4096];
        while stdout.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
        pending::<()>().await;
    };
    tokio::select! {
        () = group.ended() => {}
        () = unheard => {}
    }
}

/// Writes the request and reads a line at the same time, so that neither waits for the other.
async fn exchange(
    stdin: &mut (impl AsyncWrite + Unpin),
    stdout: &mut (impl AsyncBufRead + Unpin),
    request: &Request,
    bytes_max: usize,
) -> Result<Vec<u8>, NoLine> {
    let mut writing = pin!(write(stdin, request));
    let mut reading = pin!(line(stdout, bytes_max));
    tokio::select! {
        read = &mut reading => {
            let read = read?;
            // It is in step only once it has read its request to the end.
            writing.await.map_err(|_| NoLine::Closed)?;
            Ok(read)
        }
        written = &mut writing => match written {
            Ok(()) => reading.await,
            // What it has not read it can hardly answer; but it may have said why.
            Err(_) => timeout(GRACE, reading).await.unwrap_or(Err(NoLine::Closed)),
        }
    }
}

async fn write(stdin: &mut (impl AsyncWrite + Unpin), request: &Request) -> io::Result<()> {
    for piece in request.pieces() {
        stdin.write_all(&piece).await?;
    }
    stdin.flush().await
}

/// Reads up to a line feed, which is left out. Holds no more than `bytes_max` and a buffer.
async fn line(stdout: &mut (impl AsyncBufRead + Unpin), bytes_max: usize) -> Result<Vec<u8>, NoLine> {
    let mut line = Vec::new();
    loop {
        let buffer = stdout.fill_buf().await.map_err(|_| NoLine::Closed)?;
        if buffer.is_empty() {
            return Err(NoLine::Closed);
        }
        let end = memchr::memchr(b'\n', buffer);
        let taken = end.unwrap_or(buffer.len());
        if line.len() + taken > bytes_max {
            return Err(NoLine::TooLong);
        }
        line.extend_from_slice(&buffer[..taken]);
        stdout.consume(taken + usize::from(end.is_some()));
        if end.is_some() {
            return Ok(line);
        }
    }
}
