//! Replaces `hugging_face.rs` if the feature `hf` is off: there are no Hugging Face tokenizers.

use uax29::TokenSink;

use super::InvalidTokenizer;

/// A Hugging Face tokenizer. None can be opened.
#[derive(Debug)]
pub enum HuggingFace {}

impl HuggingFace {
    pub(crate) fn open(_: &str) -> Result<Self, InvalidTokenizer> {
        Err(InvalidTokenizer(
            "this program was built without Hugging Face tokenizers. To build it with them: cargo build \
             --release --locked -p juggle --features hf"
                .to_owned(),
        ))
    }

    pub(crate) fn tokenize(&self, _: &str, _: &mut impl TokenSink) {
        match *self {}
    }

    pub(crate) fn path(&self) -> &str {
        match *self {}
    }

    pub(crate) fn blake3(&self) -> &str {
        match *self {}
    }
}
