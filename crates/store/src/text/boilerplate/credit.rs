//! Recognises the credits of an e-text: paragraphs that have the form of a credit as a whole, not only in
//! their first words.
//!
//! A credit opens with what was done ("Produced by", "This etext was scanned by", "Special thanks to") or
//! names a team. Names, addresses and the usual words of credits follow. Prose that opens with the same words
//! ("Produced by the gods of the valley, the stone lay …") goes on with other words: more than one in
//! [`UNKNOWN_SHARE`] of its words is in lower case and is not in [`WORDS`].

/// The maximum number of opening words that are searched for what was done.
const OPENING_WORDS_MAX: usize = 14;
/// One word in this many may be unknown.
const UNKNOWN_SHARE: usize = 6;
/// The same for a credit that names a team. Team members sign with names such as "nodots".
const UNKNOWN_SHARE_IN_TEAM: usize = 3;

/// The openings of credits other than "Produced by" and the like, in lower case, separated by commas.
const OPENINGS: &str = "geproduceerd door ,producido por ,produzido por ,produit par ,prodotto da ,produceret af ,\
    produktion ,erstellt von ,credits: ,transcriber: ,scanner: ,proofreader: ,proofreaders: ";

/// The openings of thanks, in lower case, separated by commas. Thanks are a credit only if they mention an
/// e-text.
const THANKS: &str = "special thanks ,many thanks ,my thanks ,our thanks ,thanks also ,thanks are due ,thanks to ,\
    we thank ,we would like to thank ,i would like to thank ,with many thanks ,with special thanks ,\
    with thanks ";

/// The things that were made, which stand before the verb, and the small words among them.
const THINGS: &str = "a all an and ascii been book edition file following gutenberg gutenberg's has have image images is \
    kindly note: online original originally page pages project text the these this transcription utf-8 \
    version was were";

/// Things that only exist on computers. Anything done to them is a credit.
const ELECTRONIC: &str = "digital e-book e-text ebook ebooks electronic epub etext etexts html ocr";

/// The verbs for making an e-text of a book.
const DEEDS: &str = "converted digitised digitization digitized formatted keyed ocr ocr'd ocred post-processing \
    postprocessing prepared produced proof-read proofed proofing proofread proofreading re-formatted \
    reformatted scanned scanning transcribed typed typing";

/// Verbs for what is done to books, too. They count only for [`ELECTRONIC`] things, or beside one of
/// [`DEEDS`].
const OTHER_DEEDS: &str = "by compiled contributed corrected created donated edited encoded entered file formatting made markup \
    production provided released submitted transcription updated version";

/// The words that follow the verb.
const BY: &str = "as at by for from in into on thanks through to using with";

/// The usual words of credits, besides names.
const WORDS: &str = "a about above additional all also american an and anonymous any archive are art as ascii assistance \
    assisted at audio author authors available based be been blog board book books by canada \
    chapter chapters character checked checking collection collections comments compared compiled \
    computer contact contributed conversion converted copies copy corrected correction corrections \
    courtesy cover created credit credits da das de del den der des di did digital digitised \
    digitization digitized distributed do domain donated door downloaded du due e e-book e-mail e-text \
    e-texts each ebook ebooks ed edited edition editions editor eds el electronic email en encoded \
    encoding entered epub equipment errors et etext etexts extensive file files first flatbed for format \
    formats formatted formatting free from fulcrum further gedistribueerd generously go goes had has \
    have help her het his html i illustrations image images in index initial into is its keyed kindly \
    l'équipe la le les libraries library ligne like link links los made mail many mark-up markup \
    material materials members microfilm monks most no non-commercial note notes ocr ocr'd ocred of on \
    online op optical or original originally others our page page-images pages par part parts pdf pgdp \
    photographs plain por post-processed post-processing posted postprocessing prepared print printed \
    produced production professional project proof proof-read proofed proofing proofread proofreader \
    proofreaders proofreading provided public published re-formatted reader readers reading recognition \
    released relecture reproduced reviewed revised scan scanned scanner scanning scans second see seen \
    series several site software some source special spell-checked spell-checking submitted supplied \
    taken team text texts thank thanked thanks that the their these this to transcribed transcriber \
    transcribers transcription translator two typed typing typist und under university updated use used \
    using van various version versions via vol volume volumes volunteer volunteers von was we web \
    website were which who with work would y you zu";

/// Words that only credits of e-texts contain, separated by commas.
const PROOFS: &str = "etext,e-text,ebook,e-book,gutenberg,proofread,proof-read,pgdp,scann,html,transcri,digiti,\
    distributed proof,generously made available,internet archive,electronic";

/// Words of title pages, which have credits too, for example of a play that was produced or of letters that
/// were transcribed. Lines with one of these words are a credit only if they also have one of [`PROOFS`].
const OF_PRINT: &str = "cast comedy drama drury lyceum manuscript manuscripts museum opera play press society stage theater theatre \
    theatres tragedy";

/// The punctuation after a word of an opening.
const PUNCTUATION: &[char] = &[',', ':', ';', ')'];
/// The characters that may stand before a credit.
const OPENING_MARKS: &[char] = &['[', '(', '{', '*', '_', ' '];

/// Returns whether a paragraph of these lines is a credit.
pub(crate) fn is_credit<'a>(paragraph: impl Iterator<Item = &'a str>) -> bool {
    let text = paragraph.map(str::trim).collect::<Vec<_>>().join(" ");
    let text = after_opening_marks(&text);
    let lowered = text.to_lowercase();
    let begins = |openings: &str| openings.split(',').any(|opening| lowered.starts_with(opening));
    let opens = opens_with_deed(&lowered)
        || begins(OPENINGS)
        || (begins(THANKS) && mentions_etext(&lowered))
        || names_team(&lowered);
    opens && is_written_like_credits(text, &lowered) && !is_of_print(text, &lowered)
}

/// Returns a paragraph without the brackets, stars or tag at its beginning.
fn after_opening_marks(text: &str) -> &str {
    let text = text.trim_start_matches(OPENING_MARKS);
    // The longer tags go first, because all begin with the last.
    let tags = ["<i>", "<b>", "<p>", "<em>", "<"];
    tags.iter().find_map(|tag| text.strip_prefix(tag)).unwrap_or(text)
}

/// Returns a word without the punctuation around it.
fn core(word: &str) -> &str {
    word.trim_matches(|character: char| !character.is_alphanumeric())
}

/// Returns whether lines belong to a title page: they mention printing, a performance or the author, and no
/// e-text.
fn is_of_print(text: &str, lowered: &str) -> bool {
    let of_print = || lowered.split_whitespace().any(|word| is_in(OF_PRINT, core(word)));
    let who =
        text.split_once(" by ").and_then(|(_, who)| who.strip_prefix("the ")?.split_whitespace().next());
    let by_author = who.is_some_and(|who| {
        who.starts_with(char::is_lowercase)
            || is_in("author editor publisher translator", &core(who).to_lowercase())
    });
    // Letters and old books are transcribed, too, so this word is no sign of an e-text here.
    let of_etext = || mentions_etext(&lowered.replace("transcri", ""));
    let names_address = || ["@", "www.", "://"].iter().any(|part| lowered.contains(part));
    (by_author || of_print()) && !of_etext() && !names_address()
}

/// Returns whether a text opens like "Produced by", "This eBook was transcribed, and typed by", "HTML version
/// by" or "Proofreading: ".
fn opens_with_deed(lowered: &str) -> bool {
    let mut words = lowered.split_whitespace().take(OPENING_WORDS_MAX).peekable();
    // "This file was made by" is a credit like "This etext was made by". So is any verb in a paragraph with
    // an address.
    let mut electronic = lowered.starts_with("this file ") || lowered.contains('@');
    let mut deed = false;
    let mut other_deed = false;
    let definite =
        words.peek().is_some_and(|word| matches!(*word, "this" | "these" | "the" | "a" | "an" | "all"));
    while let Some(word) = words.next_if(|word| is_of_opening(word)) {
        let core = word.trim_end_matches(PUNCTUATION);
        electronic |= is_in(ELECTRONIC, core);
        deed |= is_in(DEEDS, core);
        other_deed |= is_in(OTHER_DEEDS, core);
        // "This book was produced by" is also said of printed books. So a definite thing must be electronic.
        let is_of_etext = (deed && !definite) || (electronic && (deed || other_deed));
        let mut is_followed = || words.peek().is_some_and(|next| is_in(BY, next.trim_end_matches(':')));
        if is_of_etext && (word.ends_with(':') || core == "by" || is_followed()) {
            return true;
        }
    }
    false
}

fn is_of_opening(word: &str) -> bool {
    let core = word.trim_end_matches(PUNCTUATION);
    matches!(word, "and" | "&" | "," | "/" | "then")
        || [THINGS, ELECTRONIC, DEEDS, OTHER_DEEDS].iter().any(|words| is_in(words, core))
}

/// Returns whether a word is in a list of words.
fn is_in(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|other| other == word)
}

/// Returns whether a text names Distributed Proofreaders of the United States, Europe or Canada.
fn names_team(lowered: &str) -> bool {
    let names = ["distributed proof", "gedistribueerd proof", "pgdp.net", "pgdpcanada.net"];
    names.iter().any(|name| lowered.contains(name))
}

fn mentions_etext(lowered: &str) -> bool {
    PROOFS.split(',').any(|proof| lowered.contains(proof))
}

/// Returns whether nearly all words are names, numbers, addresses or in [`WORDS`].
fn is_written_like_credits(text: &str, lowered: &str) -> bool {
    let in_capitals = !text.chars().any(char::is_lowercase);
    if in_capitals && names_team(lowered) {
        // In capitals, names cannot be distinguished from other words.
        return true;
    }
    let (mut words, mut unknown, mut has_name) = (0, 0, false);
    for word in text.split_whitespace() {
        let core = core(word);
        let is_address =
            word.contains(['@', '/']) || word.contains("www.") || core.chars().any(|c| c.is_ascii_digit());
        has_name |= is_address;
        if core.is_empty() || is_address {
            continue;
        }
        // Addresses and numbers are no words.
        words += 1;
        let is_name = !in_capitals && core.chars().any(char::is_uppercase);
        // The first word has a capital in every sentence, so it is no sign of a name.
        has_name |= is_name && words > 1;
        unknown += usize::from(!is_name && !is_in(WORDS, &core.to_lowercase()));
    }
    let share = if names_team(lowered) { UNKNOWN_SHARE_IN_TEAM } else { UNKNOWN_SHARE };
    (has_name || mentions_etext(lowered)) && unknown * share <= words
}

#[cfg(test)]
mod tests;
