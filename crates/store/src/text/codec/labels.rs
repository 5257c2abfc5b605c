//! Finds encodings by the names that people write: `latin1`, `ISO Latin-1`, `cp850`, `MS-DOS codepage 437`,
//! `MacRoman`.
//!
//! A label of the WHATWG Encoding Standard means what the standard says, so `ASCII` and `ISO-8859-1` mean
//! windows-1252. Any other label is looked up without case, spaces and punctuation: first as a name, then as
//! a Macintosh encoding, then as the number of a code page, with or without words such as `cp` or `IBM`
//! before it, then as a part of ISO 8859.

use encoding_rs::{Encoding, REPLACEMENT};

use super::{ByteOrder, CodePage, Codec, SevenBit};

/// The words that may stand before the number of a code page.
const PAGE_WORDS: [&str; 18] = [
    "csibm",
    "cspc",
    "codepage",
    "windows",
    "microsoft",
    "msdos",
    "ansi",
    "code",
    "page",
    "ccsid",
    "dos",
    "ibm",
    "oem",
    "win",
    "xcp",
    "cp",
    "ms",
    "x",
];

/// Names without case, spaces and punctuation, and the label that each means.
const NAMES: [(&str, &str); 60] = [
    ("ansi", "windows-1252"),
    ("usascii7", "ascii"),
    ("7bit", "ascii"),
    ("unicodeutf8", "utf-8"),
    ("utf8", "utf-8"),
    ("utf8bom", "utf-8"),
    ("utf8sig", "utf-8"),
    ("utf8mb4", "utf-8"),
    ("utf16", "utf-16le"),
    ("utf16le", "utf-16le"),
    ("utf16be", "utf-16be"),
    ("ucs2", "utf-16le"),
    ("ucs2le", "utf-16le"),
    ("ucs2be", "utf-16be"),
    ("windows31j", "shift_jis"),
    ("mskanji", "shift_jis"),
    ("shiftjis", "shift_jis"),
    ("xsjis", "shift_jis"),
    ("shiftjisx0213", "shift_jis"),
    ("shiftjis2004", "shift_jis"),
    ("eucjp", "euc-jp"),
    ("ujis", "euc-jp"),
    ("eucjis2004", "euc-jp"),
    ("eucjpms", "euc-jp"),
    ("jis", "iso-2022-jp"),
    ("jis7", "iso-2022-jp"),
    ("iso2022jp", "iso-2022-jp"),
    ("euckr", "euc-kr"),
    ("uhc", "euc-kr"),
    ("wansung", "euc-kr"),
    ("ksc5601", "euc-kr"),
    ("euccn", "gbk"),
    ("gb2312", "gbk"),
    ("gb18030", "gb18030"),
    ("big5hkscs", "big5"),
    ("big5eten", "big5"),
    ("hz", "hz-gb-2312"),
    ("hzgb", "hz-gb-2312"),
    ("hzgb2312", "hz-gb-2312"),
    ("iso2022kr", "iso-2022-kr"),
    ("mac", "macintosh"),
    ("macroman", "macintosh"),
    ("macosroman", "macintosh"),
    ("xmacroman", "macintosh"),
    ("macintoshroman", "macintosh"),
    ("applemacintosh", "macintosh"),
    ("tis620", "windows-874"),
    ("roman8", "hp-roman8"),
    ("hproman8", "hp-roman8"),
    ("koi8r", "koi8-r"),
    ("koi8u", "koi8-u"),
    ("koi8ru", "koi8-u"),
    ("koi8t", "KOI8-T"),
    ("kz1048", "KZ-1048"),
    ("strk10482002", "KZ-1048"),
    ("rk1048", "KZ-1048"),
    ("ptcp154", "PTCP154"),
    ("pt154", "PTCP154"),
    ("cp154", "PTCP154"),
    ("cyrillicasian", "PTCP154"),
];

/// The scripts and languages of Macintosh encodings, and the label of each encoding.
const MACINTOSH: [(&str, &str); 13] = [
    ("cyrillic", "x-mac-cyrillic"),
    ("ukrainian", "x-mac-cyrillic"),
    ("ukraine", "x-mac-cyrillic"),
    ("greek", "x-mac-greek"),
    ("ce", "x-mac-ce"),
    ("latin2", "x-mac-ce"),
    ("centraleurope", "x-mac-ce"),
    ("centraleuropean", "x-mac-ce"),
    ("centraleurroman", "x-mac-ce"),
    ("centraleuroman", "x-mac-ce"),
    ("turkish", "x-mac-turkish"),
    ("iceland", "x-mac-icelandic"),
    ("icelandic", "x-mac-icelandic"),
];

/// Returns the encoding of a label.
pub(super) fn find(label: &str) -> Option<Codec> {
    let label = label.trim();
    of_standard(label).or_else(|| {
        let key: String = label
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|found| found.to_ascii_lowercase())
            .collect();
        named(&key).or_else(|| macintosh(&key)).or_else(|| numbered(&key)).or_else(|| part_of_iso_8859(&key))
    })
}

/// Returns the encoding that a text's header names, perhaps among other words: `ISO-8859-1 (Latin 1)`.
pub(crate) fn find_in_words(words: &str) -> Option<Codec> {
    let parts = words.split(['(', ')', '[', ']', ',', ';', '"', '\'']);
    find(words).or_else(|| {
        parts.flat_map(|part| std::iter::once(part).chain(part.split_whitespace())).find_map(find)
    })
}

fn of_standard(label: &str) -> Option<Codec> {
    // The standard's `replacement` stands for encodings that browsers must not decode.
    let encoding = Encoding::for_label(label.as_bytes()).filter(|encoding| *encoding != REPLACEMENT)?;
    Some(Codec::Standard(encoding))
}

fn named(key: &str) -> Option<Codec> {
    match key {
        "utf32" | "utf32le" | "ucs4le" => return Some(Codec::Utf32(ByteOrder::Little)),
        "utf32be" | "ucs4" | "ucs4be" => return Some(Codec::Utf32(ByteOrder::Big)),
        _ => {}
    }
    let (_, label) = NAMES.into_iter().find(|(name, _)| *name == key)?;
    match label {
        "hz-gb-2312" => Some(Codec::SevenBit(SevenBit::Hz)),
        "iso-2022-kr" => Some(Codec::SevenBit(SevenBit::Iso2022Kr)),
        label => CodePage::named(label).map(Codec::Page).or_else(|| of_standard(label)),
    }
}

fn macintosh(key: &str) -> Option<Codec> {
    let script = ["xmac", "macintosh", "macos", "mac"].into_iter().find_map(|word| key.strip_prefix(word))?;
    let (_, label) = MACINTOSH.into_iter().find(|(name, _)| *name == script)?;
    CodePage::named(label).map(Codec::Page).or_else(|| of_standard(label))
}

/// Returns the encoding of a code page number, with or without words before it.
fn numbered(key: &str) -> Option<Codec> {
    let mut digits = key;
    while let Some(rest) = PAGE_WORDS.into_iter().find_map(|word| digits.strip_prefix(word)) {
        digits = rest;
    }
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u32 = digits.parse().ok()?;
    let standard = match number {
        866 => "ibm866".to_owned(),
        874 | 1250..=1258 => format!("windows-{number}"),
        932 | 943 => "shift_jis".to_owned(),
        936 | 1386 => "gbk".to_owned(),
        949 | 970 | 51949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        819 => "iso-8859-1".to_owned(),
        813 => "iso-8859-7".to_owned(),
        912 => "iso-8859-2".to_owned(),
        915 => "iso-8859-5".to_owned(),
        923 => "iso-8859-15".to_owned(),
        1200 => "utf-16le".to_owned(),
        1201 => "utf-16be".to_owned(),
        10000 => "macintosh".to_owned(),
        10007 | 10017 => "x-mac-cyrillic".to_owned(),
        20127 => "ascii".to_owned(),
        20866 | 878 => "koi8-r".to_owned(),
        21866 | 1168 => "koi8-u".to_owned(),
        28591..=28606 => format!("iso-8859-{}", number - 28590),
        20932 | 51932 => "euc-jp".to_owned(),
        50220..=50222 => "iso-2022-jp".to_owned(),
        51936 => "gbk".to_owned(),
        54936 => "gb18030".to_owned(),
        65001 | 1208 => "utf-8".to_owned(),
        _ => return page_of(number).map(Codec::Page),
    };
    of_standard(&standard)
}

fn page_of(number: u32) -> Option<CodePage> {
    match number {
        10006 => CodePage::named("x-mac-greek"),
        10029 => CodePage::named("x-mac-ce"),
        10079 => CodePage::named("x-mac-icelandic"),
        10081 => CodePage::named("x-mac-turkish"),
        1051 => CodePage::named("hp-roman8"),
        number => CodePage::named(&format!("IBM{number}")),
    }
}

/// Returns ISO 8859-n for `iso8859n`, `8859n`, `isolatinN`, `latinN` or `lN`. Latin 1 to 10 are the
/// standard's Latin alphabets; 11 and 13 to 16 are taken as part numbers, as people use them.
fn part_of_iso_8859(key: &str) -> Option<Codec> {
    let by_part =
        ["iso8859part", "iso8859", "8859", "iso"].into_iter().find_map(|word| key.strip_prefix(word));
    let by_alphabet = ["isolatin", "latinalphabet", "latinalphabetno", "latin", "l"]
        .into_iter()
        .find_map(|word| key.strip_prefix(word));
    let part: u8 = match (by_alphabet.and_then(|digits| digits.parse().ok()), by_part) {
        (Some(alphabet @ 1..=4), _) => alphabet,
        (Some(5), _) => 9,
        (Some(6), _) => 10,
        (Some(7), _) => 13,
        (Some(8), _) => 14,
        (Some(9), _) => 15,
        (Some(10), _) => 16,
        (Some(part @ (11 | 13..=16)), _) => part,
        (Some(_), _) => return None,
        (None, by_part) => by_part?.parse().ok()?,
    };
    of_standard(&format!("iso-8859-{part}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(label: &str) -> Option<&'static str> {
        find(label).map(Codec::name)
    }

    #[test]
    fn labels_of_the_standard_mean_what_it_says() {
        for (label, expected) in [
            ("latin1", Some("windows-1252")),
            (" KOI8-R\n", Some("KOI8-R")),
            ("ISO-8859-9", Some("windows-1254")),
            ("cp866", Some("IBM866")),
            ("gb2312", Some("GBK")),
            ("UTF-32BE", Some("UTF-32BE")),
            ("utf-32", Some("UTF-32LE")),
            ("utf-9", None),
            ("", None),
            ("-", None),
            ("english", None),
        ] {
            assert_eq!(name(label), expected, "{label}");
        }
    }

    #[test]
    fn code_pages_of_dos_and_windows_have_many_spellings() {
        for label in
            ["CP437", "cp-437", "IBM437", "ibm 437", "437", "Codepage 437", "MS-DOS code page 437", "csPC437"]
        {
            assert_eq!(name(label), Some("IBM437"), "{label}");
        }
        for number in [437, 720, 737, 775, 850, 852, 855, 857, 858, 860, 861, 862, 863, 864, 865, 869, 1125] {
            assert_eq!(name(&format!("cp{number}")).unwrap(), format!("IBM{number}"));
        }
        for (label, expected) in [
            ("IBM00858", "IBM858"),
            ("cp932", "Shift_JIS"),
            ("windows-31j", "Shift_JIS"),
            ("MS932", "Shift_JIS"),
            ("cp936", "GBK"),
            ("cp949", "EUC-KR"),
            ("MS949", "EUC-KR"),
            ("UHC", "EUC-KR"),
            ("cp950", "Big5"),
            ("cp1252", "windows-1252"),
            ("Win1250", "windows-1250"),
            ("Windows 1251", "windows-1251"),
            ("ansi 1257", "windows-1257"),
            ("ANSI", "windows-1252"),
            ("cp874", "windows-874"),
            ("cp65001", "UTF-8"),
            ("UTF_8", "UTF-8"),
            ("Unicode (UTF-8)", "UTF-8"),
            ("utf8", "UTF-8"),
            ("EUC_JP", "EUC-JP"),
            ("KOI8R", "KOI8-R"),
        ] {
            assert_eq!(name(label), Some(expected), "{label}");
        }
    }

    #[test]
    fn pages_of_macintosh_have_many_spellings() {
        for (label, expected) in [
            ("MacRoman", "macintosh"),
            ("x-mac-roman", "macintosh"),
            ("Mac OS Roman", "macintosh"),
            ("MacCyrillic", "x-mac-cyrillic"),
            ("x-mac-ukrainian", "x-mac-cyrillic"),
            ("mac_greek", "x-mac-greek"),
            ("x-mac-ce", "x-mac-ce"),
            ("Mac Central European", "x-mac-ce"),
            ("mac-latin2", "x-mac-ce"),
            ("macturkish", "x-mac-turkish"),
            ("x-mac-icelandic", "x-mac-icelandic"),
        ] {
            assert_eq!(name(label), Some(expected), "{label}");
        }
    }

    #[test]
    fn the_parts_of_iso_8859_have_their_numbers_and_those_of_their_alphabets() {
        for (label, expected) in [
            ("Latin-1", "windows-1252"),
            ("ISO Latin-1", "windows-1252"),
            ("ISO 8859-1", "windows-1252"),
            ("iso8859_2", "ISO-8859-2"),
            ("8859-2", "ISO-8859-2"),
            ("Latin 2", "ISO-8859-2"),
            ("Latin-3", "ISO-8859-3"),
            ("l4", "ISO-8859-4"),
            ("Latin-5", "windows-1254"),
            ("latin6", "ISO-8859-10"),
            ("Latin-7", "ISO-8859-13"),
            ("Latin-8", "ISO-8859-14"),
            ("latin9", "ISO-8859-15"),
            ("Latin-10", "ISO-8859-16"),
            ("Latin-15", "ISO-8859-15"),
            ("iso-8859-11", "windows-874"),
            ("iso8859-16", "ISO-8859-16"),
        ] {
            assert_eq!(name(label), Some(expected), "{label}");
        }
        assert_eq!(name("Latin-12"), None);
        assert_eq!(name("iso-8859-17"), None);
    }

    #[test]
    fn stateful_encodings_have_names() {
        for (label, expected) in [
            ("hz-gb-2312", "HZ-GB-2312"),
            ("HZ", "HZ-GB-2312"),
            ("ISO-2022-KR", "ISO-2022-KR"),
            ("iso-2022-jp", "ISO-2022-JP"),
        ] {
            assert_eq!(name(label), Some(expected));
        }
    }

    #[test]
    fn a_header_may_say_more_than_the_name() {
        let in_words = |words| find_in_words(words).map(Codec::name);
        assert_eq!(in_words("ISO-8859-1 (Latin 1)"), Some("windows-1252"));
        assert_eq!(in_words("DOS (cp850), 8 bit"), Some("IBM850"));
        assert_eq!(in_words("none at all"), None);
    }
}
