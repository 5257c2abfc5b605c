//! A corpus in other forms.
//!
//! An export reads blobs, wherever they live, and writes files into a directory on a local file system: the same bytes for the same
//! corpus, in memory that does not depend on how large it is, and none under its final name before it is whole. In reading order:
//!
//! * [`corpus`]: the documents, one after the other; [`directory`]: where the files go; [`written`]: what was written;
//! * [`combined`]: all texts in one file;
//! * [`metadata`]: a table of the documents, as the Standardized Project Gutenberg Corpus has it;
//! * [`jsonl`]: a line of JSON for each document, in shards, as Dolma has it;
//! * [`parquet`]: documents, counts and tokens for programs that read columns;
//! * [`vocabulary`]: all tokens, counted over the corpus, sorted on the disk where memory is short;
//! * [`sums`]: what `sha256sum -c` reads;
//! * [`error`]: why a corpus cannot be exported;
//! * `bibliography`, `author`, `date`, `language`: what is known of a text, as readers of other forms expect it.

pub mod combined;
pub mod corpus;
pub mod directory;
pub mod error;
pub mod jsonl;
pub mod metadata;
pub mod parquet;
pub mod sums;
pub mod vocabulary;
pub mod written;

mod author;
mod bibliography;
mod date;
mod language;

#[cfg(test)]
mod tests;
