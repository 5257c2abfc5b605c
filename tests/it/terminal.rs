//! A terminal, as people sit at one.

use std::{fs::File, io::Read, num::NonZero, os::fd::OwnedFd};

use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};

const ROWS: NonZero<u16> = NonZero::new(24).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(100).unwrap();

/// A terminal: what people type goes in at one end, the program has the other.
pub(crate) struct Terminal {
    pub(crate) keyboard: File,
    pub(crate) program: OwnedFd,
}

impl Terminal {
    pub(crate) fn open() -> Self {
        let keyboard = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&keyboard).unwrap();
        unlockpt(&keyboard).unwrap();
        let name = ptsname(&keyboard, Vec::new()).unwrap();
        let program = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        tcsetwinsize(
            &keyboard,
            Winsize { ws_row: ROWS.get(), ws_col: COLUMNS.get(), ws_xpixel: 0, ws_ypixel: 0 },
        )
        .unwrap();
        Self { keyboard: keyboard.into(), program: program.into() }
    }
}

/// What people see of what a program writes to its terminal.
pub(crate) struct Screen {
    keyboard: File,
    seen: vt100::Parser,
    written: Vec<u8>,
}

impl Screen {
    /// That of a terminal which only programs write to from now on.
    pub(crate) fn of(keyboard: File) -> Self {
        Self { keyboard, seen: vt100::Parser::new(ROWS, COLUMNS, 0), written: Vec::new() }
    }

    /// Looks on until what was written contains `text` after that which was there before, or no program has the terminal any more.
    /// Blocking.
    pub(crate) fn until(&mut self, text: &str) {
        let (from, mut buffer) = (self.written.len(), [0; 4096]);
        while !String::from_utf8_lossy(&self.written[from..]).contains(text) {
            // At the end, Linux gives an error.
            let Ok(count @ 1..) = self.keyboard.read(&mut buffer) else { return };
            self.written.extend_from_slice(&buffer[..count]);
            self.seen.process(&buffer[..count]);
        }
    }

    /// The lines that are seen now.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen.screen().rows(0, COLUMNS.get()).map(|line| line.trim_end().to_owned()).collect()
    }

    /// All that was written, with what moves the cursor.
    pub(crate) fn written(&self) -> String {
        String::from_utf8_lossy(&self.written).into_owned()
    }
}
