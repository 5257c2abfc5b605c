//! The encodings that a text without a label may be in.

use encoding_rs::{
    BIG5, EUC_JP, EUC_KR, Encoding, GB18030, GBK, IBM866, ISO_8859_2, ISO_8859_3, ISO_8859_4, ISO_8859_5,
    ISO_8859_6, ISO_8859_7, ISO_8859_8, ISO_8859_10, ISO_8859_13, ISO_8859_14, ISO_8859_15, ISO_8859_16,
    KOI8_R, KOI8_U, MACINTOSH, SHIFT_JIS, WINDOWS_874, WINDOWS_1250, WINDOWS_1251, WINDOWS_1252,
    WINDOWS_1253, WINDOWS_1254, WINDOWS_1255, WINDOWS_1256, WINDOWS_1257, WINDOWS_1258, X_MAC_CYRILLIC,
};

use crate::text::codec::{CodePage, Codec};

/// Encodings of the standard, and the name of the model of each in the `chardet` crate.
const STANDARD: [(&Encoding, &str); 32] = [
    (SHIFT_JIS, "cp932"),
    (EUC_JP, "euc_jis_2004"),
    (GB18030, "gb18030"),
    (BIG5, "big5hkscs"),
    (EUC_KR, "cp949"),
    (WINDOWS_1250, "cp1250"),
    (WINDOWS_1251, "cp1251"),
    (WINDOWS_1252, "cp1252"),
    (WINDOWS_1253, "cp1253"),
    (WINDOWS_1254, "cp1254"),
    (WINDOWS_1255, "cp1255"),
    (WINDOWS_1256, "cp1256"),
    (WINDOWS_1257, "cp1257"),
    (WINDOWS_1258, "cp1258"),
    (WINDOWS_874, "cp874"),
    (ISO_8859_2, "iso8859-2"),
    (ISO_8859_3, "iso8859-3"),
    (ISO_8859_4, "iso8859-4"),
    (ISO_8859_5, "iso8859-5"),
    (ISO_8859_6, "iso8859-6"),
    (ISO_8859_7, "iso8859-7"),
    (ISO_8859_8, "iso8859-8"),
    (ISO_8859_10, "iso8859-10"),
    (ISO_8859_13, "iso8859-13"),
    (ISO_8859_14, "iso8859-14"),
    (ISO_8859_15, "iso8859-15"),
    (ISO_8859_16, "iso8859-16"),
    (KOI8_R, "koi8-r"),
    (KOI8_U, "koi8-u"),
    (IBM866, "cp866"),
    (MACINTOSH, "mac-roman"),
    (X_MAC_CYRILLIC, "mac-cyrillic"),
];

/// Encodings of several bytes per character. Only decoding shows what characters such a text has.
pub(super) const MULTI_BYTE: [&Encoding; 5] = [SHIFT_JIS, EUC_JP, GB18030, BIG5, EUC_KR];

/// An encoding that a text may be in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) code: Codec,
    /// The name of its model.
    pub(super) model: &'static str,
}

/// Returns all candidates.
pub(super) fn all() -> impl Iterator<Item = Candidate> {
    let standard = STANDARD.iter().map(|(encoding, model)| (Codec::Standard(encoding), *model));
    let pages = CodePage::all().map(|page| (Codec::Page(page), page.table()));
    standard.chain(pages).map(|(code, model)| Candidate { code, model })
}

/// Returns the candidate of an encoding, or `None` if there is no model of it.
pub(super) fn of(code: Codec) -> Option<Candidate> {
    let code = as_tried(code);
    all().find(|candidate| candidate.code == code)
}

/// Returns the encoding that is tried for this one: gb18030 for GBK, else the encoding itself.
pub(super) fn as_tried(code: Codec) -> Codec {
    if code == Codec::Standard(GBK) { Codec::Standard(GB18030) } else { code }
}

/// Returns the character of a byte in an encoding of one byte per character. Returns `None` if there is no
/// character, or only a control character beyond ASCII, which no text contains.
pub(super) fn character(code: Codec, byte: u8) -> Option<char> {
    let found = match code {
        Codec::Page(page) => page.character(byte),
        Codec::Standard(encoding) => {
            let byte = [byte];
            let text = encoding.decode_without_bom_handling_and_without_replacement(&byte)?;
            text.chars().next()
        }
        Codec::Utf32(_) | Codec::SevenBit(_) => None,
    };
    found.filter(|found| !('\u{80}'..'\u{A0}').contains(found))
}

/// Returns whether every character is one byte.
pub(super) fn is_single_byte(code: Codec) -> bool {
    match code {
        Codec::Standard(encoding) => encoding.is_single_byte(),
        Codec::Page(_) => true,
        Codec::Utf32(_) | Codec::SevenBit(_) => false,
    }
}
