//! Finds encodings by the names that people write: `latin1`, `ISO Latin-1`, `cp850`, `MS-DOS codepage 437`,
//! `MacRoman`.
//!
//! A label of the WHATWG Encoding Standard means what the standard says, so `ASCII` and `ISO-8859-1` mean
//! windows-1252. Any other label is looked up by its key, which is the label in lower case without spaces and
//! punctuation: first as a name, then as a Macintosh encoding, then as the number of a code page, with or
//! without words such as `cp` or `IBM` before it, then as a part of ISO 8859.

use encoding_rs::{Encoding, REPLACEMENT};

use super::{ByteOrder, CodePage, Codec, SevenBit};

/// The words that may stand before the number of a code page. Of two that begin alike, the longer stands
/// first.
const PAGE_WORDS: &str =
    "csibm cspc codepage windows microsoft msdos ansi code page ccsid dos ibm oem win xcp cp ms x";

/// Labels, and the other keys of each encoding.
const NAMES: [(&str, &str); 20] = [
    ("windows-1252", "ansi"),
    ("ascii", "usascii7 7bit"),
    ("utf-8", "unicodeutf8 utf8 utf8bom utf8sig utf8mb4"),
    ("utf-16le", "utf16 utf16le ucs2 ucs2le"),
    ("utf-16be", "utf16be ucs2be"),
    ("shift_jis", "windows31j mskanji shiftjis xsjis shiftjisx0213 shiftjis2004"),
    ("euc-jp", "eucjp ujis eucjis2004 eucjpms"),
    ("iso-2022-jp", "jis jis7 iso2022jp"),
    ("euc-kr", "euckr uhc wansung ksc5601"),
    ("gbk", "euccn gb2312"),
    ("gb18030", "gb18030"),
    ("big5", "big5hkscs big5eten"),
    ("macintosh", "mac macroman macosroman xmacroman macintoshroman applemacintosh"),
    ("windows-874", "tis620"),
    ("koi8-r", "koi8r"),
    ("koi8-u", "koi8u koi8ru"),
    ("hp-roman8", "roman8 hproman8"),
    ("KOI8-T", "koi8t"),
    ("KZ-1048", "kz1048 strk10482002 rk1048"),
    ("PTCP154", "ptcp154 pt154 cp154 cyrillicasian"),
];

/// Labels of Macintosh encodings, and the scripts and languages of each.
const MACINTOSH: [(&str, &str); 5] = [
    ("x-mac-cyrillic", "cyrillic ukrainian ukraine"),
    ("x-mac-greek", "greek"),
    ("x-mac-ce", "ce latin2 centraleurope centraleuropean centraleurroman centraleuroman"),
    ("x-mac-turkish", "turkish"),
    ("x-mac-icelandic", "iceland icelandic"),
];

/// Returns the encoding of a label.
pub(super) fn find(label: &str) -> Option<Codec> {
    let label = label.trim();
    of_standard(label).or_else(|| {
        let key: String = label.chars().filter(char::is_ascii_alphanumeric).collect();
        let key = key.to_ascii_lowercase();
        // A name may contain digits, so it is looked up before the numbers: cp154 is PTCP154.
        named(&key).or_else(|| macintosh(&key)).or_else(|| numbered(&key)).or_else(|| part_of_iso_8859(&key))
    })
}

/// Returns the encoding that a text's header names, perhaps among other words: `ISO-8859-1 (Latin 1)`.
pub(crate) fn find_in_words(words: &str) -> Option<Codec> {
    let parts = words.split(['(', ')', '[', ']', ',', ';', '"', '\'']);
    // The words as a whole may be a label, such as "Mac Central European".
    find(words).or_else(|| {
        parts.flat_map(|part| std::iter::once(part).chain(part.split_whitespace())).find_map(find)
    })
}

fn of_standard(label: &str) -> Option<Codec> {
    // The standard's `replacement` stands for encodings that browsers must not decode.
    let encoding = Encoding::for_label(label.as_bytes()).filter(|encoding| *encoding != REPLACEMENT)?;
    Some(Codec::Standard(encoding))
}

/// Returns the encoding of a label that has no other spelling.
fn exact(label: &str) -> Option<Codec> {
    CodePage::named(label).map(Codec::Page).or_else(|| of_standard(label))
}

fn named(key: &str) -> Option<Codec> {
    match key {
        "utf32" | "utf32le" | "ucs4le" => Some(Codec::Utf32(ByteOrder::Little)),
        "utf32be" | "ucs4" | "ucs4be" => Some(Codec::Utf32(ByteOrder::Big)),
        "hz" | "hzgb" | "hzgb2312" => Some(Codec::SevenBit(SevenBit::Hz)),
        "iso2022kr" => Some(Codec::SevenBit(SevenBit::Iso2022Kr)),
        _ => exact(label_of(&NAMES, key)?),
    }
}

/// Returns the label of an encoding of Macintosh, by its script or language.
fn macintosh(key: &str) -> Option<Codec> {
    let script = ["xmac", "macintosh", "macos", "mac"].into_iter().find_map(|word| key.strip_prefix(word))?;
    exact(label_of(&MACINTOSH, script)?)
}

/// Returns the label that stands with a key in a table.
fn label_of(table: &[(&'static str, &str)], key: &str) -> Option<&'static str> {
    table.iter().find(|(_, keys)| keys.split(' ').any(|other| other == key)).map(|(label, _)| *label)
}

/// Returns the encoding of a code page number, with or without words before it.
fn numbered(key: &str) -> Option<Codec> {
    let mut digits = key;
    while let Some(rest) = PAGE_WORDS.split(' ').find_map(|word| digits.strip_prefix(word)) {
        digits = rest;
    }
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u32 = digits.parse().ok()?;
    exact(&match number {
        874 | 1250..=1258 => format!("windows-{number}"),
        28591..=28606 => format!("iso-8859-{}", number - 28590),
        _ => page_label(number).map_or_else(|| format!("IBM{number}"), str::to_owned),
    })
}

/// Returns the label of a code page that is better known by another name.
const fn page_label(number: u32) -> Option<&'static str> {
    Some(match number {
        932 | 943 => "shift_jis",
        936 | 1386 | 51936 => "gbk",
        949 | 970 | 51949 => "euc-kr",
        950 => "big5",
        819 => "iso-8859-1",
        813 => "iso-8859-7",
        912 => "iso-8859-2",
        915 => "iso-8859-5",
        923 => "iso-8859-15",
        1200 => "utf-16le",
        1201 => "utf-16be",
        10000 => "macintosh",
        10006 => "x-mac-greek",
        10007 | 10017 => "x-mac-cyrillic",
        10029 => "x-mac-ce",
        10079 => "x-mac-icelandic",
        10081 => "x-mac-turkish",
        1051 => "hp-roman8",
        20127 => "ascii",
        20866 | 878 => "koi8-r",
        21866 | 1168 => "koi8-u",
        20932 | 51932 => "euc-jp",
        50220..=50222 => "iso-2022-jp",
        54936 => "gb18030",
        65001 | 1208 => "utf-8",
        _ => return None,
    })
}

/// Returns ISO 8859-n for `iso8859n`, `8859n`, `isolatinN`, `latinN` or `lN`. Latin 1 to 10 are the
/// standard's Latin alphabets; 11 and 13 to 16 are taken as part numbers, as people use them.
fn part_of_iso_8859(key: &str) -> Option<Codec> {
    let after = |words: &[&str]| words.iter().find_map(|word| key.strip_prefix(word));
    let by_alphabet = after(&["isolatin", "latinalphabetno", "latinalphabet", "latin", "l"]);
    let part: u8 = match by_alphabet.and_then(|digits| digits.parse().ok()) {
        Some(alphabet @ 1..=4) => alphabet,
        Some(5) => 9,
        Some(6) => 10,
        Some(alphabet @ 7..=10) => alphabet + 6,
        Some(part @ (11 | 13..=16)) => part,
        Some(_) => return None,
        None => after(&["iso8859part", "iso8859", "8859", "iso"])?.parse().ok()?,
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
