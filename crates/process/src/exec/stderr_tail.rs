//! What a child says on standard error: passed on to the log, and its end kept for the failure that may
//! follow.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt},
    process::ChildStderr,
    sync::oneshot,
    task::JoinHandle,
    time::{Instant, timeout},
};

use super::{error::Said, log_quota::LogQuota};

/// How much is kept.
const KEPT_BYTES: usize = 4 << 10;
/// The longest line in the log; a longer one becomes several.
const LINE_BYTES_MAX: usize = 1 << 10;
/// How long to wait for the end of what an ended child said: somebody else may hold the pipe.
const HEARING_MAX: Duration = Duration::from_secs(1);

/// Listens to a child.
#[derive(Debug)]
pub(super) struct StderrReader {
    task: JoinHandle<String>,
    /// Ends the task when it is dropped.
    listening: oneshot::Sender<()>,
}

impl StderrReader {
    pub(super) fn listen(stderr: ChildStderr, number: u32) -> Self {
        let (listening, over) = oneshot::channel();
        Self { task: tokio::spawn(listen(stderr, number, over)), listening }
    }

    /// What the child said last. It has ended.
    pub(super) async fn heard(self) -> Said {
        let Self { mut task, listening } = self;
        let heard = match timeout(HEARING_MAX, &mut task).await {
            Ok(heard) => heard,
            Err(_) => {
                drop(listening);
                task.await
            }
        };
        Said(heard.unwrap_or_default())
    }
}

async fn listen(stderr: impl AsyncRead + Unpin, number: u32, over: oneshot::Receiver<()>) -> String {
    let mut log = Log { number, since: Instant::now(), quota: LogQuota::default(), line: Vec::new() };
    let mut kept = Vec::new();
    tokio::select! {
        biased;
        heard = hear(stderr, &mut log, &mut kept) => {
            if let Err(error) = heard {
                tracing::debug!(%error, "failed to read what the command says on standard error");
            }
        }
        _ = over => {}
    }
    log.end();
    String::from_utf8_lossy(&kept).into_owned()
}

async fn hear(mut stderr: impl AsyncRead + Unpin, log: &mut Log, kept: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; KEPT_BYTES];
    loop {
        let read = stderr.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        log.take(&buffer[..read]);
        kept.extend_from_slice(&buffer[..read]);
        kept.drain(..kept.len().saturating_sub(KEPT_BYTES));
    }
}

/// Lines on their way into the log.
struct Log {
    number: u32,
    since: Instant,
    quota: LogQuota,
    line: Vec<u8>,
}

impl Log {
    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte != b'\n' {
                self.line.push(*byte);
            }
            if *byte == b'\n' || self.line.len() == LINE_BYTES_MAX {
                self.pass();
            }
        }
    }

    fn pass(&mut self) {
        let line = std::mem::take(&mut self.line);
        let Some(left_out) = self.quota.pass(self.since.elapsed()) else { return };
        self.tell_left_out(left_out);
        let text: String = String::from_utf8_lossy(&line).trim_end().escape_debug().collect();
        tracing::info!("exec[{}]: {text}", self.number);
    }

    fn end(&mut self) {
        if !self.line.is_empty() {
            self.pass();
        }
        let left_out = self.quota.take_left_out();
        self.tell_left_out(left_out);
    }

    fn tell_left_out(&self, lines: u64) {
        if lines > 0 {
            tracing::info!("exec[{}]: … {lines} lines were left out", self.number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_end_of_what_is_said_is_kept() {
        let said = "a long story\n".repeat(10_000) + "and its end\n";
        let (_listening, over) = oneshot::channel();
        let kept = listen(said.as_bytes(), 1, over).await;
        assert_eq!(kept.len(), KEPT_BYTES);
        assert!(said.ends_with(&kept));
    }

    #[tokio::test]
    async fn what_never_ends_is_heard_until_nobody_listens() {
        let (listening, over) = oneshot::channel::<()>();
        let (mut mouth, ear) = tokio::io::duplex(64);
        tokio::io::AsyncWriteExt::write_all(&mut mouth, b"half a line").await.unwrap();
        drop(listening);
        assert_eq!(listen(ear, 1, over).await, "half a line");
    }
}
