//! What is done with a text.

use std::{ffi::OsString, num::NonZeroUsize, sync::Arc};

use process::{
    options::{Options, Sentences},
    tokens::{
        preprocess::{Italics, Letters, Quotes},
        stop_words::StopWords,
        tokenization::Tokenization,
        tokenizer::Case,
    },
};

use super::{
    error::SettingsError,
    layers::{Layers, wrong},
    resolved::on,
    table::Setting,
};

/// Most tokens that are counted as one.
const NGRAMS_MAX: usize = 16;

/// The options of the built-in processor; the list of stop words is read.
pub(super) fn resolve(
    from: &mut Layers<'_, impl Fn(&str) -> Option<OsString>>,
) -> Result<Options, SettingsError> {
    let tokenization = Tokenization {
        tokenizer: from.one("tokenizer")?,
        case: if on(from, "keep-case")? { Case::Kept } else { Case::Lower },
        italics: if on(from, "strip-italics")? { Italics::Stripped } else { Italics::Kept },
        quotes: if on(from, "fold-quotes")? { Quotes::Folded } else { Quotes::Kept },
        letters: if on(from, "ascii")? { Letters::Ascii } else { Letters::All },
    };
    Ok(Options {
        numbers: from.one("numbers")?,
        min_length: from.within("min-length", 1..=1000)?,
        stop_words: stop_words(from, &tokenization)?,
        ngrams: NonZeroUsize::new(from.within("ngrams", 1..=NGRAMS_MAX)?),
        sentences: if on(from, "sentences")? { Sentences::Counted } else { Sentences::Uncounted },
        measures: from.one("measures")?,
        tokenization,
    })
}

fn stop_words(
    from: &mut Layers<'_, impl Fn(&str) -> Option<OsString>>,
    tokenization: &Tokenization,
) -> Result<Option<Arc<StopWords>>, SettingsError> {
    let Some(name) = from.optional::<String>("stop-words")? else { return Ok(None) };
    match StopWords::of(&name, tokenization) {
        Ok(words) => Ok(Some(Arc::new(words))),
        Err(error) => {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            let origin = from.origin("stop-words");
            Err(wrong(Setting::named("stop-words"), name.as_ref(), &origin, format!("{error}{cause}")))
        }
    }
}
