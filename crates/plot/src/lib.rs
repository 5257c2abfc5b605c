//! Pictures in SVG, written by hand: no script, no font, and a title, a description and axes in each.
//!
//! In reading order: `frame` has the texts and axes of a picture; [`stacked_bars`] and [`log_log_curve`] draw
//! one; [`grouped`] writes numbers.
//!
//! The pictures have no colours of their own. They name the classes of [`STYLE`], which the page has to
//! include.

mod bars;
mod curve;
mod frame;
mod numbers;

pub use bars::stacked_bars;
pub use curve::log_log_curve;
pub use frame::Labels;
pub use numbers::grouped;

/// The style sheet of the pictures: a palette for light and dark pages, and the classes that use it.
///
/// `--ink`, `--soft`, `--line`, `--page`, `--good`, `--bad` and `--c1` to `--c4` are for the rest of the page, too. The colours
/// can be told apart without seeing red or green (Okabe and Ito).
pub const STYLE: &str = include_str!("style.css");
