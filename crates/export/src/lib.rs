//! Exports a corpus to files in other formats.
//!
//! An export reads blobs from any blob store and writes files to a directory on a local file system. The same
//! corpus gives the same bytes, the memory does not depend on its size, and no file has its final name before
//! it is complete. In reading order:
//!
//! * [`corpus`]: the documents, one after the other; [`directory`]: the files' place; [`report`]: the files
//!   written;
//! * [`concatenation`]: all texts in one file;
//! * [`metadata`]: a table of the documents, with the columns of the Standardized Project Gutenberg Corpus;
//! * [`jsonl`]: one JSON object a document, in shards, with the fields of Dolma;
//! * [`parquet`]: documents, counts and tokens as columns;
//! * [`vocabulary`]: the counts of all tokens of the corpus, sorted on disk if they exceed the memory;
//! * [`files`]: the files of each document, as a flat run directory has them;
//! * [`warc`]: received bytes and texts as records of a web archive;
//! * [`checksums`]: a file for `sha256sum -c`;
//! * [`error`]: the errors;
//! * `bibliography`, `author`, `date`, `language`: bibliographic facts in the form that readers of a format
//!   expect.

pub mod checksums;
pub mod concatenation;
pub mod corpus;
pub mod directory;
pub mod error;
pub mod files;
pub mod jsonl;
pub mod metadata;
pub mod parquet;
pub mod report;
pub mod vocabulary;
pub mod warc;

mod author;
mod bibliography;
mod date;
mod language;

#[cfg(test)]
mod tests;
