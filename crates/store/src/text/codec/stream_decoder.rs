//! Decodes bytes that arrive in pieces of any size.

use encoding_rs::{Decoder, DecoderResult};

use super::{Codec, recode::Recode};

/// Decodes the bytes of one text.
pub(crate) struct StreamDecoder {
    recoder: Option<Box<dyn Recode>>,
    recoded: Vec<u8>,
    decoder: Decoder,
}

impl StreamDecoder {
    pub(crate) fn new(codec: Codec) -> Self {
        let decoder = codec.recoded().new_decoder_without_bom_handling();
        Self { recoder: codec.recoder(), recoded: Vec::new(), decoder }
    }

    /// Decodes the next bytes. Passes the text to `sink` in pieces, each with whether a malformed sequence
    /// follows it. `decoded` is the buffer for a piece. After an error of `sink`, the rest is not decoded.
    pub(crate) fn take<E>(
        &mut self,
        bytes: &[u8],
        is_last: bool,
        decoded: &mut String,
        mut sink: impl FnMut(&str, bool) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut bytes = match &mut self.recoder {
            None => bytes,
            Some(recoder) => {
                self.recoded.clear();
                recoder.take(bytes, &mut self.recoded);
                if is_last {
                    recoder.finish(&mut self.recoded);
                }
                &self.recoded
            }
        };
        loop {
            decoded.clear();
            let (result, read) = self.decoder.decode_to_string_without_replacement(bytes, decoded, is_last);
            bytes = &bytes[read..];
            sink(decoded, matches!(result, DecoderResult::Malformed(..)))?;
            if result == DecoderResult::InputEmpty {
                return Ok(());
            }
        }
    }
}
