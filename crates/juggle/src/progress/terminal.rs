//! The terminal that bars are drawn on.

use std::{
    io::{self, IsTerminal},
    sync::atomic::{AtomicUsize, Ordering},
};

use console::Term;
use indicatif::{MultiProgress, ProgressDrawTarget, TermLike};

/// How often bars are drawn at most, in a second.
const DRAWN_HZ: u8 = 20;

/// The bars of a program, hidden if standard error is no terminal.
#[must_use]
pub fn bars() -> MultiProgress {
    let target = match io::stderr().is_terminal() {
        true => ProgressDrawTarget::term_like_with_hz(Box::new(LineByLine::default()), DRAWN_HZ),
        false => ProgressDrawTarget::hidden(),
    };
    MultiProgress::with_draw_target(target)
}

/// Standard error, on which a line feed stands between full lines.
///
/// indicatif fills a line up to the edge and relies on the terminal to go on in the next one. A terminal that does not, or that has
/// become wider meanwhile, has several bars in one line then, and the next drawing erases as many log lines above.
#[derive(Debug)]
struct LineByLine {
    term: Term,
    /// Columns since the beginning of the line. Only the thread that draws reads and writes it.
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
