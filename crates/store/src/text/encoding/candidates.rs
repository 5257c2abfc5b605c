//! The encodings that a text without a label may be in.

use std::sync::LazyLock;

use encoding_rs::{GB18030, GBK};

use crate::text::codec::{CodePage, Codec};

/// The models of encodings of the standard, by their names in the `chardet` crate, which are labels, too. Of
/// two encodings, the commoner one stands first.
const MODELS: &str = "cp932 euc_jis_2004 gb18030 big5hkscs cp949 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 \
    cp1257 cp1258 cp874 iso8859-2 iso8859-3 iso8859-4 iso8859-5 iso8859-6 iso8859-7 iso8859-8 iso8859-10 iso8859-13 \
    iso8859-14 iso8859-15 iso8859-16 koi8-r koi8-u cp866 mac-roman mac-cyrillic";

static ALL: LazyLock<Vec<Candidate>> = LazyLock::new(|| {
    let of_model = |model| Codec::for_label(model).map(|codec| Candidate { codec, model });
    let pages = CodePage::all().map(|page| Candidate { codec: Codec::Page(page), model: page.table });
    MODELS.split(' ').filter_map(of_model).chain(pages).collect()
});

/// An encoding that a text may be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) codec: Codec,
    /// The name of its model.
    pub(super) model: &'static str,
}

/// Returns an iterator over all candidates.
pub(super) fn all() -> impl Iterator<Item = Candidate> {
    ALL.iter().copied()
}

/// Returns the candidate of an encoding, or `None` if there is no model of it.
pub(super) fn of(codec: Codec) -> Option<Candidate> {
    let codec = as_tried(codec);
    all().find(|candidate| candidate.codec == codec)
}

/// Returns the encoding that is tried for this one: gb18030 for GBK, else the encoding itself.
pub(super) fn as_tried(codec: Codec) -> Codec {
    // A decoder of gb18030 decodes GBK, too, and there is no model of GBK alone.
    if codec == Codec::Standard(GBK) { Codec::Standard(GB18030) } else { codec }
}

/// Returns the character of a byte in an encoding of one byte per character. Returns `None` if there is no
/// character, or only a control character beyond ASCII, which no text contains.
pub(super) fn character(codec: Codec, byte: u8) -> Option<char> {
    let found = match codec {
        Codec::Page(page) => page.character(byte),
        Codec::Standard(encoding) => {
            // Each byte is a whole character, so the decoder has no state.
            let byte = [byte];
            let text = encoding.decode_without_bom_handling_and_without_replacement(&byte)?;
            text.chars().next()
        }
        Codec::Utf32(_) | Codec::SevenBit(_) => None,
    };
    found.filter(|found| !('\u{80}'..'\u{A0}').contains(found))
}

/// Returns whether every character is one byte.
pub(super) fn is_single_byte(codec: Codec) -> bool {
    match codec {
        Codec::Standard(encoding) => encoding.is_single_byte(),
        Codec::Page(_) => true,
        Codec::Utf32(_) | Codec::SevenBit(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_is_a_label_of_its_encoding() {
        assert_eq!(ALL.len(), MODELS.split(' ').count() + CodePage::all().count());
        let multi_byte = all().filter(|candidate| !is_single_byte(candidate.codec));
        let names: Vec<_> = multi_byte.map(|candidate| candidate.codec.name()).collect();
        assert_eq!(names, ["Shift_JIS", "EUC-JP", "gb18030", "Big5", "EUC-KR"]);
        let name = |model| all().find(|candidate| candidate.model == model).map(|found| found.codec.name());
        assert_eq!(name("mac-roman"), Some("macintosh"));
        assert_eq!(name("mac-cyrillic"), Some("x-mac-cyrillic"));
        assert_eq!(name("cp874"), Some("windows-874"));
        assert_eq!(name("cp850"), Some("IBM850"));
    }
}
