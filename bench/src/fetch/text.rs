//! Texts that look like English, differ from each other, and can be made anew: by seed and length.
//!
//! A text is made of chapters of 8 KiB: a line with its seed and number, then a piece of a vocabulary's prose
//! that begins at a place which depends on both. It ends with a line end.

use std::{fs::File, io::Read, path::Path, sync::Arc};

use anyhow::{Context, ensure};
use bytes::Bytes;

/// Frequent words of English.
pub(crate) const WORDS: &str = "the of and a to in he was that it his her with as had she for not at but on be him is you \
    which by have all from my this they were one me so said no there when or their would what been if who more \
    an very could them your out upon time into some did then now little must such than only good great \
    house before after every thing never night morning whale monster creature window river mountain letter";
const PROSE_BYTES: usize = 256 * 1024;
const CHAPTER_BYTES: usize = 8 * 1024;
const LINE_BYTES: usize = 72;
/// Lines of a paragraph.
const PARAGRAPH_LINES: usize = 9;

/// Makes texts. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Prose(Arc<[u8]>);

impl Default for Prose {
    fn default() -> Self {
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        let mut prose = Vec::with_capacity(PROSE_BYTES + LINE_BYTES);
        let (mut line, mut lines, mut state) = (0, 0, 0);
        while prose.len() < PROSE_BYTES {
            state = scrambled(state);
            let word = words[usize::try_from(state % words.len() as u64).expect("below the number of words")];
            line += word.len() + 1;
            prose.extend_from_slice(word.as_bytes());
            if line <= LINE_BYTES {
                prose.push(b' ');
                continue;
            }
            line = 0;
            lines += 1;
            prose.extend_from_slice(if lines % PARAGRAPH_LINES == 0 { b"\n\n" } else { b"\n" });
        }
        Self(prose.into())
    }
}

/// SplitMix64, one step.
pub(crate) fn scrambled(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl Prose {
    /// The text of this seed and length, chapter by chapter.
    #[must_use]
    pub fn text(&self, seed: u64, bytes: u64) -> Text {
        Text { prose: self.clone(), seed, chapter: 0, left: bytes }
    }

    /// Looks whether a file holds this text.
    ///
    /// # Errors
    /// If it cannot be read, or does not.
    pub fn must_be_at(&self, path: &Path, seed: u64, bytes: u64) -> anyhow::Result<()> {
        let file = File::open(path).with_context(|| format!("'{}'", path.display()))?;
        self.must_be_read(file, path, seed, bytes)
    }

    /// Reads a text and compares it.
    ///
    /// # Errors
    /// If it is not this text, or cannot be read.
    pub fn must_be_read(
        &self,
        mut from: impl Read,
        path: &Path,
        seed: u64,
        bytes: u64,
    ) -> anyhow::Result<()> {
        let named = || format!("'{}'", path.display());
        let (mut found, mut length) = ([0; CHAPTER_BYTES], 0);
        for chapter in self.text(seed, bytes) {
            let found = &mut found[..chapter.len()];
            from.read_exact(found).with_context(named)?;
            ensure!(*found == chapter[..], "'{}' does not have the bytes that were served", path.display());
            length += chapter.len() as u64;
        }
        let more = std::io::copy(&mut from, &mut std::io::sink()).with_context(named)?;
        ensure!(more == 0, "'{}' has {} bytes, not {bytes}", path.display(), length + more);
        Ok(())
    }
}

/// A text, as an iterator over its chapters.
#[derive(Debug, Clone)]
pub struct Text {
    prose: Prose,
    seed: u64,
    chapter: u64,
    left: u64,
}

impl Iterator for Text {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(CHAPTER_BYTES);
        if length == 0 {
            return None;
        }
        let mut chapter = format!("Chapter {} of text {}.\n", self.chapter, self.seed).into_bytes();
        let places = (self.prose.0.len() - CHAPTER_BYTES) as u64;
        let place = scrambled(scrambled(self.seed) ^ self.chapter) % places;
        let place = usize::try_from(place).expect("below the length of the prose");
        chapter.extend_from_slice(&self.prose.0[place..place + CHAPTER_BYTES]);
        chapter.truncate(length);
        self.left -= length as u64;
        self.chapter += 1;
        if let (0, Some(last)) = (self.left, chapter.last_mut()) {
            *last = b'\n';
        }
        Some(chapter.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_their_length_and_differ_from_each_other() {
        let prose = Prose::default();
        let whole = |seed, bytes| prose.text(seed, bytes).flatten().collect::<Vec<u8>>();
        for bytes in [1, 30, 4096, 8192, 8193, 50_000] {
            assert_eq!(whole(7, bytes).len() as u64, bytes);
            assert_eq!(whole(7, bytes), whole(7, bytes));
            assert_eq!(whole(7, bytes).last(), Some(&b'\n'));
        }
        assert_ne!(whole(7, 4096), whole(8, 4096));
        let text = String::from_utf8(whole(7, 50_000)).unwrap();
        assert!(text.contains(" the ") && text.contains("\n\n"));
    }

    #[test]
    fn a_file_with_other_bytes_is_told_apart() {
        let prose = Prose::default();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("text");
        let mut bytes: Vec<u8> = prose.text(3, 20_000).flatten().collect();
        assert!(prose.must_be_at(&path, 3, 20_000).is_err());
        std::fs::write(&path, &bytes).unwrap();
        prose.must_be_at(&path, 3, 20_000).unwrap();
        assert!(prose.must_be_at(&path, 3, 20_001).is_err());
        bytes[19_000] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(prose.must_be_at(&path, 3, 20_000).is_err());
    }
}
