//! Measures serial against concurrent fetching, and one thread against many, with the real stages.
//!
//! The stages run without a queue, so that only they are measured. In reading order:
//!
//! * [`input_texts`]: the texts of a directory;
//! * [`measurement`]: the ways of working that are measured, and their times;
//! * `stage_runner`: a stage with a number of jobs at a time; `fetching`, `processing`: one run of each;
//! * `scratch_directory`: the files of the runs;
//! * [`comparison`]: **all measurements**;
//! * [`interpretation`]: what the figures mean, in words; [`chart`]: the figures as SVG.

pub mod chart;
pub mod comparison;
pub mod error;
pub mod input_texts;
pub mod interpretation;
pub mod measurement;

mod blocking;
mod fetching;
mod processing;
mod scratch_directory;
mod stage_runner;
