//! Who made an e-text: paragraphs that have the form of a credit, not only its first words.
//!
//! A credit opens with what was done ("Produced by", "This etext was scanned by", "Special thanks to") or is the
//! name of a team; what follows is names, addresses and the words in which credits are written. Prose that opens with
//! the same words ("Produced by the gods of the valley, the stone lay …") goes on with others: more than one in
//! [`STRANGE_SHARE`] of its words is written small and is not in [`WORDS`].

/// How many words are looked at for what was done.
const OPENING_WORDS_MAX: usize = 14;
/// One word in so many may be strange.
const STRANGE_SHARE: usize = 6;

/// What credits open with beside "Produced by" and its like, in lower case.
const OPENINGS: &[&str] = &[
    "geproduceerd door ",
    "producido por ",
    "produzido por ",
    "produit par ",
    "prodotto da ",
    "produceret af ",
    "produktion ",
    "erstellt von ",
    "credits: ",
    "transcriber: ",
    "scanner: ",
    "proofreader: ",
    "proofreaders: ",
];

/// How thanks open. They must speak of an e-text too.
const THANKS: &[&str] = &[
    "special thanks ",
    "many thanks ",
    "with thanks ",
    "our thanks ",
    "thanks to ",
    "thanks are due ",
    "with special thanks ",
];

/// What is said to have been made, before the verb; and the small words before it.
const THINGS: &str = "text file version edition project gutenberg gutenberg's book ascii transcription utf-8 the this these a \
    an was were is has have been originally kindly online image images page pages all and original note:";

/// Things that only exist on computers: what was done to them is a credit, whatever it was.
const ELECTRONIC: &str = "etext e-text etexts ebook e-book ebooks html electronic digital epub ocr";

/// What is done to make an e-text of a book.
const DEEDS: &str = "produced prepared transcribed scanned typed proofed proofread proof-read digitized digitised converted \
    keyed ocr'd ocred proofreading proofing scanning typing digitization";

/// What is done to a book too: a deed only of [`ELECTRONIC`] things, or beside one of [`DEEDS`].
const OTHER_DEEDS: &str = "created entered edited compiled contributed formatted corrected submitted provided version transcription \
    formatting production markup encoded made updated released donated by file";

/// What follows the deed.
const BY: &str = "by from for in at with on to through using thanks as into";

/// Words that credits are written in, beside names.
const WORDS: &str = "a about above additional all also american an and anonymous any archive are art as ascii assistance \
    assisted at audio available based be been blog board book books by canada chapter chapters character \
    collection collections comments compared compiled computer contact contributed conversion converted \
    copies copy corrected correction corrections courtesy cover created credit credits da das de del den der \
    des di did digital digitised digitization digitized distributed do domain donated door downloaded du due \
    e e-book e-mail e-text e-texts each ebook ebooks edited edition editions editor el electronic email en \
    encoded encoding entered epub equipment errors et etext etexts extensive file files first for format \
    formats formatted formatting free from further generously had has have help her his html i illustrations \
    image images in index initial into is its keyed kindly la le les libraries library link links los made \
    mail many mark-up markup material materials members microfilm monks most no note notes of ocr ocr'd \
    ocred on online or original originally others our page pages par part parts pdf pgdp plain por \
    post-processed post-processing posted postprocessing prepared print printed produced production project \
    proof-read proofed proofing proofread proofreader proofreaders proofreading provided public published \
    re-formatted readers reader released revised scan scanned scanner scanning scans second see seen series \
    several site software some source special submitted supplied taken team text texts thank thanks that the \
    their these this to transcribed transcriber transcribers transcription two typed typing typist und under \
    university updated use used using van various version versions via vol volume volumes volunteer \
    volunteers von was we web website were which who with work y you zu available. author authors translator \
    fulcrum go goes checked checking optical recognition professional flatbed non-commercial made. ed eds \
    proof reading reviewed spell-checked spell-checking reproduced photographs";

/// Words that only credits of e-texts have.
const PROOFS: &[&str] = &[
    "etext",
    "e-text",
    "ebook",
    "e-book",
    "gutenberg",
    "proofread",
    "proof-read",
    "pgdp",
    "scann",
    "html",
    "transcri",
    "digiti",
    "distributed",
    "ocr",
    "electronic",
];

/// Whether a paragraph, of these lines, is a credit.
pub(crate) fn is_credit<'a>(paragraph: impl Iterator<Item = &'a str>) -> bool {
    let text = paragraph.map(str::trim).collect::<Vec<_>>().join(" ");
    let text = text.trim_start_matches(['[', '(', '*', '_', '<', ' ']);
    let lowered = text.to_lowercase();
    let opens = opens_with_deed(&lowered)
        || OPENINGS.iter().any(|opening| lowered.starts_with(opening))
        || (THANKS.iter().any(|opening| lowered.starts_with(opening)) && is_of_etext(&lowered))
        || names_team(&lowered);
    opens && is_written_like_credits(text)
}

/// "Produced by", "This eBook was transcribed, and typed by", "HTML version by", "Proofreading: ".
fn opens_with_deed(lowered: &str) -> bool {
    let mut words = lowered.split_whitespace().take(OPENING_WORDS_MAX).peekable();
    let mut electronic = false;
    let mut deed = false;
    let mut other_deed = false;
    let definite =
        words.peek().is_some_and(|word| matches!(*word, "this" | "these" | "the" | "a" | "an" | "all"));
    while let Some(word) = words.next_if(|word| is_of_opening(word)) {
        let core = word.trim_end_matches([',', ':', ';', ')']);
        electronic |= is_in(ELECTRONIC, core);
        deed |= is_in(DEEDS, core);
        other_deed |= is_in(OTHER_DEEDS, core);
        let named = (deed && !definite) || (electronic && (deed || other_deed));
        if named
            && (word.ends_with(':')
                || core == "by"
                || words.peek().is_some_and(|next| is_in(BY, next.trim_end_matches(':'))))
        {
            return true;
        }
    }
    false
}

fn is_of_opening(word: &str) -> bool {
    let core = word.trim_end_matches([',', ':', ';', ')']);
    is_joint(word) || [THINGS, ELECTRONIC, DEEDS, OTHER_DEEDS].iter().any(|words| is_in(words, core))
}

/// Whether a word is in a list of words.
fn is_in(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|other| other == word)
}

fn is_joint(word: &str) -> bool {
    matches!(word, "and" | "&" | "," | "/" | "then")
}

/// The team of Distributed Proofreaders, of the United States, Europe or Canada.
fn names_team(lowered: &str) -> bool {
    lowered.contains("online distributed proofread")
        || lowered.contains("pg distributed proofread")
        || lowered.contains("pgdp.net")
        || lowered.contains("pgdpcanada.net")
}

fn is_of_etext(lowered: &str) -> bool {
    PROOFS.iter().any(|proof| lowered.contains(proof))
}

/// Whether all but few words are names, numbers, addresses or in [`WORDS`].
fn is_written_like_credits(text: &str) -> bool {
    let in_capitals = !text.chars().any(char::is_lowercase);
    let (mut words, mut strange, mut has_name) = (0, 0, false);
    for word in text.split_whitespace() {
        let core = word.trim_matches(|character: char| !character.is_alphanumeric());
        let is_address =
            word.contains(['@', '/']) || word.contains("www.") || core.chars().any(|c| c.is_ascii_digit());
        has_name |= is_address;
        if core.is_empty() || is_address {
            continue;
        }
        words += 1;
        let is_name = !in_capitals && core.chars().any(char::is_uppercase);
        has_name |= is_name && words > 1;
        let known = is_name || is_in(WORDS, core.to_lowercase().as_str());
        strange += usize::from(!known);
    }
    (has_name || is_of_etext(&text.to_lowercase())) && strange * STRANGE_SHARE <= words
}

#[cfg(test)]
mod tests;
