//! Kills with SIGKILL: nothing acknowledged is lost, nothing happens twice.

mod broker;
mod owner;

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    sync::mpsc::{Receiver, sync_channel},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use queue::transport::client::QueueClient;

use crate::{child, operation::Line, oracle::Oracle};

/// The default number of kills; `make torture` sets a higher one.
const KILLS: u32 = 60;

/// The lines of processes that may be killed, as they arrive.
struct Lines {
    /// Receives from the reading thread, which ends with the last process that can write.
    lines: Receiver<Line>,
    reader: JoinHandle<()>,
}

impl Lines {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let (sender, lines) = sync_channel(1_000);
        let reader = std::thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut text = String::new();
            while stream.read_line(&mut text).unwrap() > 0 {
                if let Some(line) = powercut::event_stream::parse(&text) {
                    sender.send(line).expect("the lines are read to the end");
                }
                text.clear();
            }
        });
        Self { lines, reader }
    }

    /// Observes the lines that arrive in the given time, at most `lines_max`. Ends early if no process can
    /// write any more.
    fn observe(&self, oracle: &mut Oracle, lines_max: u32, time: Duration) {
        let until = Instant::now() + time;
        for _ in 0..lines_max {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => oracle.observe(line),
                Err(_) => return,
            }
        }
    }

    /// Observes all other lines.
    fn finish(self, oracle: &mut Oracle) {
        self.lines.iter().for_each(|line| oracle.observe(line));
        self.reader.join().unwrap();
    }
}

/// Opens the queue and compares it with the oracle.
fn compare(oracle: &mut Oracle, run: &Path) -> Result<(), Vec<String>> {
    let (link, thread) = child::open_at_rest(run).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let compared = runtime.block_on(oracle.compare(&QueueClient::Local(link)));
    thread.join().unwrap();
    compared
}
