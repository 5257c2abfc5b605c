//! The tokens of a Hugging Face `tokenizer.json`.
//!
//! Each line is encoded by itself, without its line feed. The tokens are the pieces of the vocabulary as they
//! are in the file (`Ġthe`, `##ing`, `▁the`), without the special tokens at the beginning and end of a
//! model's input. In Python: `for line in text.split("\n"): tokenizer.encode(line,
//! add_special_tokens=False).tokens`.
//!
//! Truncation, padding and BPE's dropout are disabled, whatever the file says: nothing is left out, and the
//! result does not depend on chance. The file's normalizer decides about case, because pieces can stand for
//! bytes: `Ġ` and `ġ` are two of them.
//!
//! To bound memory, a line over 64 KiB is encoded in parts. Each part ends before the last space in 64 KiB
//! that follows another character, so that the space stays with the word after it; without such a space, it
//! ends after 64 KiB. A line feed in a piece, which can come only from a normalizer or an unusual vocabulary,
//! is written as `<0x0A>`, and empty pieces are dropped, because `tokens/` has one piece per line.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
};

use tokenizers::{ModelWrapper, Tokenizer};
use uax29::TokenSink;

use super::InvalidTokenizer;

/// The maximum size of a `tokenizer.json`, in bytes. Large ones have 40 MB.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// The maximum size of a part of a line, in bytes. Encoding one takes a few hundred times as much memory.
const PART_BYTES_MAX: usize = 64 << 10;

/// Stands for a line feed in a piece, as SentencePiece writes the byte.
const LINE_FEED: &str = "<0x0A>";

/// A Hugging Face tokenizer.
pub struct HuggingFace {
    path: String,
    blake3: String,
    tokenizer: Tokenizer,
}

impl fmt::Debug for HuggingFace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HuggingFace").field("path", &self.path).field("blake3", &self.blake3).finish()
    }
}

impl HuggingFace {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, has over 256 MiB, or is not a tokenizer.
    pub(crate) fn open(path: &str) -> Result<Self, InvalidTokenizer> {
        let json =
            read(path).map_err(|error| InvalidTokenizer(format!("failed to read '{path}': {error}")))?;
        let tokenizer = parse(&json).map_err(|error| {
            InvalidTokenizer(format!("'{path}' is not a tokenizer.json of Hugging Face: {error}"))
        })?;
        Ok(Self { path: path.to_owned(), blake3: blake3::hash(&json).to_hex().to_string(), tokenizer })
    }

    /// Passes the pieces of a text to `sink`, in order.
    ///
    /// # Panics
    /// Panics if the tokenizer fails, for example because it has no token for unknown words. The document
    /// then fails.
    pub(crate) fn tokenize(&self, text: &str, sink: &mut impl TokenSink) {
        for part in text.split('\n').flat_map(parts) {
            // `false` leaves out special tokens.
            match self.tokenizer.encode(part, false) {
                Ok(encoding) => encoding.get_tokens().iter().for_each(|piece| push(piece, sink)),
                // The stage turns the panic into a failure of the document.
                Err(error) => panic!("'{}' cannot encode a line: {error}", self.path),
            }
        }
    }

    /// Returns the path of the file.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Returns the BLAKE3 hash of the file, as 64 hex digits.
    pub(crate) fn blake3(&self) -> &str {
        &self.blake3
    }
}

fn read(path: &str) -> io::Result<Vec<u8>> {
    let mut json = Vec::new();
    // One byte more shows that the file is too large, without trusting its length.
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut json)?;
    if json.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other("it has more than 256 MiB"));
    }
    Ok(json)
}

/// Parses a tokenizer and disables what would leave out tokens or depend on chance.
fn parse(json: &[u8]) -> tokenizers::Result<Tokenizer> {
    let mut tokenizer = Tokenizer::from_bytes(json)?;
    tokenizer.with_truncation(None)?.with_padding(None);
    if let ModelWrapper::BPE(model) = tokenizer.get_model()
        && model.dropout.is_some()
    {
        let mut model = model.clone();
        model.dropout = None;
        tokenizer.with_model(model);
    }
    Ok(tokenizer)
}

/// Splits a line into the parts that are encoded one by one. None is empty.
fn parts(mut line: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        let (part, rest) = line.split_at(part_bytes(line));
        line = rest;
        (!part.is_empty()).then_some(part)
    })
}

/// Returns the length of the first part of a line.
fn part_bytes(line: &str) -> usize {
    let Some(first) = line.as_bytes().get(..=PART_BYTES_MAX) else { return line.len() };
    let is_cut = |pair: &[u8]| pair[0] != b' ' && pair[1] == b' ';
    match first.windows(2).rposition(is_cut) {
        Some(at) => at + 1,
        None => line.floor_char_boundary(PART_BYTES_MAX),
    }
}

fn push(piece: &str, sink: &mut impl TokenSink) {
    if piece.contains('\n') {
        sink.push(&piece.replace('\n', LINE_FEED));
    } else if !piece.is_empty() {
        sink.push(piece);
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        options::Options,
        tokens::{
            Tokens,
            tokenization::Tokenization,
            tokenizer::{Case, Tokenizer as Kind},
        },
    };

    /// Words between white space and punctuation, with truncation and padding as in files that were saved for
    /// a model.
    const WORD_LEVEL: &str = r#"{"version":"1.0",
"truncation":{"direction":"Right","max_length":2,"strategy":"LongestFirst","stride":0},
"padding":{"strategy":{"Fixed":8},"direction":"Right","pad_to_multiple_of":null,"pad_id":0,"pad_type_id":0,"pad_token":"?"},
"pre_tokenizer":{"type":"Whitespace"},
"post_processor":{"type":"BertProcessing","sep":["cat",3],"cls":["the",1]},
"model":{"type":"WordLevel","unk_token":"?","vocab":{"?":0,"the":1,"The":2,"cat":3,"a\tb":4}}}"#;

    /// Bytes as GPT-2 writes them, and `the` with and without a space before it. Dropout leaves out merges by
    /// chance.
    pub(crate) fn byte_level(dropout: f32) -> String {
        let stand_for_themselves = |byte: &u8| matches!(byte, b'!'..=b'~' | 0xa1..=0xac | 0xae..);
        let others = (0..=255).filter(|byte| !stand_for_themselves(byte)).count() as u32;
        let others = (256..256 + others).filter_map(char::from_u32);
        let letters = (0..=255).filter(stand_for_themselves).map(char::from).chain(others).map(String::from);
        let vocabulary = letters.chain(["th", "the", "Ġthe"].map(str::to_owned)).enumerate();
        let vocabulary: serde_json::Map<_, _> =
            vocabulary.map(|(id, piece)| (piece, serde_json::Value::from(id))).collect();
        serde_json::json!({
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
            "model": {"type": "BPE", "dropout": dropout, "vocab": vocabulary, "merges": ["t h", "th e", "Ġ the"]},
        })
        .to_string()
    }

    fn opened(json: &str) -> Result<HuggingFace, InvalidTokenizer> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tokenizer.json");
        std::fs::write(&path, json).unwrap();
        HuggingFace::open(path.to_str().unwrap())
    }

    fn pieces(tokenizer: &HuggingFace, text: &str) -> String {
        let mut tokens = Tokens::new(uax29::token_counts::TokenHasher::default(), text.len());
        tokenizer.tokenize(text, &mut tokens);
        tokens.check();
        String::from_utf8(tokens.lines().to_vec()).unwrap().replace('\n', "|")
    }

    #[test]
    fn every_line_is_encoded_whole_without_special_tokens() {
        let tokenizer = opened(WORD_LEVEL).unwrap();
        assert_eq!(
            pieces(&tokenizer, "The cat, the cat.\n\nthe the the\n"),
            "The|cat|?|the|cat|?|the|the|the|"
        );
        assert_eq!(pieces(&tokenizer, ""), "");
    }

    #[test]
    fn pieces_stand_for_bytes_and_dropout_is_disabled() {
        let tokenizer = opened(&byte_level(1.0)).unwrap();
        let expected = "T|h|e|Ġthe|Ġ|c|Ã|©|ĉ|the|.|Ġthe|";
        assert_eq!(pieces(&tokenizer, "The the cé\tthe.\n the\n"), expected);
        assert_eq!(pieces(&opened(&byte_level(0.0)).unwrap(), "The the cé\tthe.\n the\n"), expected);
    }

    #[test]
    fn no_piece_breaks_the_format_of_a_token_file() {
        let of = |unknown: &str| {
            let model = format!(
                r#"{{"type":"WordLevel","unk_token":"{unknown}","vocab":{{"{unknown}":0,"a\tb":1}}}}"#
            );
            opened(&format!(r#"{{"model":{model}}}"#)).unwrap()
        };
        assert_eq!(pieces(&of("?"), "a\tb\n\0\r\n"), "a\tb|?|");
        assert_eq!(pieces(&of(r"x\ny"), "a\tb\nb\n"), "a\tb|x<0x0A>y|");
        assert_eq!(pieces(&of(""), "a\tb\nb\na\tb"), "a\tb|a\tb|");
    }

    #[test]
    fn a_long_line_is_encoded_in_parts_that_end_before_a_space() {
        for (line, expected) in [
            ("é the".repeat(20_000), 65_534),
            ("é".repeat(40_000), PART_BYTES_MAX),
            ("x".to_owned() + &"é".repeat(40_000), PART_BYTES_MAX - 1),
            (" ".repeat(70_000), PART_BYTES_MAX),
            ("x".repeat(PART_BYTES_MAX) + " y", PART_BYTES_MAX),
        ] {
            let parts: Vec<_> = parts(&line).collect();
            assert_eq!(parts.concat(), line);
            assert_eq!(parts[0].len(), expected);
            assert!(parts.iter().all(|part| part.len() <= PART_BYTES_MAX));
        }
        assert_eq!(parts("").count(), 0);
        assert_eq!(parts(&"x".repeat(PART_BYTES_MAX)).count(), 1);
        let tokenizer = opened(&byte_level(0.0)).unwrap();
        assert_eq!(pieces(&tokenizer, &"the the".repeat(40_000)), "the|Ġthe|".repeat(40_000));
    }

    #[test]
    fn an_invalid_tokenizer_is_named_by_its_path() {
        let missing = "hf:no/such/tokenizer.json".parse::<Kind>().unwrap_err().to_string();
        assert!(missing.contains("failed to read 'no/such/tokenizer.json': No such file"), "{missing}");
        for (json, expected) in [
            ("", "EOF while parsing"),
            ("hello", "expected value at line 1 column 1"),
            ("{}", "Model missing"),
            (r#"{"model":{"type":"WordLevel"}}"#, "missing field"),
            (r#"{"model":3}"#, "did not match"),
            (
                &WORD_LEVEL.replace(
                    r#""type":"Whitespace""#,
                    r#""type":"Split","pattern":{"Regex":"("},"behavior":"Isolated","invert":false"#,
                ),
                "paren",
            ),
        ] {
            let error = opened(json).unwrap_err().to_string();
            assert!(error.contains("tokenizer.json' is not a tokenizer.json of Hugging Face: "), "{error}");
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_identity_follows_from_the_contents_of_the_file_and_not_from_its_path_or_case() {
        let identity = |json: &str, case| {
            let tokenizer = Kind::HuggingFace(std::sync::Arc::new(opened(json).unwrap()));
            let tokenization = Tokenization { tokenizer, case, ..Tokenization::default() };
            Options { tokenization, ..Options::default() }.identity()
        };
        let first = identity(WORD_LEVEL, Case::Lower);
        assert_eq!(identity(WORD_LEVEL, Case::Kept), first);
        assert_ne!(identity(&WORD_LEVEL.replace("cat\":3", "dog\":3"), Case::Lower), first);
    }

    #[test]
    #[should_panic(expected = "cannot encode a line: WordLevel error: Missing [UNK] token")]
    fn a_tokenizer_that_fails_fails_the_document() {
        pieces(
            &opened(r#"{"model":{"type":"WordLevel","unk_token":"?","vocab":{"the":0}}}"#).unwrap(),
            "the\nox\n",
        );
    }
}
