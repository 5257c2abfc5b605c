//! Measures fetching, saving, processing and the whole of them: serially, concurrently and in parallel, with
//! the real stages.
//!
//! The stages run without a queue, so that only they are measured. In reading order:
//!
//! * [`input_texts`]: the texts of a directory; `prepared_texts`: the same, ready to be fetched;
//! * [`measurement`]: the ways of working that are measured, and their times;
//! * `stage_runner`: a number of jobs at a time; `measured_run`: **one run** of a row; `cores`: on one core
//!   or on all;
//! * `thread_sampler`: which threads use a core, and when; [`timeline`]: who worked and who waited in a run;
//! * `scratch_directory`: the files of the runs;
//! * [`comparison`]: all measurements;
//! * [`interpretation`]: what the figures mean, in words; [`chart`]: the figures as SVG.

pub mod chart;
pub mod comparison;
pub mod error;
pub mod input_texts;
pub mod interpretation;
pub mod measurement;
pub mod timeline;

mod blocking;
mod cores;
mod measured_run;
mod prepared_texts;
mod scratch_directory;
mod stage_runner;
mod thread_sampler;
