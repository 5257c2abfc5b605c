//! Tests the stage with texts that nobody would write: without line ends, without words, very long.

use super::*;
use crate::{options::Options, tokens::tokenization::Tokenization};

/// Returns options with this tokenizer.
fn by(tokenizer: &str) -> Options {
    let tokenizer = tokenizer.parse().unwrap();
    Options { tokenization: Tokenization { tokenizer, ..Tokenization::default() }, ..Options::default() }
}

/// Returns the results with these options.
async fn results_with(options: &Options, config: ProcessConfig, text: &str) -> [String; 3] {
    let blobs = Arc::new(MemoryBlobs::default());
    blobs.put(name(BlobKind::Text), text.as_bytes());
    let processor = Words::with_options(options.clone());
    let stage = Process::with_processor(config, blobs.clone(), Arc::default(), processor).unwrap();
    run(&stage, job(text.as_bytes())).await.unwrap();
    published(&blobs)
}

#[tokio::test]
async fn texts_without_words_have_the_results_of_the_definition() {
    for (unit, words) in
        [("\0", 0), ("\u{300}", 0), ("\u{345}", 1), ("\u{200d}", 0), ("\0a\u{301}\n", 300_000)]
    {
        let text = unit.repeat(300_000);
        let results = results(config(2, "auto"), &text).await;
        assert!(results[..2] == expected(&text), "{unit:?}");
        assert!(results[2].contains(&format!("\"words\": {words},")), "{unit:?}: {}", results[2]);
    }
}

#[tokio::test]
async fn a_long_line_is_cut_at_the_same_places_for_any_threads_and_chunk() {
    // The pattern matches a space and a letter, so it shows the cuts.
    let options = by("regex: [a-z]+");
    let text = format!("short\n{}\nshort {}", "word ".repeat(5 << 20), "é word".repeat(2 << 20));
    let first = results_with(&options, config(1, "whole"), &text).await;
    for (threads, chunk) in [(2, "auto"), (8, "bytes:1"), (2, "bytes:20MiB"), (1, "bytes:1GiB")] {
        let other = results_with(&options, config(threads, chunk), &text).await;
        assert!(other == first, "{threads} threads, {chunk}");
    }
}

#[cfg(feature = "hf")]
#[tokio::test]
async fn pieces_are_the_same_for_any_threads_and_chunk() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, crate::tokens::tokenizer::hugging_face::tests::byte_level(0.5)).unwrap();
    let options = by(&format!("hf:{}", file.path().display()));
    let text = varied_text() + &"the long the".repeat(20_000);
    let first = results_with(&options, config(1, "whole"), &text).await;
    assert!(first[0].contains("\nthe\nĠ\nl\no\nn\ng\nĠthe\n"));
    for (threads, chunk) in [(8, "bytes:1"), (2, "auto"), (2, "bytes:1MiB")] {
        let other = results_with(&options, config(threads, chunk), &text).await;
        assert!(other == first, "{threads} threads, {chunk}");
    }
}
