//! A small corpus, and what its exports are.

mod library;
mod tables;
