//! Provides a pseudoterminal for programs under test.

use std::{
    fs::File,
    io::{Read, Write},
    num::NonZero,
    os::fd::OwnedFd,
};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

const ROWS: NonZero<u16> = NonZero::new(24).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(100).unwrap();

/// A pseudoterminal: tests use one end as the keyboard, and the program has the other.
pub(crate) struct Terminal {
    pub(crate) keyboard: File,
    pub(crate) program: OwnedFd,
}

impl Terminal {
    pub(crate) fn open() -> Self {
        Self::of_columns(COLUMNS)
    }

    pub(crate) fn of_columns(columns: NonZero<u16>) -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let program = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        tcsetwinsize(
            &keyboard,
            Winsize { ws_row: ROWS.get(), ws_col: columns.get(), ws_xpixel: 0, ws_ypixel: 0 },
        )
        .unwrap();
        Self { keyboard: keyboard.into(), program: program.into() }
    }
}

/// The screen of a terminal: what people see of a program's output.
pub(crate) struct Screen {
    keyboard: File,
    seen: vt100::Parser,
    written: Vec<u8>,
}

impl Screen {
    /// Creates the screen of a terminal that only programs write to from now on.
    pub(crate) fn of(keyboard: File) -> Self {
        Self::of_columns(keyboard, COLUMNS)
    }

    pub(crate) fn of_columns(keyboard: File, columns: NonZero<u16>) -> Self {
        Self { keyboard, seen: vt100::Parser::new(ROWS, columns, 0), written: Vec::new() }
    }

    /// Reads until the output after this call contains `text`, or until no program has the terminal open.
    /// Blocks.
    pub(crate) fn until(&mut self, text: &str) {
        let (from, mut buffer) = (self.written.len(), [0; 4096]);
        while !String::from_utf8_lossy(&self.written[from..]).contains(text) {
            // Linux returns an error at the end.
            let Ok(count @ 1..) = self.keyboard.read(&mut buffer) else { return };
            self.written.extend_from_slice(&buffer[..count]);
            self.seen.process(&buffer[..count]);
        }
    }

    /// Reads until a visible line contains `text`, or until no program has the terminal open. A program that
    /// writes only what changed may never write the whole text. Blocks.
    pub(crate) fn until_shown(&mut self, text: &str) {
        let mut buffer = [0; 4096];
        while !self.lines().iter().any(|line| line.contains(text)) {
            let Ok(count @ 1..) = self.keyboard.read(&mut buffer) else { return };
            self.written.extend_from_slice(&buffer[..count]);
            self.seen.process(&buffer[..count]);
        }
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Returns the lines that are visible now.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen.screen().rows(0, u16::MAX).map(|line| line.trim_end().to_owned()).collect()
    }

    /// Returns all output, with the control sequences.
    pub(crate) fn written(&self) -> String {
        String::from_utf8_lossy(&self.written).into_owned()
    }
}
