//! Converts names of languages to their codes.

/// The languages of Project Gutenberg's books, with their codes of ISO 639-1, or otherwise 639-2.
const NAMES: [(&str, &str); 62] = [
    ("afrikaans", "af"),
    ("arabic", "ar"),
    ("aragonese", "an"),
    ("asturian", "ast"),
    ("basque", "eu"),
    ("bulgarian", "bg"),
    ("catalan", "ca"),
    ("cebuano", "ceb"),
    ("chinese", "zh"),
    ("czech", "cs"),
    ("danish", "da"),
    ("dutch", "nl"),
    ("english", "en"),
    ("esperanto", "eo"),
    ("estonian", "et"),
    ("farsi", "fa"),
    ("finnish", "fi"),
    ("french", "fr"),
    ("frisian", "fy"),
    ("friulian", "fur"),
    ("gaelic", "gd"),
    ("galician", "gl"),
    ("german", "de"),
    ("greek", "el"),
    ("hebrew", "he"),
    ("hungarian", "hu"),
    ("icelandic", "is"),
    ("iloko", "ilo"),
    ("indonesian", "id"),
    ("interlingua", "ia"),
    ("inuktitut", "iu"),
    ("irish", "ga"),
    ("italian", "it"),
    ("japanese", "ja"),
    ("kashubian", "csb"),
    ("khasi", "kha"),
    ("korean", "ko"),
    ("latin", "la"),
    ("lithuanian", "lt"),
    ("maori", "mi"),
    ("middle english", "enm"),
    ("nahuatl", "nah"),
    ("neapolitan", "nap"),
    ("norwegian", "no"),
    ("occitan", "oc"),
    ("ojibwa", "oj"),
    ("old english", "ang"),
    ("polish", "pl"),
    ("portuguese", "pt"),
    ("romanian", "ro"),
    ("russian", "ru"),
    ("sanskrit", "sa"),
    ("scots", "sco"),
    ("serbian", "sr"),
    ("slovenian", "sl"),
    ("spanish", "es"),
    ("swedish", "sv"),
    ("tagalog", "tl"),
    ("telugu", "te"),
    ("turkish", "tr"),
    ("welsh", "cy"),
    ("yiddish", "yi"),
];

/// Returns the codes of the languages in a text such as `English; French` or `en; fr`. A language without a
/// known code keeps its name.
pub(crate) fn codes(text: &str) -> Vec<String> {
    let parts = text.split([';', ',']).flat_map(|part| part.split(" and "));
    parts.map(str::trim).filter(|part| !part.is_empty()).map(code).collect()
}

fn code(name: &str) -> String {
    let lower = name.to_lowercase();
    // A variant has the code of its language: `Chinese (Traditional)`.
    let plain = lower.split('(').next().unwrap_or_default().trim();
    let found = NAMES.iter().find(|(known, _)| *known == plain).map(|(_, code)| (*code).to_owned());
    // A text may have the code itself. Other words of two or three letters are no names of languages.
    let is_code = matches!(lower.len(), 2 | 3) && lower.bytes().all(|byte| byte.is_ascii_lowercase());
    found.unwrap_or_else(|| if is_code { lower } else { name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_with_a_code_become_codes() {
        for (text, expected) in [
            ("English", &["en"][..]),
            ("EN", &["en"]),
            ("English; French", &["en", "fr"]),
            ("German and Latin", &["de", "la"]),
            ("en; ang", &["en", "ang"]),
            ("Chinese (Traditional)", &["zh"]),
            ("Klingon", &["Klingon"]),
            ("", &[]),
        ] {
            assert_eq!(codes(text), expected, "{text}");
        }
    }
}
