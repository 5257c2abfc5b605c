//! One text in each of many encodings, through the whole stage: labelled, unlabelled, mislabelled.
#![expect(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::{collections::HashMap, io::Read, sync::Arc};

use corpus::meta::{Confidence, Meta};
use encoding_rs::Encoding;
use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    payload::{Fetched, Listed, StoreJob},
    stage::{Attempt, Stage},
    testing::memory_blobs::MemoryBlobs,
};
use store::stage::Store;

const FRENCH: &str = "Dès l'été, à la fenêtre, le garçon rêvait d'être là où naît la forêt. Ça déçoit, dit-il, mais j'ai \
    reçu une lettre de ma sœur : « Viens vite, écrivait-elle, le château est à nous, et la mère Noël apprête déjà le \
    dîner. » Il se leva, prit sa valise et partit sans même fermer la porte derrière lui.\n";
const GERMAN: &str = "Über den Wäldern lag früh am Morgen ein grauer Nebel, und die Vögel schwiegen. Der müde Schäfer \
    öffnete die Tür, grüßte seine Nachbarin und führte die Schafe hinaus auf die große Wiese. Was für ein schöner Tag, \
    dachte er, während er die Mütze tiefer zog und langsam über die Brücke ging.\n";
const POLISH: &str = "Pewnego dnia, gdy śnieg leżał jeszcze na dachach, mała dziewczynka wyszła z domu, żeby poszukać \
    swojego psa. Szła długo przez las, aż usłyszała ciche szczekanie. Pies siedział pod dębem i czekał na nią, \
    cały przemoczony, ale szczęśliwy. Wrócili razem, a matka ugotowała im gorącą zupę.\n";
const CZECH: &str = "Jednoho dne, když ještě ležel sníh na střechách, vyšla malá dívka z domu, aby našla svého psa. Šla \
    dlouho lesem, až uslyšela tiché štěkání. Pes seděl pod dubem a čekal na ni, celý promočený, ale šťastný. Vrátili \
    se spolu domů a matka jim uvařila horkou polévku. Příští ráno bylo všechno jako dřív.\n";
const HUNGARIAN: &str = "Az öreg révész a folyó partján ült, és számolta a hajnalban érkező csónakokat. A kertből őszi füst \
    szállt, a tűz lassan kihűlt. Kinn sűrű köd feküdt a mezőkön, és egy szőke, ősz szakállú férfi hegedűt vett elő.\n";
const RUSSIAN: &str = "Однажды утром, когда снег ещё лежал на крышах, маленькая девочка вышла из дома, чтобы найти свою \
    собаку. Она долго шла через лес, пока не услышала тихий лай. Собака сидела под дубом и ждала её, вся мокрая, но \
    счастливая. Они вернулись вместе, и мать сварила им горячий суп.\n";
const UKRAINIAN: &str = "Одного ранку, коли сніг ще лежав на дахах, маленька дівчинка вийшла з дому, щоб знайти свого \
    собаку. Вона довго йшла лісом, аж поки не почула тихий гавкіт. Собака сидів під дубом і чекав на неї, увесь \
    мокрий, але щасливий. Вони повернулися разом, і мати зварила їм гарячий суп. Її ім'я було Їлена.\n";
const GREEK: &str = "Ένα πρωί, όταν το χιόνι ήταν ακόμη στις στέγες, ένα μικρό κορίτσι βγήκε από το σπίτι για να βρει τον \
    σκύλο της. Περπάτησε πολλή ώρα μέσα στο δάσος, ώσπου άκουσε ένα σιγανό γάβγισμα. Ο σκύλος καθόταν κάτω από μια \
    βελανιδιά και την περίμενε, βρεγμένος αλλά ευτυχισμένος. Γύρισαν μαζί στο σπίτι.\n";
const TURKISH: &str = "Bir sabah, kar hâlâ çatıların üzerindeyken, küçük bir kız köpeğini bulmak için evden çıktı. Uzun süre \
    ormanda yürüdü, sonunda alçak bir havlama duydu. Köpek bir meşe ağacının altında oturmuş onu bekliyordu, sırılsıklam \
    ama mutluydu. Birlikte eve döndüler ve annesi onlara sıcak çorba pişirdi. Işıklar söndü.\n";
const HEBREW: &str = "בוקר אחד, כשהשלג עוד היה על הגגות, יצאה ילדה קטנה מן הבית כדי לחפש את הכלב שלה. היא הלכה זמן רב ביער, \
    עד ששמעה נביחה חלשה. הכלב ישב מתחת לעץ אלון וחיכה לה, רטוב כולו אבל שמח. הם חזרו יחד הביתה, והאם בישלה להם מרק חם. \
    למחרת בבוקר היה הכול כמו קודם, והשמש זרחה על השדות.\n";
const ARABIC: &str = "في صباح أحد الأيام، عندما كان الثلج لا يزال على السطوح، خرجت فتاة صغيرة من البيت لتبحث عن كلبها. مشت \
    طويلا في الغابة حتى سمعت نباحا خافتا. كان الكلب جالسا تحت شجرة بلوط ينتظرها، مبللا كله لكنه سعيد. عادا معا إلى البيت، \
    وطبخت لهما الأم حساء ساخنا. وفي اليوم التالي كان كل شيء كما كان.\n";
const LITHUANIAN: &str = "Vieną rytą, kai sniegas dar gulėjo ant stogų, maža mergaitė išėjo iš namų ieškoti savo šuns. Ji ilgai \
    ėjo per mišką, kol išgirdo tylų lojimą. Šuo sėdėjo po ąžuolu ir laukė jos, visas šlapias, bet laimingas. Jie kartu \
    grįžo namo, o motina išvirė jiems karštos sriubos. Kitą dieną viskas buvo kaip anksčiau, žmonės džiaugėsi.\n";
const VIETNAMESE: &str = "Mo\u{302}\u{323}t buô\u{309}i sáng, khi tuyêt co\u{300}n trên mái nha\u{300}, mô\u{323}t cô be\u{301} \
    ra kho\u{309}i nha\u{300} đê\u{309} ti\u{300}m con cho\u{301} cu\u{309}a mi\u{300}nh. Cô đi râ\u{301}t lâu trong rư\u{300}ng, cho \
    đê\u{301}n khi nghe tiê\u{301}ng su\u{309}a nho\u{309}. Con cho\u{301} ngô\u{300}i dươ\u{301}i gô\u{301}c cây va\u{300} chơ\u{300} cô.\n";
const THAI: &str = "เช้าวันหนึ่ง เมื่อหิมะยังอยู่บนหลังคา เด็กหญิงตัวเล็กคนหนึ่งออกจากบ้านเพื่อตามหาสุนัขของเธอ เธอเดินผ่านป่าเป็นเวลานาน \
    จนกระทั่งได้ยินเสียงเห่าเบา ๆ สุนัขนั่งรออยู่ใต้ต้นไม้ใหญ่ เปียกไปทั้งตัวแต่มีความสุข ทั้งสองกลับบ้านด้วยกัน และแม่ก็ทำซุปร้อนให้กิน\n";
const CHINESE: &str = "一天早晨，屋顶上还有积雪，一个小女孩走出家门去找她的狗。她在树林里走了很久，直到听见轻轻的叫声。狗坐在一棵橡树下等着她，\
    浑身湿透了，但是很高兴。他们一起回了家，母亲给他们煮了热汤。第二天早上，一切又和从前一样，太阳照在田野上，孩子们在路边玩耍，老人们坐在门前说话。\
    谁也没有问起那条狗的事情，只有小女孩知道它去了哪里，又看见了什么。她把这件事写在一本小小的书里，放在枕头下面，每天晚上都要读一遍，然后才安心地睡着。\n";
const TAIWANESE: &str = "一天早晨，屋頂上還有積雪，一個小女孩走出家門去找她的狗。她在樹林裡走了很久，直到聽見輕輕的叫聲。狗坐在一棵橡樹下等著她，\
    渾身濕透了，但是很高興。他們一起回了家，母親給他們煮了熱湯。第二天早上，一切又和從前一樣，太陽照在田野上，孩子們在路邊玩耍，老人們坐在門前說話。\
    誰也沒有問起那條狗的事情，只有小女孩知道牠去了哪裡，又看見了什麼。她把這件事寫在一本小小的書裡，放在枕頭下面，每天晚上都要讀一遍，然後才安心地睡著。\n";
const JAPANESE: &str = "ある朝、屋根にまだ雪が残っているころ、小さな女の子が犬を探しに家を出ました。森の中を長いあいだ歩いて、ようやく小さな鳴き声を\
    聞きました。犬は樫の木の下にすわって、ずぶぬれになりながらも、うれしそうに待っていました。ふたりはいっしょに家へ帰り、母は温かいスープを作ってくれました。\
    次の朝には、すべてがもとのとおりになっていて、太陽が畑を照らし、子どもたちは道ばたで遊んでいました。だれも犬のことをたずねませんでした。\n";
const KOREAN: &str = "어느 날 아침, 지붕 위에 아직 눈이 남아 있을 때, 작은 소녀가 개를 찾으러 집을 나섰습니다. 소녀는 오랫동안 숲 속을 걸었고, 마침내 \
    작게 짖는 소리를 들었습니다. 개는 참나무 아래에 앉아 온몸이 젖은 채로 기쁘게 소녀를 기다리고 있었습니다. 둘은 함께 집으로 돌아왔고, 어머니는 \
    따뜻한 국을 끓여 주었습니다. 다음 날 아침에는 모든 것이 예전과 같았습니다. 아무도 개에 대해서 묻지 않았습니다.\n";

/// A label, and a text that can be written in that encoding.
const TABLE: [(&str, &str); 59] = [
    ("utf-8", FRENCH),
    ("utf-16le", RUSSIAN),
    ("utf-16be", GREEK),
    ("utf-16le", CHINESE),
    ("utf-16be", CHINESE),
    ("utf-16le", TAIWANESE),
    ("utf-16be", JAPANESE),
    ("utf-16le", KOREAN),
    ("utf-16be", KOREAN),
    ("utf-32le", JAPANESE),
    ("utf-32be", POLISH),
    ("windows-1250", POLISH),
    ("windows-1251", RUSSIAN),
    ("windows-1252", FRENCH),
    ("windows-1253", GREEK),
    ("windows-1254", TURKISH),
    ("windows-1255", HEBREW),
    ("windows-1256", ARABIC),
    ("windows-1257", LITHUANIAN),
    ("windows-1258", VIETNAMESE),
    ("windows-874", THAI),
    ("iso-8859-1", GERMAN),
    ("iso-8859-2", CZECH),
    ("iso-8859-4", LITHUANIAN),
    ("iso-8859-5", RUSSIAN),
    ("iso-8859-6", ARABIC),
    ("iso-8859-7", GREEK),
    ("iso-8859-8", HEBREW),
    ("iso-8859-9", TURKISH),
    ("iso-8859-13", LITHUANIAN),
    ("iso-8859-15", FRENCH),
    ("koi8-r", RUSSIAN),
    ("koi8-u", UKRAINIAN),
    ("ibm866", RUSSIAN),
    ("gbk", CHINESE),
    ("gb18030", CHINESE),
    ("big5", TAIWANESE),
    ("shift_jis", JAPANESE),
    ("euc-jp", JAPANESE),
    ("iso-2022-jp", JAPANESE),
    ("windows-1250", HUNGARIAN),
    ("iso-8859-2", HUNGARIAN),
    ("cp437", GERMAN),
    ("cp850", FRENCH),
    ("cp852", HUNGARIAN),
    ("cp852", POLISH),
    ("cp855", RUSSIAN),
    ("cp737", GREEK),
    ("cp775", LITHUANIAN),
    ("cp857", TURKISH),
    ("cp862", HEBREW),
    ("cp865", GERMAN),
    ("macintosh", FRENCH),
    ("x-mac-cyrillic", RUSSIAN),
    ("x-mac-ce", CZECH),
    ("x-mac-ce", HUNGARIAN),
    ("x-mac-greek", GREEK),
    ("x-mac-turkish", TURKISH),
    ("euc-kr", KOREAN),
];

/// Returns the text as it can be written in that encoding, and its bytes.
fn encoded(label: &str, text: &str) -> (String, Vec<u8>) {
    let units = |bytes: fn(u32) -> [u8; 4]| text.chars().flat_map(|letter| bytes(letter.into())).collect();
    let bytes = match label {
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        "utf-32le" => units(u32::to_le_bytes),
        "utf-32be" => units(u32::to_be_bytes),
        label if let Some(table) = page_table(label) => {
            let page = |byte: u8| (chardet::codecs::decode_byte(table, byte), byte);
            let bytes: HashMap<_, _> = (0..=255).map(page).collect();
            let known = |letter: &char| bytes.contains_key(&Some(*letter));
            let text: String = text.chars().filter(known).collect();
            let bytes = text.chars().map(|letter| bytes[&Some(letter)]).collect();
            return (text, bytes);
        }
        label => {
            let encoding = Encoding::for_label(label.as_bytes()).unwrap();
            // What it has no letter for is left out: the French of the other Latin sets knows no guillemets.
            let mut text = text.to_owned();
            text.retain(|letter| !encoding.encode(letter.encode_utf8(&mut [0; 4])).2);
            let (bytes, _, has_failed) = encoding.encode(&text);
            assert!(!has_failed, "{label}");
            return (text.clone(), bytes.into_owned());
        }
    };
    (text.to_owned(), bytes)
}

/// Returns the table name of a code page that the WHATWG Encoding Standard leaves out.
fn page_table(label: &str) -> Option<&str> {
    match label {
        "x-mac-ce" => Some("mac-latin2"),
        "x-mac-greek" => Some("mac-greek"),
        "x-mac-turkish" => Some("mac-turkish"),
        label => label.strip_prefix("cp").map(|_| label),
    }
}

/// The labels of a text outside of it.
#[derive(Default, Clone, Copy)]
struct Labels<'a> {
    listed: Option<&'a str>,
    http: Option<&'a str>,
    /// The name of a column, and its cell.
    column: Option<(&'a str, &'a str)>,
    host: Option<&'a str>,
}

/// Returns the text and meta of these bytes, or `None` if the stage refuses them.
async fn stored(bytes: &[u8], labels: Labels<'_>) -> Option<(String, Meta)> {
    let blobs = MemoryBlobs::default();
    let name = |kind| BlobName::new(kind, "x".parse().unwrap());
    blobs.put(name(BlobKind::Spool), bytes);
    let blobs: Arc<dyn BlobStore> = Arc::new(blobs);
    let job = StoreJob {
        document: "x".parse().unwrap(),
        fetched: Fetched {
            url: format!("https://{}/x", labels.host.unwrap_or("a.example")),
            final_url: "https://a.example/x".to_owned(),
            status: Some(200),
            at_ms: 0,
            took_ms: 0,
            attempts: 1,
            bytes: bytes.len() as u64,
            blake3: blake3::hash(bytes).to_hex().to_string(),
            content_type: None,
            charset: labels.http.map(str::to_owned),
            etag: None,
            last_modified: None,
        },
        listed: Listed {
            encoding: labels.listed.map(str::to_owned),
            columns: labels
                .column
                .map(|(name, cell)| (name.to_owned(), cell.to_owned()))
                .into_iter()
                .collect(),
            ..Listed::default()
        },
        known: Default::default(),
        lost: 0,
    };
    let stage = Store::new(Arc::clone(&blobs), Arc::default());
    stage.run(job, Attempt { number: 1, failures: 0 }).await.into_result().ok()?;
    let read = |kind| {
        let mut read = Vec::new();
        blobs.open(&name(kind)).unwrap().read_to_end(&mut read).unwrap();
        read
    };
    let text = String::from_utf8(read(BlobKind::Text)).unwrap();
    Some((text, serde_json::from_slice(&read(BlobKind::Meta)).unwrap()))
}

#[tokio::test]
async fn a_text_with_its_label_is_read_right_wherever_the_label_stands() {
    for (label, text) in TABLE {
        let (expected, bytes) = encoded(label, text);
        let given = Labels { listed: Some(label), ..Labels::default() };
        let (text, meta) = stored(&bytes, given).await.unwrap();
        assert_eq!(text, expected, "{label}, as listed");
        assert_eq!(meta.encoding.confidence, Some(Confidence::Given));
        let (text, meta) = stored(&bytes, Labels { http: Some(label), ..Labels::default() }).await.unwrap();
        assert_eq!(text, expected, "{label}, by HTTP: {:?}", meta.encoding);

        let said = format!("Character set encoding: {label}\n\n{expected}");
        let (expected, bytes) = encoded(label, &said);
        let (text, meta) = stored(&bytes, Labels::default()).await.unwrap();
        assert_eq!(text, expected, "{label}, by the text itself: {:?}", meta.encoding);
    }
}

#[tokio::test]
async fn a_text_without_a_label_is_read_right_or_flagged() {
    let (mut right, mut wrong) = (0, Vec::new());
    for (label, text) in TABLE {
        let (expected, bytes) = encoded(label, text);
        assert!(expected.chars().count() >= 200, "{label}");
        match stored(&bytes, Labels::default()).await {
            Some((text, _)) if text == expected => right += 1,
            None => wrong.push((label, None)),
            Some((_, meta)) => wrong.push((label, Some(meta.encoding))),
        }
    }
    let unflagged: Vec<_> = wrong
        .iter()
        .filter_map(|(label, encoding)| Some((label, encoding.as_ref()?)))
        .filter(|(_, encoding)| encoding.confidence != Some(Confidence::Doubtful))
        .collect();
    assert!(unflagged.is_empty(), "{unflagged:#?}");
    assert!(right * 100 >= 95 * TABLE.len(), "{right} of {}: {wrong:#?}", TABLE.len());
}

#[tokio::test]
async fn a_text_with_a_wrong_label_is_read_right_or_flagged() {
    let mut unflagged = Vec::new();
    for (label, text) in TABLE {
        let (expected, bytes) = encoded(label, text);
        for wrong in ["utf-8", "utf-16", "windows-1252", "windows-1251", "shift_jis", "gb18030", "utf-9"] {
            if wrong == label {
                continue;
            }
            let http = Labels { http: Some(wrong), ..Labels::default() };
            if let Some((text, meta)) = stored(&bytes, http).await
                && text != expected
                && meta.encoding.confidence != Some(Confidence::Doubtful)
            {
                unflagged.push((label, wrong, meta.encoding));
            }
        }
    }
    assert!(unflagged.is_empty(), "{unflagged:#?}");
}

/// The encodings with several bytes per character.
const MULTI_BYTE: [(&str, &str); 6] = [
    ("shift_jis", JAPANESE),
    ("euc-jp", JAPANESE),
    ("gb18030", CHINESE),
    ("big5", TAIWANESE),
    ("euc-kr", KOREAN),
    ("iso-2022-jp", JAPANESE),
];

/// Stores texts longer than the sample of 64 KiB, and longer than the 1 MiB that is held in memory.
#[tokio::test]
async fn no_border_of_a_sample_or_a_window_changes_what_a_long_text_is() {
    for (label, text) in MULTI_BYTE {
        for (length, paddings) in [(70_000, 0..3), (1_100_000, 1..2)] {
            for padding in paddings {
                let repeated = text.repeat(length / text.len() * 2);
                let (expected, bytes) = encoded(label, &format!("{}{repeated}", "a".repeat(padding)));
                assert!(bytes.len() > length, "{label}: {}", bytes.len());
                let (text, meta) = stored(&bytes, Labels::default()).await.unwrap();
                assert!(text == expected, "{label} {length} {padding}: {:?}", meta.encoding);
                assert_ne!(
                    meta.encoding.confidence,
                    Some(Confidence::Doubtful),
                    "{label} {length} {padding}"
                );
                let (text, meta) =
                    stored(&bytes, Labels { http: Some(label), ..Labels::default() }).await.unwrap();
                assert!(text == expected, "{label} {length} {padding}, by HTTP: {:?}", meta.encoding);
                assert_ne!(meta.encoding.confidence, Some(Confidence::Doubtful), "{label}, by HTTP");
            }
        }
    }
}

#[tokio::test]
async fn a_text_without_line_ends_is_read_right() {
    for (label, text) in MULTI_BYTE {
        let (expected, bytes) = encoded(label, &format!("a{}", text.replace(['\n', ' '], "").repeat(200)));
        let (text, meta) = stored(&bytes, Labels::default()).await.unwrap();
        assert!(text == expected, "{label}: {:?}", meta.encoding);
    }
}

#[tokio::test]
async fn escapes_are_found_wherever_they_stand() {
    let ascii = "plain text\r\n".repeat(300 * 1024 / 12);
    for (late, expected, used) in [
        (&b"\x1B$B8cGZ$OG-$G$\"$k\x1B(B\r\n"[..], "吾輩は猫である\n", "ISO-2022-JP"),
        (b"~{<:Ky2;S{#,NpJ)l6HK!#~}\r\n", "己所不欲，勿施於人。\n", "HZ-GB-2312"),
        (b"\x1B$)C\x0EGQ1[\x0F\r\n", "한글\n", "ISO-2022-KR"),
    ] {
        let (text, meta) = stored(&[ascii.as_bytes(), late].concat(), Labels::default()).await.unwrap();
        assert!(text.ends_with(&format!("plain text\n{expected}")), "{used}: {:?}", &text[text.len() - 40..]);
        assert_eq!((meta.encoding.used.as_str(), meta.encoding.confidence), (used, Some(Confidence::Proven)));
    }
    let unknown = b"\x1B$(D0!\x1B(B plain\n";
    let (_, meta) = stored(&unknown[..], Labels::default()).await.unwrap();
    assert_eq!(meta.encoding.confidence, Some(Confidence::Doubtful), "{:?}", meta.encoding);
    let (text, meta) = stored(b"\x1B[1mbold\x1B[0m, see~{\\ref{fig}}\n", Labels::default()).await.unwrap();
    assert_eq!(
        (text.as_str(), meta.encoding.used.as_str()),
        ("\x1B[1mbold\x1B[0m, see~{\\ref{fig}}\n", "UTF-8")
    );
}

#[tokio::test]
async fn a_stray_bad_byte_does_not_change_what_a_text_is() {
    let (expected, mut bytes) = encoded("shift_jis", &JAPANESE.repeat(20));
    bytes.extend(b"\xFD\n");
    let (text, meta) = stored(&bytes, Labels::default()).await.unwrap();
    assert_eq!(
        (text, meta.encoding.replacements),
        (format!("{expected}\u{FFFD}\n"), 1),
        "{:?}",
        meta.encoding
    );
    assert_eq!(meta.encoding.confidence, Some(Confidence::Doubtful));
}

#[tokio::test]
async fn a_label_is_believed_only_if_the_whole_text_decodes() {
    let (japanese, bytes) = encoded("shift_jis", &JAPANESE.repeat(400));
    for wrong in ["euc-jp", "euc-kr", "big5", "iso-8859-1", "iso-2022-jp", "cp869"] {
        let (text, meta) = stored(&bytes, Labels { http: Some(wrong), ..Labels::default() }).await.unwrap();
        assert!(text == japanese, "{wrong}: {:?}", meta.encoding);
    }
}

#[tokio::test]
async fn hungarian_is_read_right_with_a_hint_from_anywhere() {
    let [column, short, capital] = ["language", "lang", "Language"]
        .map(|name| Labels { column: Some((name, "hu")), ..Labels::default() });
    let host = Labels { host: Some("konyvtar.example.hu"), ..Labels::default() };
    let header = format!("Title: A\nLanguage: Hungarian\n\n{HUNGARIAN}");
    for label in ["iso-8859-2", "windows-1250", "cp852", "x-mac-ce"] {
        let columns = [column, short, capital, host].map(|labels| (HUNGARIAN, labels));
        for (text, labels) in columns.into_iter().chain([(&*header, Labels::default())]) {
            let (expected, bytes) = encoded(label, text);
            let (text, meta) = stored(&bytes, labels).await.unwrap();
            assert_eq!(text, expected, "{label}: {:?}", meta.encoding);
            assert_ne!(meta.encoding.confidence, Some(Confidence::Doubtful), "{label}");
        }
    }
}

#[tokio::test]
async fn a_hint_that_does_not_fit_is_passed_over() {
    for (label, text) in [("windows-1251", RUSSIAN), ("shift_jis", JAPANESE), ("windows-1253", GREEK)] {
        let (expected, bytes) = encoded(label, text);
        for language in ["hu", "English", "fr"] {
            let wrong = Labels { column: Some(("language", language)), ..Labels::default() };
            assert_eq!(stored(&bytes, wrong).await.unwrap().0, expected, "{label}, {language}");
        }
    }
}
