//! A small corpus, and what its exports are.

mod columns;
mod library;
mod lines;
mod tables;
