//! One child: a started command that receives documents and answers.

use std::{
    future::{pending, poll_fn},
    io,
    pin::{Pin, pin},
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
    error::{ChildExit, ExecError, StderrTail},
    process_group::{Pipes, ProcessGroup},
    request::Request,
    stderr_tail::StderrReader,
};

/// The time for a child to exit after it closed a pipe or received SIGTERM, before it is killed.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// The size of the read buffer, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// A started command. It is killed, with all processes that it started, when this is dropped.
#[derive(Debug)]
pub(super) struct Child {
    group: ProcessGroup,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    stderr: StderrReader,
    history: History,
}

/// The use of a child so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum History {
    /// It has received no document yet.
    Fresh,
    /// It has answered for a document.
    Used,
}

/// A reason why there is no line of answer.
#[derive(Debug)]
enum NoLine {
    /// The child closed its output, or closed its input before it had read everything.
    Closed,
    TooLong,
}

impl Child {
    pub(super) fn start(command: &str) -> Result<Self, ExecError> {
        let (group, Pipes { stdin, stdout, stderr }) =
            ProcessGroup::start(command).map_err(ExecError::Unstartable)?;
        let stderr = StderrReader::spawn(stderr, group.number());
        let stdout = BufReader::with_capacity(BUFFER_BYTES, stdout);
        Ok(Self { group, stdin, stdout, stderr, history: History::Fresh })
    }

    pub(super) const fn history(&self) -> History {
        self.history
    }

    /// Returns whether the child waits for a request: it has neither exited nor written output without one,
    /// as far as has arrived.
    pub(super) async fn is_waiting(&mut self) -> bool {
        // Looks at the buffer once, without waiting for output.
        let output = poll_fn(|context| {
            Poll::Ready(match Pin::new(&mut self.stdout).poll_fill_buf(context) {
                Poll::Pending => None,
                Poll::Ready(output) => Some(output.map(<[u8]>::to_vec).unwrap_or_default()),
            })
        });
        match output.await {
            None => true,
            Some(output) => {
                if !output.is_empty() {
                    tracing::warn!(
                        "exec[{}] wrote a line without a request, and is replaced: {}",
                        self.group.number(),
                        String::from_utf8_lossy(&output[..output.len().min(200)]).escape_debug()
                    );
                }
                false
            }
        }
    }

    /// Sends a document and returns the line of the answer. A child that does not answer is killed.
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
            Ok(Err(NoLine::Closed)) => Err(ExecError::Exited(self.wait_for_exit().await)),
            Ok(Err(NoLine::TooLong)) => {
                self.kill().await;
                Err(ExecError::TooLong { bytes_max })
            }
            Err(_) => Err(ExecError::Timeout { timeout: time, stderr: self.kill().await }),
        }
    }

    /// Waits a short time for the exit of a child that has closed a pipe, then kills it.
    async fn wait_for_exit(self) -> ChildExit {
        let Self { group, stdin, stdout, stderr, .. } = self;
        // A child that still waits for input or for room in its output pipe can exit now.
        drop((stdin, stdout));
        let has_exited = timeout(GRACE, group.exited()).await.is_ok();
        reap(group, stderr, has_exited).await
    }

    async fn kill(self) -> StderrTail {
        reap(self.group, self.stderr, false).await.stderr
    }

    /// Ends the child as [`finish`](Self::finish) does, and logs how it exited unless it exited well.
    pub(super) async fn end(self, patience: Duration) {
        let number = self.group.number();
        let ChildExit { status, stderr } = self.finish(patience).await;
        match status {
            Some(status) if status.success() => {}
            Some(status) => {
                tracing::warn!("exec[{number}] failed at the end of its input: {status}{stderr}")
            }
            None => tracing::warn!("exec[{number}] did not exit at the end of its input, and was stopped"),
        }
    }

    /// Closes the input and waits for the exit. After `patience` the child receives SIGTERM, and SIGKILL
    /// after
    /// [`GRACE`]: then the result has no status.
    pub(super) async fn finish(self, patience: Duration) -> ChildExit {
        let Self { group, stdin, stdout, stderr, .. } = self;
        drop(stdin);
        let mut stdout = stdout.into_inner();
        let has_exited = timeout(patience, exit_of(&group, &mut stdout)).await.is_ok();
        if !has_exited {
            group.signal(Signal::TERM);
            // A child that ignores the signal is killed next.
            drop(timeout(GRACE, exit_of(&group, &mut stdout)).await);
        }
        reap(group, stderr, has_exited).await
    }
}

/// Kills the processes that are left, and returns how the child exited if it did so by itself.
async fn reap(group: ProcessGroup, stderr: StderrReader, has_exited: bool) -> ChildExit {
    let killed = group.kill().await;
    let status =
        killed.inspect_err(|error| tracing::debug!(%error, "failed to get the exit status of the command"));
    ChildExit { status: status.ok().filter(|_| has_exited), stderr: stderr.finish().await }
}

/// Waits until the child has exited. Its output is read and discarded, so that it does not block in a write.
async fn exit_of(group: &ProcessGroup, mut stdout: impl AsyncRead + Unpin) {
    let discard = async {
        let mut buffer = [0; 4096];
        while stdout.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
        // Only the exit ends the wait.
        pending::<()>().await;
    };
    tokio::select! {
        () = group.exited() => {}
        () = discard => {}
    }
}

/// Writes the request and reads the answer at the same time, so that neither side blocks the other.
async fn exchange(
    stdin: &mut (impl AsyncWrite + Unpin),
    stdout: &mut (impl AsyncBufRead + Unpin),
    request: &Request,
    bytes_max: usize,
) -> Result<Vec<u8>, NoLine> {
    let mut writing = pin!(write(stdin, request));
    let mut reading = pin!(read_line(stdout, bytes_max));
    tokio::select! {
        read = &mut reading => {
            let read = read?;
            // The child is ready for the next request only after it has read this one to its end.
            writing.await.map_err(|_| NoLine::Closed)?;
            Ok(read)
        }
        written = &mut writing => match written {
            Ok(()) => reading.await,
            // The child cannot have read the whole text; but it may have answered with an error.
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

/// Reads a line and returns it without its line feed. Holds at most `bytes_max` bytes and a buffer.
async fn read_line(stdout: &mut (impl AsyncBufRead + Unpin), bytes_max: usize) -> Result<Vec<u8>, NoLine> {
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
