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

use crate::{book::Book, child, deed::Line};

/// Kills when nothing else is said; `make torture` says more.
const KILLS: u32 = 60;

/// Lines of processes that may be killed, as they come.
struct Lines {
    /// From the reading thread, which ends with the last process that can write.
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
                if let Some(line) = powercut::voice::read(&text) {
                    sender.send(line).expect("the lines are read to the end");
                }
                text.clear();
            }
        });
        Self { lines, reader }
    }

    /// Writes down what comes in the given time, at most so many lines. Ends early where nothing can come any more.
    fn take(&self, book: &mut Book, lines_max: u32, time: Duration) {
        let until = Instant::now() + time;
        for _ in 0..lines_max {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => book.take(line),
                Err(_) => return,
            }
        }
    }

    /// Writes down the rest.
    fn finish(self, book: &mut Book) {
        self.lines.iter().for_each(|line| book.take(line));
        self.reader.join().unwrap();
    }
}

/// Opens the queue and compares it with the book.
fn compare(book: &mut Book, run: &Path) -> Result<(), Vec<String>> {
    let (link, thread) = child::open_at_rest(run).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let compared = runtime.block_on(book.compare(&QueueClient::Local(link)));
    thread.join().unwrap();
    compared
}
