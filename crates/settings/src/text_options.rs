//! The options of the built-in processor.

use std::{num::NonZeroUsize, sync::Arc};

use process::{
    options::{Options, Sentences},
    tokens::{
        preprocess::{Italics, Letters, Quotes},
        stop_words::StopWords,
        tokenization::Tokenization,
        tokenizer::Case,
    },
};

use super::{error::SettingsError, layers::Layers};

/// The maximum number of tokens in an n-gram.
const NGRAMS_MAX: usize = 16;

/// Returns the options. Reads the list of stop words.
pub(super) fn resolve(from: &mut Layers<'_>) -> Result<Options, SettingsError> {
    let tokenization = Tokenization {
        tokenizer: from.one("tokenizer")?,
        case: if from.is_on("keep-case")? { Case::Kept } else { Case::Lower },
        italics: if from.is_on("strip-italics")? { Italics::Stripped } else { Italics::Kept },
        quotes: if from.is_on("fold-quotes")? { Quotes::Folded } else { Quotes::Kept },
        letters: if from.is_on("ascii")? { Letters::Ascii } else { Letters::All },
    };
    Ok(Options {
        numbers: from.one("numbers")?,
        min_length: from.within("min-length", 1..=1000)?,
        stop_words: stop_words(from, &tokenization)?,
        ngrams: NonZeroUsize::new(from.within("ngrams", 1..=NGRAMS_MAX)?),
        sentences: if from.is_on("sentences")? { Sentences::Counted } else { Sentences::Uncounted },
        measures: from.one("measures")?,
        tokenization,
    })
}

fn stop_words(
    from: &mut Layers<'_>,
    tokenization: &Tokenization,
) -> Result<Option<Arc<StopWords>>, SettingsError> {
    let Some(name) = from.optional::<String>("stop-words")? else { return Ok(None) };
    match StopWords::load(&name, tokenization) {
        Ok(words) => Ok(Some(Arc::new(words))),
        Err(error) => {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            Err(from.refuse("stop-words", &name, format!("{error}{cause}")))
        }
    }
}
