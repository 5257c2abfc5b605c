//! Recognises UTF-16 without a byte order mark in Chinese, Japanese and Korean by its letters.
//!
//! Read as UTF-16 in one order and not in the other, nearly all of the samples are letters of these scripts,
//! their marks and ASCII, and no unit is half of a pair. That is not enough: two bytes of EUC-KR, of GB 2312
//! or of Shift_JIS make such letters, too. So two more things are required, which no text in another encoding
//! has:
//!
//! * Some of it has bytes that other encodings do not have there. ASCII characters are NULs here. The
//!   ideographic space, comma and full stop are NUL and the controls 1 and 2. Full-width marks have the byte
//!   FF, which begins no character there.
//! * The low bytes of ideographs and of Hangul are scattered: a fifth is under 30 (hexadecimal). The second
//!   bytes of those encodings never are, nor are the first ones, however the bytes are paired.
//!
//! A text that shows too little of either is not recognised here.

use crate::text::codec::ByteOrder;

/// The minimum number of units of a sample.
const UNITS_MIN: usize = 32;
/// At most one unit in this many is [`Unit::Other`].
const OTHER_ONE_IN: usize = 100;
/// At least one unit in this many is distinctive.
const DISTINCTIVE_ONE_IN: usize = 100;
/// The minimum number of distinctive units. One or two stray NULs in another encoding make as many.
const DISTINCTIVE_MIN: usize = 3;
/// At least one unit in this many is a letter of these scripts.
const LETTER_ONE_IN: usize = 8;
/// At least one ideograph or syllable in this many has a low byte that no other encoding has there.
const SCATTERED_ONE_IN: usize = 16;

/// The kinds of characters in UTF-16.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Kana,
    /// An ideograph or a syllable of Hangul, with a low byte that second bytes of other encodings have.
    Letter,
    /// An ideograph or a syllable of Hangul, with another low byte.
    Scattered,
    /// A character whose bytes other encodings do not have.
    Distinctive,
    /// A mark that occurs in such texts.
    Mark,
    /// Any other character.
    Other,
    /// A unit that no text contains.
    Impossible,
}

/// Returns the byte order in which the samples are such a text. Each must begin at the beginning of a unit.
pub(super) fn byte_order(samples: &[&[u8]]) -> Option<ByteOrder> {
    let is_in = |order| samples.iter().all(|sample| is_text(sample, order));
    match [ByteOrder::Little, ByteOrder::Big].map(is_in) {
        [true, false] => Some(ByteOrder::Little),
        [false, true] => Some(ByteOrder::Big),
        // A text that makes sense in both orders proves neither.
        [true, true] | [false, false] => None,
    }
}

fn is_text(sample: &[u8], order: ByteOrder) -> bool {
    let unit = match order {
        ByteOrder::Little => u16::from_le_bytes,
        ByteOrder::Big => u16::from_be_bytes,
    };
    let units: Vec<u16> = sample.as_chunks::<2>().0.iter().map(|pair| unit(*pair)).collect();
    let kinds: Vec<Unit> = char::decode_utf16(without_halves(&units).iter().copied())
        .map(|character| character.map_or(Unit::Impossible, kind))
        .collect();
    let count = |kind| kinds.iter().filter(|found| **found == kind).count();
    let (scattered, kana) = (count(Unit::Scattered), count(Unit::Kana));
    let (letters, distinctive) = (count(Unit::Letter) + scattered, count(Unit::Distinctive));
    kinds.len() >= UNITS_MIN
        && count(Unit::Impossible) == 0
        && count(Unit::Other) * OTHER_ONE_IN <= kinds.len()
        && distinctive >= DISTINCTIVE_MIN
        && distinctive * DISTINCTIVE_ONE_IN >= kinds.len()
        && (letters + kana) * LETTER_ONE_IN >= kinds.len()
        && scattered * SCATTERED_ONE_IN >= letters
}

/// Returns the units without halves of pairs at both ends, which the sample cut off.
fn without_halves(mut units: &[u16]) -> &[u16] {
    // The second sample may begin between the halves of a pair.
    if let [0xDC00..=0xDFFF, rest @ ..] = units {
        units = rest;
    }
    if let [rest @ .., 0xD800..=0xDBFF] = units {
        units = rest;
    }
    units
}

const fn kind(character: char) -> Unit {
    match character {
        '\t' | '\n' | '\r' | ' '..='~' | '\u{3000}'..='\u{3002}' | '\u{FF01}'..='\u{FFEE}' => {
            Unit::Distinctive
        }
        // Kana are no distinctive letters: bytes of ASCII read as UTF-16 make some of them.
        '\u{3041}'..='\u{30FF}' => Unit::Kana,
        '\u{3400}'..='\u{4DBF}'
        | '\u{4E00}'..='\u{9FFF}'
        | '\u{AC00}'..='\u{D7A3}'
        | '\u{F900}'..='\u{FAFF}'
        | '\u{20000}'..='\u{3FFFF}' => match character as u32 & 0xFF {
            0..0x30 => Unit::Scattered,
            _ => Unit::Letter,
        },
        '\u{B7}' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{203B}' | '\u{3003}'..='\u{301F}' => Unit::Mark,
        // U+FFFE is a byte order mark in the wrong order.
        '\0'..='\u{1F}' | '\u{7F}'..='\u{9F}' | '\u{FFFE}'..='\u{FFFF}' => Unit::Impossible,
        _ => Unit::Other,
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GB18030, SHIFT_JIS};
    use proptest::prelude::*;

    use super::*;

    const CHINESE: &str =
        "一天早晨，一个小女孩走出家门去找她的狗。她在树林里走了很久，直到听见轻轻的叫声。狗坐在树下等着她。";
    const JAPANESE: &str =
        "ある朝、小さな女の子が犬を探しに家を出ました。森の中を長いあいだ歩いて、小さな鳴き声を聞きました。";
    const KOREAN: &str =
        "어느 날 아침, 작은 소녀가 개를 찾으러 집을 나섰습니다. 소녀는 오랫동안 숲 속을 걸었습니다.";

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn each_order_shows_itself() {
        for text in [CHINESE, JAPANESE, KOREAN] {
            assert_eq!(byte_order(&[&utf16(text, u16::to_le_bytes)]), Some(ByteOrder::Little), "{text}");
            assert_eq!(byte_order(&[&utf16(text, u16::to_be_bytes)]), Some(ByteOrder::Big), "{text}");
        }
    }

    #[test]
    fn letters_alone_do_not_show_which_encoding_it_is() {
        let bare: String =
            CHINESE.chars().filter(|letter| *letter > '\u{3002}' && *letter < '\u{FF00}').collect();
        assert_eq!(byte_order(&[&utf16(&bare, u16::to_be_bytes)]), None);
        assert_eq!(byte_order(&[&utf16("早晨。", u16::to_be_bytes)]), None, "it is too short");
        let unscattered: String =
            CHINESE.chars().filter(|letter| u32::from(*letter) & 0xFF >= 0x30).collect();
        assert_eq!(byte_order(&[&utf16(&format!("{unscattered}。。。"), u16::to_be_bytes)]), None);
    }

    #[test]
    fn a_few_other_letters_are_let_through_and_half_a_pair_is_not() {
        let text = format!("{}é", CHINESE.repeat(3));
        let mut bytes = utf16(&text, u16::to_be_bytes);
        assert_eq!(byte_order(&[&bytes]), Some(ByteOrder::Big));
        bytes.extend([0xD8, 0x00, 0x4E, 0x00]);
        assert_eq!(byte_order(&[&bytes]), None);
        assert_eq!(byte_order(&[&utf16(&format!("{CHINESE}éééé"), u16::to_be_bytes)]), None);
    }

    #[test]
    fn a_pair_that_the_sample_cut_off_does_not_count() {
        let bytes = utf16(&format!("\u{20000}{CHINESE}\u{20000}"), u16::to_le_bytes);
        assert_eq!(byte_order(&[&bytes, &bytes[2..bytes.len() - 2]]), Some(ByteOrder::Little));
    }

    /// Checks all pairings of their bytes, with line ends and stray NULs and without.
    #[test]
    fn texts_of_other_encodings_are_none() {
        let table: [(&Encoding, &str); 5] = [
            (GB18030, CHINESE),
            (BIG5, CHINESE),
            (SHIFT_JIS, JAPANESE),
            (EUC_JP, JAPANESE),
            (EUC_KR, KOREAN),
        ];
        for (encoding, text) in table {
            for text in [
                text.to_owned(),
                text.replace(['，', '。', '、', ' ', ',', '.'], ""),
                format!("{text}\r\n").repeat(3),
            ] {
                let bytes = encoding.encode(&text).0.into_owned();
                for (start, end) in
                    [(0, &b""[..]), (1, b""), (0, b"\0"), (0, b"\0\0"), (0, b"\n\0"), (1, b"\0\n")]
                {
                    let bytes = [&bytes[start..], end].concat();
                    assert_eq!(byte_order(&[&bytes]), None, "{} {start} {end:?} {text}", encoding.name());
                }
            }
        }
        assert_eq!(byte_order(&["0A0B0C0D0E0F0G0H".repeat(10).as_bytes()]), None, "ASCII that reads as kana");
    }

    /// Repeats a case of the test below: a NUL after a second byte that is ASCII makes one distinctive
    /// character.
    #[test]
    fn stray_nuls_prove_nothing() {
        let of = |pairs: usize| [0xB0, 0x40].repeat(pairs);
        let bytes = [of(3), vec![0], of(4), b"4".to_vec(), of(8), vec![0], of(14), vec![0], of(1)].concat();
        assert_eq!(byte_order(&[&bytes]), None);
    }

    /// Characters of two bytes as the encodings of these scripts have them, with leads in `leads`; now and
    /// then ASCII, and up to two stray NULs.
    fn bytes_of(leads: std::ops::RangeInclusive<u8>) -> impl Strategy<Value = Vec<u8>> {
        let trail = prop_oneof![0x40..=0x7E_u8, 0x80..=0xFC_u8];
        let character = prop_oneof![
            40 => (leads, trail).prop_map(|(lead, trail)| vec![lead, trail]),
            1 => (0x20..0x7F_u8).prop_map(|ascii| vec![ascii]),
            1 => Just(b"\r\n".to_vec()),
        ];
        let nuls = prop::collection::vec(any::<prop::sample::Index>(), 0..=2);
        (prop::collection::vec(character, 20..300), nuls).prop_map(|(mut characters, nuls)| {
            for nul in nuls {
                characters.insert(nul.index(characters.len()), vec![0]);
            }
            characters.concat()
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2048) })]

        #[test]
        fn bytes_of_other_encodings_are_none(
            // As Shift_JIS, which reads as ideographs; as GB 2312 and EUC-KR, which read as Hangul; and as
            // all of GBK.
            bytes in prop_oneof![bytes_of(0x81..=0x9F), bytes_of(0xB0..=0xD7), bytes_of(0x81..=0xFE)],
        ) {
            prop_assert_eq!(byte_order(&[&bytes]), None);
            prop_assert_eq!(byte_order(&[&bytes[1..]]), None);
        }
    }
}
