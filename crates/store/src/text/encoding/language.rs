//! The languages that a text may be in, by its source list, its header or its host's country, and the
//! encodings of each.

use crate::text::codec::Codec;

// Labels of encodings, separated by spaces, the commonest first. WESTERN is for Western Europe, America,
// Africa and the Pacific.

const WESTERN: &str = "windows-1252 iso-8859-15 cp850 cp858 cp437 macintosh";
const NORDIC: &str = "windows-1252 iso-8859-15 cp850 cp858 cp865 cp437 macintosh";
const ICELANDIC: &str = "windows-1252 iso-8859-15 cp850 cp861 x-mac-icelandic";
const PORTUGUESE: &str = "windows-1252 iso-8859-15 cp850 cp858 cp860 macintosh";
const FRENCH: &str = "windows-1252 iso-8859-15 cp850 cp858 cp437 cp863 macintosh";
const CENTRAL: &str = "windows-1250 iso-8859-2 cp852 x-mac-ce";
const ROMANIAN: &str = "windows-1250 iso-8859-2 iso-8859-16 cp852 x-mac-ce";
const SERBIAN: &str = "windows-1251 iso-8859-5 cp855 x-mac-cyrillic windows-1250 iso-8859-2 cp852 x-mac-ce";
const RUSSIAN: &str = "windows-1251 koi8-r iso-8859-5 cp866 cp855 x-mac-cyrillic";
const UKRAINIAN: &str = "windows-1251 koi8-u iso-8859-5 cp1125 cp866 x-mac-cyrillic";
const CYRILLIC: &str = "windows-1251 iso-8859-5 cp866 cp855 x-mac-cyrillic";
const BALTIC: &str = "windows-1257 iso-8859-13 iso-8859-4 cp775";
const ESTONIAN: &str = "windows-1257 iso-8859-13 iso-8859-4 cp775 windows-1252 iso-8859-15";
const GREEK: &str = "windows-1253 iso-8859-7 cp737 cp869 x-mac-greek";
const TURKISH: &str = "windows-1254 iso-8859-3 cp857 x-mac-turkish";
const ESPERANTO: &str = "iso-8859-3";
const WELSH: &str = "iso-8859-14 windows-1252 iso-8859-15 cp850";
const HEBREW: &str = "windows-1255 iso-8859-8 cp862";
const ARABIC: &str = "windows-1256 iso-8859-6 cp720 cp864";
const KAZAKH: &str = "kz-1048 ptcp154 windows-1251";
const JAPANESE: &str = "shift_jis euc-jp";
const CHINESE: &str = "gb18030 big5";

/// A language for which single-byte or East Asian encodings were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Language {
    /// The ISO 639 codes and the names, in lower case, separated by commas.
    names: &'static str,
    /// The top-level domains of countries in which it is spoken. `chardetng` knows the language by the first
    /// one.
    domains: &'static str,
    /// The labels of its encodings.
    encodings: &'static str,
}

const fn language(names: &'static str, domains: &'static str, encodings: &'static str) -> Language {
    Language { names, domains, encodings }
}

const LANGUAGES: [Language; 58] = [
    language("hu,hun,hungarian,magyar", "hu", CENTRAL),
    language("pl,pol,polish,polski", "pl", CENTRAL),
    language("cs,ces,cze,czech,čeština", "cz", CENTRAL),
    language("sk,slk,slo,slovak,slovenčina", "sk", CENTRAL),
    language("sl,slv,slovene,slovenian,slovenščina", "si", CENTRAL),
    language("hr,hrv,croatian,hrvatski", "hr", CENTRAL),
    language("bs,bos,bosnian,bosanski", "ba", SERBIAN),
    language("sr,srp,scc,serbian,srpski,српски,sh", "rs me", SERBIAN),
    language("ro,ron,rum,romanian,română,mo", "ro md", ROMANIAN),
    language("sq,sqi,alb,albanian,shqip", "al", WESTERN),
    language("hsb,dsb,wen,sorbian", "", CENTRAL),
    language("ru,rus,russian,русский", "ru su", RUSSIAN),
    language("uk,ukr,ukrainian,українська", "ua", UKRAINIAN),
    language("be,bel,belarusian,byelorussian,беларуская", "by", CYRILLIC),
    language("bg,bul,bulgarian,български", "bg", CYRILLIC),
    language("mk,mkd,mac,macedonian,македонски", "mk", CYRILLIC),
    language("kk,kaz,kazakh", "kz", KAZAKH),
    language("tg,tgk,tajik", "tj", "koi8-t windows-1251"),
    language("mn,mon,mongolian", "mn", CYRILLIC),
    language("el,ell,gre,grc,greek,ελληνικά", "gr cy", GREEK),
    language("tr,tur,turkish,türkçe", "tr", TURKISH),
    language("az,aze,azerbaijani", "az", TURKISH),
    language("lt,lit,lithuanian,lietuvių", "lt", BALTIC),
    language("lv,lav,latvian,latviešu", "lv", BALTIC),
    language("et,est,estonian,eesti", "ee", ESTONIAN),
    language("is,isl,ice,icelandic,íslenska", "is", ICELANDIC),
    language("fo,fao,faroese", "fo", ICELANDIC),
    language("he,iw,heb,hebrew,עברית", "il", HEBREW),
    language("yi,yid,yiddish", "", HEBREW),
    language("ar,ara,arabic,العربية", "sa eg ae ma dz sy iq", ARABIC),
    language("fa,fas,per,persian,farsi", "ir", ARABIC),
    language("ur,urd,urdu", "pk", ARABIC),
    language("th,tha,thai,ไทย", "th", "windows-874"),
    language("vi,vie,vietnamese,tiếng việt", "vn", "windows-1258"),
    language("ja,jpn,japanese,日本語", "jp", JAPANESE),
    language("zh,zho,chi,cmn,chinese,mandarin,中文", "cn tw hk sg", CHINESE),
    language("ko,kor,korean,한국어", "kr", "euc-kr"),
    language("eo,epo,esperanto", "", ESPERANTO),
    language("mt,mlt,maltese,malti", "mt", ESPERANTO),
    language("cy,cym,wel,welsh,cymraeg", "", WELSH),
    language("ga,gle,irish,gaeilge,gd,gla,gaelic", "ie", WELSH),
    language("se,sme,sami", "", "iso-8859-4 iso-8859-10"),
    language("da,dan,danish,dansk", "dk", NORDIC),
    language("no,nor,nb,nob,nn,nno,norwegian,norsk,bokmål,nynorsk", "no", NORDIC),
    language("sv,swe,swedish,svenska", "se", NORDIC),
    language("fi,fin,finnish,suomi", "fi", NORDIC),
    language("de,deu,ger,german,deutsch", "de at ch li", WESTERN),
    language("fr,fra,fre,french,français", "fr be ch ca", FRENCH),
    language("it,ita,italian,italiano", "it ch", WESTERN),
    language("es,spa,spanish,español,castellano", "es mx ar cl co pe", WESTERN),
    language("pt,por,portuguese,português", "pt br", PORTUGUESE),
    language("nl,nld,dut,dutch,nederlands", "nl be", WESTERN),
    language("ca,cat,catalan,català", "cat ad", WESTERN),
    language("gl,glg,galician", "", WESTERN),
    language("eu,eus,baq,basque", "", WESTERN),
    language("af,afr,afrikaans,fy,fry,frisian,lb,ltz,luxembourgish", "lu", WESTERN),
    language("en,eng,english,sco,scots", "uk us au nz ie", WESTERN),
    language("br,bre,breton,oc,oci,occitan,la,lat,latin", "", WESTERN),
];

impl Language {
    /// Returns the languages that a column, a field or a tag names: `hu`, `hun`, `hu-HU`, `Hungarian`,
    /// `hu; en`.
    pub(crate) fn named(words: &str) -> Vec<Self> {
        let words = words.to_lowercase();
        let names = words.split([';', ',', '/', '&', '|', '(', ')']).flat_map(|name| {
            let name = name.trim();
            // The whole name comes first: "tiếng việt" has a space.
            std::iter::once(name).chain(name.split(['-', '_', ' ']))
        });
        let known = |name| LANGUAGES.into_iter().find(|language| is_in(language.names, ',', name));
        let mut found: Vec<Self> = Vec::new();
        for language in names.filter_map(known) {
            if !found.contains(&language) {
                found.push(language);
            }
        }
        found
    }

    /// Returns the languages of the country in whose domain a host is.
    pub(crate) fn of_host(host: &str) -> Vec<Self> {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let Some((_, domain)) = host.rsplit_once('.') else { return Vec::new() };
        LANGUAGES.into_iter().filter(|language| is_in(language.domains, ' ', domain)).collect()
    }

    /// Returns whether the language is written in that encoding.
    pub(crate) fn is_written_in(&self, codec: Codec) -> bool {
        self.encodings.split(' ').any(|label| Codec::for_label(label) == Some(codec))
    }

    /// Returns the domain of a country where it is spoken.
    pub(crate) fn country(&self) -> Option<&'static str> {
        self.domains.split(' ').next().filter(|domain| !domain.is_empty())
    }
}

fn is_in(list: &str, separator: char, word: &str) -> bool {
    list.split(separator).any(|other| other == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(language: &Language) -> &'static str {
        language.names.split(',').next().unwrap()
    }

    fn first(words: &str) -> Option<&'static str> {
        Language::named(words).first().map(code)
    }

    #[test]
    fn languages_are_known_by_codes_names_and_tags() {
        for words in ["hu", "hun", "Hungarian", "HU", "hu-HU", "hu_HU", " magyar ", "hungarian (modern)"] {
            assert_eq!(first(words), Some("hu"), "{words}");
        }
        assert_eq!(first("Modern Greek"), Some("el"));
        assert_eq!(first("zh-Hant"), Some("zh"));
        assert_eq!(first("tlh"), None);
        let names: Vec<_> = Language::named("pl; cs, pl").iter().map(code).collect();
        assert_eq!(names, ["pl", "cs"]);
    }

    #[test]
    fn the_country_of_a_host_names_its_languages() {
        let of = |host| Language::of_host(host).iter().map(code).collect::<Vec<_>>();
        assert_eq!(of("konyvtar.example.hu"), ["hu"]);
        assert_eq!(of("www.example.CH."), ["de", "fr", "it"]);
        assert_eq!(of("www.example.org"), [""; 0]);
        assert_eq!(of("127.0.0.1"), [""; 0]);
        assert_eq!(of("hu"), [""; 0]);
    }

    #[test]
    fn every_encoding_of_a_language_is_one_and_every_name_is_of_one_language() {
        let mut names: Vec<&str> = Vec::new();
        for language in LANGUAGES {
            assert!(
                language.encodings.split(' ').all(|label| Codec::for_label(label).is_some()),
                "{language:?}"
            );
            names.extend(language.names.split(','));
        }
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }
}
