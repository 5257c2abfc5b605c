//! Reads the standard error of a child: passes it on to the log, and keeps its end for the failure that may
//! follow.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::ChildStderr,
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::{error::StderrTail, log_quota::LogQuota};

/// The number of bytes that are kept.
const KEPT_BYTES: usize = 4 << 10;
/// The maximum length of a line in the log, in bytes. A longer line becomes several.
const LINE_BYTES_MAX: usize = 1 << 10;
/// The maximum time to wait for the end of the output of a child that has exited: another process may hold
/// the pipe.
const END_WAIT: Duration = Duration::from_secs(1);

/// Reads the standard error of one child in a task.
#[derive(Debug)]
pub(super) struct StderrReader {
    task: JoinHandle<String>,
    /// Ends the task when it is dropped. Nothing is sent.
    stop: oneshot::Sender<()>,
}

impl StderrReader {
    /// Starts to read. `number` is the process id that the log shows.
    pub(super) fn spawn(stderr: ChildStderr, number: u32) -> Self {
        let (stop, stopped) = oneshot::channel();
        Self { task: tokio::spawn(read(stderr, number, stopped)), stop }
    }

    /// Returns the end of the output of a child that has exited.
    pub(super) async fn finish(self) -> StderrTail {
        let Self { mut task, stop } = self;
        let tail = match timeout(END_WAIT, &mut task).await {
            Ok(tail) => tail,
            Err(_) => {
                drop(stop);
                task.await
            }
        };
        StderrTail(tail.unwrap_or_default())
    }
}

/// Reads until the end of the output, or until `stopped`. Returns the last bytes.
async fn read(stderr: impl AsyncRead + Unpin, number: u32, stopped: oneshot::Receiver<()>) -> String {
    let mut log = Log { number, since: Instant::now(), quota: LogQuota::default(), line: Vec::new() };
    let mut kept = Vec::new();
    tokio::select! {
        // Output that has come is read even if the reader is stopped at the same moment.
        biased;
        result = read_to_end(stderr, &mut log, &mut kept) => {
            if let Err(error) = result {
                tracing::debug!(%error, "failed to read the standard error of the command");
            }
        }
        _ = stopped => {}
    }
    log.finish();
    String::from_utf8_lossy(&kept).into_owned()
}

async fn read_to_end(
    mut stderr: impl AsyncRead + Unpin,
    log: &mut Log,
    kept: &mut Vec<u8>,
) -> io::Result<()> {
    let mut buffer = [0; KEPT_BYTES];
    loop {
        let read = stderr.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        log.push(&buffer[..read]);
        kept.extend_from_slice(&buffer[..read]);
        kept.drain(..kept.len().saturating_sub(KEPT_BYTES));
    }
}

/// Splits output into lines and writes them to the log.
struct Log {
    number: u32,
    since: Instant,
    quota: LogQuota,
    line: Vec<u8>,
}

impl Log {
    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
            }
            if *byte == b'\n' || self.line.len() == LINE_BYTES_MAX {
                self.write_line();
            }
        }
    }

    fn write_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let Some(dropped) = self.quota.take(self.since.elapsed()) else { return };
        self.write_dropped(dropped);
        // Escaped, so that a command cannot forge log lines or control the terminal.
        let text: String = String::from_utf8_lossy(&line).trim_end().escape_debug().collect();
        tracing::info!("exec[{}]: {text}", self.number);
    }

    fn finish(&mut self) {
        if !self.line.is_empty() {
            self.write_line();
        }
        let dropped = self.quota.take_dropped();
        self.write_dropped(dropped);
    }

    fn write_dropped(&self, lines: u64) {
        if lines > 0 {
            tracing::info!("exec[{}]: … {lines} lines left out", self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_end_of_the_output_is_kept() {
        let output = "a long story\n".repeat(10_000) + "and its end\n";
        let (_stop, stopped) = oneshot::channel();
        let kept = read(output.as_bytes(), 1, stopped).await;
        assert_eq!(kept.len(), KEPT_BYTES);
        assert!(output.ends_with(&kept));
    }

    #[tokio::test]
    async fn endless_output_is_read_until_the_reader_is_stopped() {
        let (stop, stopped) = oneshot::channel::<()>();
        let (mut writer, reader) = tokio::io::duplex(64);
        tokio::io::AsyncWriteExt::write_all(&mut writer, b"half a line").await.unwrap();
        drop(stop);
        assert_eq!(read(reader, 1, stopped).await, "half a line");
    }
}
