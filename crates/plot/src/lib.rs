//! Pictures in SVG, written by hand: no script, no font, and a title, a description and axes in each.
//!
//! In reading order:
//!
//! * `frame`: the texts and axes of a picture; `numbers`: numbers as people read them;
//! * [`stacked_bars`], [`log_log_curve`]: pictures for a page;
//! * [`time_bars`], [`timeline`]: pictures for a file of their own, which [`standalone`] makes.
//!
//! The pictures have no colours of their own. They name the classes of [`STYLE`], which a page has to
//! include. A file has it in itself.

mod bars;
mod curve;
mod document;
mod frame;
mod numbers;
mod time_bars;
mod timeline;

pub use bars::stacked_bars;
pub use curve::log_log_curve;
pub use document::{Picture, standalone};
pub use frame::Labels;
pub use time_bars::{TimeBar, time_bars};
pub use timeline::{TimelineLane, TimelineSpan, timeline};

/// The style sheet of the pictures: a palette for light and dark pages, and the classes that use it.
///
/// `--ink`, `--soft`, `--line`, `--page`, `--good`, `--bad` and `--c1` to `--c4` are for the rest of the
/// page, too. The colours can be told apart without seeing red or green (Okabe and Ito).
pub const STYLE: &str = include_str!("style.css");
