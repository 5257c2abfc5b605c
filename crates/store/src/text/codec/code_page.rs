//! Code pages of one byte per character that the standard leaves out: those of DOS, Macintosh and some
//! others.

use super::recode::{MALFORMED, Recode};

/// A code page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CodePage {
    /// The name in IANA's list, or the usual one.
    pub(crate) name: &'static str,
    /// The name of the table, which is also the name of the model.
    pub(crate) table: &'static str,
}

/// The name of each code page, and the name of its table in the `chardet` crate. Its tables are those of
/// Python's codecs.
const PAGES: &str = "IBM437=cp437 IBM720=cp720 IBM737=cp737 IBM775=cp775 IBM850=cp850 IBM852=cp852 IBM855=cp855 \
    IBM856=cp856 IBM857=cp857 IBM858=cp858 IBM860=cp860 IBM861=cp861 IBM862=cp862 IBM863=cp863 \
    IBM864=cp864 IBM865=cp865 IBM869=cp869 IBM1006=cp1006 IBM1125=cp1125 x-mac-greek=mac-greek \
    x-mac-icelandic=mac-iceland x-mac-ce=mac-latin2 x-mac-turkish=mac-turkish KOI8-T=koi8-t \
    KZ-1048=kz1048 PTCP154=ptcp154 hp-roman8=hp-roman8";

impl CodePage {
    /// Returns the code page of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::all().find(|page| page.name == name)
    }

    /// Returns every code page.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        PAGES.split(' ').filter_map(|page| page.split_once('=')).map(|(name, table)| Self { name, table })
    }

    /// Returns the character of a byte. Returns `None` if the page has no character there, or only a control
    /// character beyond ASCII, which no text contains.
    pub(crate) fn character(self, byte: u8) -> Option<char> {
        chardet::codecs::decode_byte(self.table, byte).filter(|found| !('\u{80}'..'\u{A0}').contains(found))
    }

    pub(super) fn recoder(self) -> CodePageRecoder {
        // The table is copied once, because the crate finds it by its name at every byte.
        CodePageRecoder { characters: std::array::from_fn(|byte| self.character(byte as u8)) }
    }
}

/// Recodes a code page to UTF-8.
pub(super) struct CodePageRecoder {
    characters: [Option<char>; 256],
}

impl Recode for CodePageRecoder {
    fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for byte in bytes {
            match self.characters[usize::from(*byte)] {
                Some(found) => out.extend(found.encode_utf8(&mut [0; 4]).as_bytes()),
                None => out.push(MALFORMED),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::recode::recode_all, *};

    #[test]
    fn every_page_has_a_table_with_ascii() {
        assert_eq!(CodePage::all().count(), 27);
        for page in CodePage::all() {
            let name = page.name;
            assert_eq!(CodePage::named(name), Some(page));
            assert!(
                (b' '..=b'~').all(|byte| byte == b'%' || page.character(byte) == Some(byte.into())),
                "{name}"
            );
            assert!((0x80..=0xFF).filter_map(|byte| page.character(byte)).count() >= 80, "{name}");
        }
    }

    #[test]
    fn characters_are_those_of_the_page_and_holes_are_malformed() {
        let read = |name, bytes: &[u8]| {
            String::from_utf8(recode_all(bytes, CodePage::named(name).unwrap().recoder(), 2)).ok()
        };
        assert_eq!(read("IBM437", b"M\x81ller \xE1").unwrap(), "Müller ß");
        assert_eq!(read("IBM852", b"\xFB\x8B").unwrap(), "űő");
        assert_eq!(read("x-mac-greek", b"\xE1").unwrap(), "α");
        assert_eq!(read("x-mac-ce", b"\xCE").unwrap(), "ő");
        assert_eq!(read("IBM869", b"\x80"), None);
    }
}
