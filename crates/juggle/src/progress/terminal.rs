//! Draws progress bars on a terminal.

use std::{
    io::{self, IsTerminal},
    sync::atomic::{AtomicUsize, Ordering},
};

use console::Term;
use indicatif::{MultiProgress, ProgressDrawTarget, TermLike};

/// The maximum number of redraws per second.
const DRAWN_HZ: u8 = 20;

/// Returns the progress bars of a program, which are hidden if standard error is not a terminal.
#[must_use]
pub fn bars() -> MultiProgress {
    let target = match io::stderr().is_terminal() {
        true => ProgressDrawTarget::term_like_with_hz(Box::new(LineByLine::default()), DRAWN_HZ),
        false => ProgressDrawTarget::hidden(),
    };
    MultiProgress::with_draw_target(target)
}

/// Standard error with a line feed between full lines.
///
/// indicatif fills a line up to the edge and relies on the terminal to continue in the next line. If a
/// terminal does not, or has become wider in the meantime, several bars stand in one line, and the next
/// redraw erases as many log lines above them.
#[derive(Debug)]
struct LineByLine {
    term: Term,
    /// The number of columns since the beginning of the line. Only the thread that draws reads and writes it.
    column: AtomicUsize,
}

impl Default for LineByLine {
    fn default() -> Self {
        Self { term: Term::buffered_stderr(), column: AtomicUsize::new(0) }
    }
}

impl TermLike for LineByLine {
    fn width(&self) -> u16 {
        self.term.size().1
    }

    fn height(&self) -> u16 {
        self.term.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.term.move_cursor_left(n)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.column.store(0, Ordering::Relaxed);
        self.term.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let mut column = self.column.load(Ordering::Relaxed);
        // The last write ended exactly at the edge: begin the next line explicitly.
        if column > 0 && column.is_multiple_of(usize::from(self.width())) {
            self.term.write_line("")?;
            column = 0;
        }
        self.column.store(column + console::measure_text_width(text), Ordering::Relaxed);
        self.term.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.column.store(0, Ordering::Relaxed);
        self.term.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.term.flush()
    }
}
