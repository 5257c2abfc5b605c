//! Tests that export a small corpus in memory and read the files back.

mod files;
mod jsonl;
mod parquet;
mod tables;
mod test_corpus;
mod warc;
