//! The line with which a child answers.

use std::fmt;

use flow::document::DocumentId;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use super::error::ExecError;

/// The maximum length of `measures` as JSON, in bytes. It is much less than what `stats/` is read back with.
const MEASURES_BYTES_MAX: usize = 1 << 20;

/// The number of characters of an unusable line that a message shows.
const SHOWN_CHARACTERS: usize = 60;

/// The answer of a child to a document.
#[derive(Debug)]
pub(super) enum Answer {
    Processed {
        content: AnswerContent,
        measures: Option<Map<String, Value>>,
    },
    /// The command cannot process the document, for this reason.
    Refused(String),
}

/// The content of an answer.
#[derive(Debug)]
pub(super) enum AnswerContent {
    Tokens(TokenList),
    /// Another text, which is still to be tokenized.
    Text(String),
}

#[derive(Deserialize)]
// A misspelt field would otherwise be ignored without notice.
#[serde(deny_unknown_fields)]
struct Line {
    id: Option<String>,
    tokens: Option<TokenList>,
    text: Option<String>,
    measures: Option<Map<String, Value>>,
    error: Option<String>,
}

impl Answer {
    /// Parses the answer for this document.
    pub(super) fn parse(line: &[u8], document: &DocumentId) -> Result<Self, ExecError> {
        let invalid = |why: String| ExecError::InvalidAnswer(why);
        let line: Line = serde_json::from_slice(line).map_err(|error| invalid(not_read(&error, line)))?;
        // A child that answers for another document has lost the order.
        match line.id {
            Some(id) if id == document.as_str() => {}
            Some(id) => return Err(invalid(format!("its id is '{}', not '{document}'", shown(&id)))),
            None => return Err(invalid(format!("it has no id; the document was '{document}'"))),
        }
        let measures = line.measures;
        if measures.as_ref().is_some_and(|measures| json_bytes(measures) > MEASURES_BYTES_MAX) {
            return Err(invalid(format!("its measures have more than {MEASURES_BYTES_MAX} bytes")));
        }
        match (line.tokens, line.text, line.error) {
            (Some(tokens), None, None) => {
                Ok(Self::Processed { content: AnswerContent::Tokens(tokens), measures })
            }
            (None, Some(text), None) => Ok(Self::Processed { content: AnswerContent::Text(text), measures }),
            (None, None, Some(why)) => Ok(Self::Refused(why)),
            _ => Err(invalid("it must have one of tokens, text and error".to_owned())),
        }
    }
}

fn json_bytes(measures: &Map<String, Value>) -> usize {
    serde_json::to_vec(measures).map_or(usize::MAX, |json| json.len())
}

/// Describes a line that is not an answer.
fn not_read(error: &serde_json::Error, line: &[u8]) -> String {
    format!("{error}; it begins '{}'", shown(&String::from_utf8_lossy(&line[..line.len().min(256)])))
}

/// Returns the beginning of a text, escaped for a message.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARACTERS).flat_map(char::escape_debug).collect()
}

/// Tokens that are valid in `tokens/`, each followed by a line feed.
#[derive(Debug, Default)]
pub(super) struct TokenList {
    lines: String,
    n: u64,
}

impl TokenList {
    /// Returns the length of all tokens with their line feeds.
    pub(super) const fn bytes(&self) -> usize {
        self.lines.len()
    }

    /// Returns the tokens in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.lines.split_terminator('\n')
    }

    fn push(&mut self, token: &str) -> Result<(), String> {
        self.n += 1;
        // Neither could be read back from `tokens/`, which has a token per line.
        if token.is_empty() {
            return Err(format!("token {} is empty", self.n));
        }
        if token.contains('\n') {
            return Err(format!("token {}, '{}', contains a line feed", self.n, shown(token)));
        }
        self.lines.push_str(token);
        self.lines.push('\n');
        Ok(())
    }
}

impl<'de> Deserialize<'de> for TokenList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(TokenListVisitor)
    }
}

struct TokenListVisitor;

impl<'de> Visitor<'de> for TokenListVisitor {
    type Value = TokenList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of tokens")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut tokens: A) -> Result<TokenList, A::Error> {
        let mut list = TokenList::default();
        while tokens.next_element_seed(NextToken(&mut list))?.is_some() {}
        Ok(list)
    }
}

/// Adds the next token to a list, without a string of its own.
struct NextToken<'l>(&'l mut TokenList);

impl<'de> DeserializeSeed<'de> for NextToken<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NextToken<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token, which is a string")
    }

    fn visit_str<E: Error>(self, token: &str) -> Result<(), E> {
        self.0.push(token).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Answer, ExecError> {
        Answer::parse(line.as_bytes(), &DocumentId::gutenberg(84))
    }

    #[test]
    fn an_answer_has_tokens_or_a_text_and_perhaps_measures() {
        let Ok(Answer::Processed { content: AnswerContent::Tokens(tokens), measures: None }) =
            read("{\"tokens\": [\"a\", \"\\u00e9\\t\", \"b c\"], \"id\": \"PG84\"}\n")
        else {
            panic!("these are tokens")
        };
        assert_eq!(tokens.iter().collect::<Vec<_>>(), ["a", "é\t", "b c"]);
        let Ok(Answer::Processed { content: AnswerContent::Text(text), measures: Some(measures) }) =
            read(r#"{"id":"PG84","text":"a\nb","measures":{"mood":0.5}}"#)
        else {
            panic!("this is a text")
        };
        assert_eq!((text.as_str(), measures["mood"].as_f64()), ("a\nb", Some(0.5)));
        assert!(matches!(read(r#"{"id":"PG84","tokens":[]}"#), Ok(Answer::Processed { .. })));
        assert!(matches!(read(r#"{"id":"PG84","error":"no"}"#), Ok(Answer::Refused(why)) if why == "no"));
    }

    #[test]
    fn an_invalid_answer_is_refused_with_the_reason() {
        let large = format!(r#"{{"id":"PG84","tokens":[],"measures":{{"a":"{}"}}}}"#, "x".repeat(1 << 20));
        for (line, expected) in [
            ("", "EOF"),
            ("Loading model…", "it begins 'Loading model…'"),
            ("{\"id\":\"PG84\",\"tokens\":[\"a\"", "EOF"),
            (r#"{"id":"PG84","tokens":["a",""]}"#, "token 2 is empty"),
            (r#"{"id":"PG84","tokens":["a\nb"]}"#, "token 1, 'a\\nb', contains a line feed"),
            (r#"{"id":"PG84","tokens":[1]}"#, "a token, which is a string"),
            (r#"{"id":"PG84","tokens":"a b"}"#, "an array of tokens"),
            (r#"{"id":"PG85","tokens":[]}"#, "its id is 'PG85', not 'PG84'"),
            (r#"{"tokens":[]}"#, "it has no id"),
            (r#"{"id":"PG84"}"#, "one of tokens, text and error"),
            (r#"{"id":"PG84","tokens":[],"text":""}"#, "one of tokens, text and error"),
            (r#"{"id":"PG84","token":[]}"#, "unknown field `token`"),
            (r#"{"id":"PG84","tokens":[],"measures":7}"#, "map"),
            (&large, "measures have more than"),
        ] {
            let error = read(line).expect_err(line).to_string();
            assert!(error.contains(expected), "{expected}: {error}");
        }
        assert!(Answer::parse(b"{\"id\":\"PG84\",\"text\":\"\xff\"}", &DocumentId::gutenberg(84)).is_err());
    }
}
