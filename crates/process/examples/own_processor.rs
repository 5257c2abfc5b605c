//! An own processor, which counts letters and vowels.
//!
//! ```sh
//! cargo run -p process --example own_processor -- crates/process/src/*.rs
//! ```
//!
//! Each file is a document. The stage processes its chunks on all threads, and prints the contents of
//! `counts/` and `stats/`. The texts are in memory here; `blob_store::local::LocalBlobs` is the store on
//! files.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, Write},
    sync::Arc,
};

use corpus::stats::ProcessorIdentity;
use flow::{
    blobs::{BlobKind, BlobName, BlobStore},
    payload::ProcessJob,
    stage::{Attempt, Stage},
    testing::memory_blobs::MemoryBlobs,
};
use process::{config::ProcessConfig, processor::Processor, stage::Process};
use serde::Serialize;

/// Counts the letters of a text.
struct Letters;

/// The measures of a text.
#[derive(Serialize)]
struct LetterMeasures {
    letters: u64,
    vowels: u64,
}

impl Processor for Letters {
    type Part = Vec<char>;
    type Whole = BTreeMap<char, u64>;
    type Measures = LetterMeasures;

    fn identity(&self) -> ProcessorIdentity {
        // Increase the version with every change of what is counted: results of another version are computed
        // again.
        ProcessorIdentity::new("letters", 1)
    }

    fn begin(&self) -> Self::Whole {
        BTreeMap::new()
    }

    // A letter is in one chunk only, so the ends of the chunks change nothing.
    fn chunk(&self, text: &str) -> Vec<char> {
        text.chars().filter(|character| character.is_alphabetic()).flat_map(char::to_lowercase).collect()
    }

    fn merge(&self, whole: &mut Self::Whole, part: Vec<char>, tokens: &mut dyn Write) -> io::Result<()> {
        for letter in part {
            writeln!(tokens, "{letter}")?;
            *whole.entry(letter).or_insert(0) += 1;
        }
        Ok(())
    }

    fn finish(&self, whole: Self::Whole, counts: &mut dyn Write) -> io::Result<LetterMeasures> {
        let mut sorted: Vec<(char, u64)> = whole.into_iter().collect();
        sorted.sort_by_key(|(letter, n)| (std::cmp::Reverse(*n), *letter));
        for (letter, n) in &sorted {
            writeln!(counts, "{letter}\t{n}")?;
        }
        let vowels = sorted.iter().filter(|(letter, _)| "aeiou".contains(*letter)).map(|(_, n)| n).sum();
        Ok(LetterMeasures { letters: sorted.iter().map(|(_, n)| n).sum(), vowels })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let blobs = Arc::new(MemoryBlobs::default());
    let config = ProcessConfig::default();
    let stage = Process::with_processor(config, blobs.clone(), Arc::default(), Letters)?;
    for (number, path) in (1..).zip(env::args_os().skip(1)) {
        let text = fs::read(&path)?;
        let document: flow::document::DocumentId = format!("file-{number}").parse()?;
        blobs.put(BlobName::new(BlobKind::Text, document.clone()), &text);
        let text_blake3 = blake3::hash(&text).to_hex().to_string();
        let job = ProcessJob::of_text(document.clone(), text_blake3, text.len() as u64);
        stage.run(job, Attempt { number: 1, failures: 0 }).await.into_result()?;
        let mut out = io::stdout().lock();
        writeln!(out, "{}", path.display())?;
        for kind in [BlobKind::Counts, BlobKind::Stats] {
            out.write_all(&blobs.read(&BlobName::new(kind, document.clone()), 16 << 20)?)?;
        }
    }
    Ok(())
}
