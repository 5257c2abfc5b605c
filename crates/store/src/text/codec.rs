//! The encodings that can be decoded: those of the WHATWG Encoding Standard, and some that it leaves out.
//!
//! Bytes in an encoding outside the standard are first recoded (`recode`) into an encoding of the standard.

mod code_page;
pub(crate) mod labels;
pub(crate) mod recode;
mod seven_bit;
mod stream_decoder;
mod utf32;

use encoding_rs::{EUC_KR, Encoding, GBK, UTF_8};

pub(crate) use self::{
    code_page::CodePage,
    seven_bit::SevenBit,
    stream_decoder::StreamDecoder,
    utf32::{ByteOrder, is_utf32},
};
use self::{recode::Recode, seven_bit::SevenBitRecoder, utf32::Utf32Recoder};

/// An encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    /// An encoding of the standard.
    Standard(&'static Encoding),
    /// Four bytes per character.
    Utf32(ByteOrder),
    /// One byte per character: a code page of DOS, Macintosh or other systems.
    Page(CodePage),
    /// ASCII and two-byte characters, all of ASCII bytes, with escapes that switch between them.
    SevenBit(SevenBit),
}

impl Codec {
    /// The encoding of most texts.
    pub(crate) const UTF_8: Self = Self::Standard(UTF_8);

    /// Returns the encoding of this label, in any case and spelling, or `None` if the label is unknown.
    pub(crate) fn for_label(label: &str) -> Option<Self> {
        labels::find(label)
    }

    /// Returns the name of the encoding: from the standard, else from IANA's list, else the usual one.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Standard(encoding) => encoding.name(),
            Self::Utf32(ByteOrder::Little) => "UTF-32LE",
            Self::Utf32(ByteOrder::Big) => "UTF-32BE",
            Self::Page(page) => page.name,
            Self::SevenBit(SevenBit::Hz) => "HZ-GB-2312",
            Self::SevenBit(SevenBit::Iso2022Kr) => "ISO-2022-KR",
        }
    }

    /// Returns the recoder that turns the bytes into those of [`Codec::recoded`], or `None` if none is
    /// needed.
    pub(crate) fn recoder(self) -> Option<Box<dyn Recode>> {
        match self {
            Self::Standard(_) => None,
            Self::Utf32(order) => Some(Box::new(Utf32Recoder::new(order))),
            Self::Page(page) => Some(Box::new(page.recoder())),
            Self::SevenBit(form) => Some(Box::new(SevenBitRecoder::new(form))),
        }
    }

    /// Decodes all of the bytes. What does not decode becomes U+FFFD.
    pub(crate) fn decode(self, bytes: &[u8]) -> String {
        let mut recoded = Vec::new();
        let bytes = match self.recoder() {
            None => bytes,
            Some(mut recoder) => {
                recoder.take(bytes, &mut recoded);
                recoder.finish(&mut recoded);
                &recoded
            }
        };
        self.recoded().decode_without_bom_handling(bytes).0.into_owned()
    }

    /// Returns the encoding of the bytes after recoding.
    pub(crate) fn recoded(self) -> &'static Encoding {
        match self {
            Self::Standard(encoding) => encoding,
            Self::Utf32(_) | Self::Page(_) => UTF_8,
            Self::SevenBit(SevenBit::Hz) => GBK,
            Self::SevenBit(SevenBit::Iso2022Kr) => EUC_KR,
        }
    }
}

/// Returns whether the label names a known encoding.
#[must_use]
pub fn is_known_label(label: &str) -> bool {
    Codec::for_label(label).is_some()
}
