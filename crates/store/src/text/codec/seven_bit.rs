//! Recodes HZ (RFC 1843) and ISO-2022-KR (RFC 1557): ASCII and two-byte characters, all of ASCII bytes, with
//! escapes that switch between them.
//!
//! With the eighth bit set, their two-byte characters are those of GB 2312 and KS X 1001, which GBK and
//! EUC-KR contain.

use super::recode::{MALFORMED, Recode};

/// The form of the escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SevenBit {
    /// `~{` … `~}` around characters; `~~` is a tilde, and `~` before a line end joins the lines.
    Hz,
    /// SO … SI around characters; `ESC $ ) C` declares once that they are Korean.
    Iso2022Kr,
}

const ESCAPE: u8 = 0x1B;
const SHIFT_OUT: u8 = 0x0E;
const SHIFT_IN: u8 = 0x0F;
/// The escape that designates KS X 1001.
const IS_KOREAN: &[u8] = b"\x1B$)C";

/// Sets the eighth bit of two-byte characters and removes the escapes.
pub(super) struct SevenBitRecoder {
    form: SevenBit,
    /// The state: two-byte characters follow, or ASCII.
    is_shifted: bool,
    /// An incomplete escape or character; at most 3 bytes.
    begun: Vec<u8>,
}

/// The state of the bytes in `begun`.
enum Found {
    /// They are incomplete.
    Begun,
    /// They are complete and have been recoded.
    Whole,
    /// They are not a character. A line end as the last of them is kept.
    Malformed,
}

impl SevenBitRecoder {
    pub(super) fn new(form: SevenBit) -> Self {
        Self { form, is_shifted: false, begun: Vec::with_capacity(4) }
    }

    fn push(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.begun.push(byte);
        let found = match self.form {
            SevenBit::Hz => self.find_hz(out),
            SevenBit::Iso2022Kr => self.find_korean(out),
        };
        match found {
            Found::Begun => {}
            Found::Whole => self.begun.clear(),
            Found::Malformed => {
                self.begun.clear();
                // A line end shows where the next characters begin, so one error does not spoil the rest of
                // the text.
                out.push(MALFORMED);
                if matches!(byte, b'\r' | b'\n') {
                    self.is_shifted = false;
                    out.push(byte);
                }
            }
        }
    }

    fn find_hz(&mut self, out: &mut Vec<u8>) -> Found {
        match (&*self.begun, self.is_shifted) {
            ([b'~'], _) => return Found::Begun,
            // Among two-byte characters, only the closing escape counts: a tilde may be half of a character
            // there.
            ([b'~', b'{'], false) => self.is_shifted = true,
            ([b'~', b'}'], true) => self.is_shifted = false,
            ([b'~', b'~'], false) => out.push(b'~'),
            ([b'~', b'\r'], false) => return Found::Begun,
            ([b'~', b'\n'] | [b'~', b'\r', b'\n'], false) => {}
            // CR alone was the line end.
            ([b'~', b'\r', _], false) => {
                self.begun.drain(..2);
                return self.find_hz(out);
            }
            (_, _) => return self.find_character(out),
        }
        Found::Whole
    }

    fn find_korean(&mut self, out: &mut Vec<u8>) -> Found {
        match &*self.begun {
            [SHIFT_OUT] => self.is_shifted = true,
            [SHIFT_IN] => self.is_shifted = false,
            IS_KOREAN => {}
            // The designation arrives byte by byte. It stands once at the beginning, and changes nothing
            // later.
            begun if IS_KOREAN.starts_with(begun) && begun[0] == ESCAPE => return Found::Begun,
            _ => return self.find_character(out),
        }
        Found::Whole
    }

    /// Recodes one character. A line end also ends the two-byte characters. In HZ, their closing escape must
    /// come before the line end: otherwise much TeX source would pass for HZ.
    fn find_character(&mut self, out: &mut Vec<u8>) -> Found {
        match (&*self.begun, self.is_shifted) {
            ([b'\r' | b'\n'], true) if self.form == SevenBit::Hz => return Found::Malformed,
            ([byte @ (b'\r' | b'\n')], _) => {
                self.is_shifted = false;
                out.push(*byte);
            }
            ([byte @ 0..0x80], false) if *byte != ESCAPE || self.form == SevenBit::Hz => out.push(*byte),
            // A space is half of no character, so it stands for itself.
            ([byte @ (b' ' | b'\t')], true) => out.push(*byte),
            ([0x21..=0x7E], true) => return Found::Begun,
            // The eighth bit makes them characters of GBK or EUC-KR.
            ([first @ 0x21..=0x7E, second @ 0x21..=0x7E], true) => out.extend([first | 0x80, second | 0x80]),
            _ => return Found::Malformed,
        }
        Found::Whole
    }
}

impl Recode for SevenBitRecoder {
    fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes {
            self.push(*byte, out);
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        out.extend((!self.begun.is_empty()).then_some(MALFORMED));
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{EUC_KR, Encoding, GBK};

    use super::{super::recode::recode_all, *};

    fn read(bytes: &[u8], form: SevenBit, encoding: &'static Encoding) -> String {
        let whole = recode_all(bytes, SevenBitRecoder::new(form), 1000);
        for window in 1..7 {
            assert_eq!(recode_all(bytes, SevenBitRecoder::new(form), window), whole);
        }
        encoding.decode(&whole).0.into_owned()
    }

    #[test]
    fn hz_is_read_at_every_border() {
        let bytes = b"This: ~{<:Ky2;S{#,NpJ)l6HK!#~}Bye ~~ x.\r\n~{VPND~}\r\n";
        assert_eq!(read(bytes, SevenBit::Hz, GBK), "This: 己所不欲，勿施於人。Bye ~ x.\r\n中文\r\n");
    }

    #[test]
    fn a_tilde_joins_lines_of_hz_with_any_line_end() {
        for line_end in ["\n", "\r\n", "\r"] {
            let bytes = format!("one ~{line_end}line ~{{VPND~}}{line_end}");
            assert_eq!(read(bytes.as_bytes(), SevenBit::Hz, GBK), format!("one line 中文{line_end}"));
        }
    }

    #[test]
    fn korean_is_read_at_every_border() {
        let bytes = b"\x1B$)C\x0E1[\x0F a \x0EGQ1[\x0F\r\n\x0EGQ\n";
        assert_eq!(read(bytes, SevenBit::Iso2022Kr, EUC_KR), "글 a 한글\r\n한\n");
    }

    #[test]
    fn what_is_no_escape_is_malformed() {
        assert_eq!(recode_all(b"a~x\n~", SevenBitRecoder::new(SevenBit::Hz), 2), b"a\xFF\n\xFF");
        assert_eq!(recode_all(b"\x1B[1mb\xE9", SevenBitRecoder::new(SevenBit::Iso2022Kr), 2), b"\xFF1mb\xFF");
    }
}
