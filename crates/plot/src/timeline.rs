//! A timeline: lanes, and what happened in each of them when.

use crate::{
    bars::scale,
    document::{HEAD, Picture, WIDTH},
    frame::{Labels, put, rectangle, text},
    numbers::real,
};

const LEFT: f64 = 90.0;
const RIGHT: f64 = 110.0;
const LANE: f64 = 17.0;
const BAR: f64 = 12.0;
const BOTTOM: f64 = 40.0;

/// A lane of a timeline.
#[derive(Debug, Clone)]
pub struct TimelineLane {
    /// The text to the left.
    pub name: String,
    /// The text to the right.
    pub note: String,
    /// The spans. They do not overlap.
    pub spans: Vec<TimelineSpan>,
}

/// A span of a lane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TimelineSpan {
    /// The begin, in seconds.
    pub start: f64,
    /// The end, in seconds.
    pub end: f64,
    /// The series, which chooses the colour: 1 to 4, or 0 for a quiet one.
    pub series: usize,
}

/// Draws a timeline of `seconds`. `legend` names the series.
#[must_use]
pub fn timeline(
    labels: Labels<'_>,
    seconds: f64,
    lanes: &[TimelineLane],
    legend: &[(usize, &str)],
) -> Picture {
    // Not 0, because positions are divided by it.
    let seconds = seconds.max(1e-6);
    let x_of = |at: f64| LEFT + (WIDTH - LEFT - RIGHT) * (at / seconds).clamp(0.0, 1.0);
    let bottom = HEAD + LANE * real(lanes.len() as u64);
    let mut svg = String::new();
    let mut x = WIDTH;
    for (series, name) in legend.iter().rev() {
        x -= 70.0;
        rectangle(&mut svg, *series, [x, 2.0], [10.0, 10.0]);
        text(&mut svg, x + 15.0, 11.0, "start", name);
    }
    for (at, label) in ticks(seconds) {
        let x = x_of(at);
        put(&mut svg, format_args!(r#"<path class="axis" d="M{x:.1} {:.1}V{bottom:.1}"/>"#, HEAD - 4.0));
        text(&mut svg, x, bottom + 14.0, "middle", &label);
    }
    for (at, lane) in lanes.iter().enumerate() {
        let y = HEAD + LANE * real(at as u64);
        text(&mut svg, LEFT - 8.0, y + 10.0, "end", &lane.name);
        for span in &lane.spans {
            let (from, to) = (x_of(span.start), x_of(span.end));
            rectangle(&mut svg, span.series, [from, y], [(to - from).max(0.1), BAR]);
        }
        text(&mut svg, WIDTH - RIGHT + 8.0, y + 10.0, "start", &lane.note);
    }
    text(&mut svg, LEFT + (WIDTH - LEFT - RIGHT) / 2.0, bottom + 32.0, "middle", labels.x);
    Picture::new(labels, bottom + BOTTOM, svg)
}

/// Returns the ticks of a linear axis of seconds, with their labels.
fn ticks(seconds: f64) -> Vec<(f64, String)> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive; a longer time is cut off"
    )]
    let micros = (seconds * 1e6) as u64;
    let step = scale(micros).1;
    let label = |at: u64| match step {
        _ if at == 0 => "0".to_owned(),
        ..1_000 => format!("{at} µs"),
        1_000..1_000_000 => format!("{} ms", at / 1_000),
        1_000_000.. => format!("{} s", at / 1_000_000),
    };
    (0..=micros / step).map(|n| (real(n * step) / 1e6, label(n * step))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_have_units() {
        let labels = |seconds| ticks(seconds).into_iter().map(|tick| tick.1).collect::<Vec<_>>();
        assert_eq!(labels(0.9), ["0", "500 ms"]);
        assert_eq!(labels(2.5), ["0", "1 s", "2 s"]);
        assert_eq!(labels(0.000_04), ["0", "10 µs", "20 µs", "30 µs", "40 µs"]);
        assert_eq!(labels(0.0), ["0"]);
    }

    #[test]
    fn a_lane_has_its_spans_and_texts_are_escaped() {
        let labels = Labels { title: "T", description: "D", x: "x", y: "" };
        let spans = vec![
            TimelineSpan { start: 0.0, end: 0.5, series: 2 },
            TimelineSpan { start: 0.5, end: 9.0, series: 1 },
        ];
        let lane = TimelineLane { name: "<t>".to_owned(), note: "50 %".to_owned(), spans };
        let svg =
            crate::standalone("S", "D", &[timeline(labels, 1.0, &[lane], &[(1, "works"), (2, "waits")])]);
        assert!(svg.contains("&lt;t&gt;") && svg.contains("works"), "{svg}");
        // Two spans and two of the legend, and what is beyond the end is cut off: 560 is the whole width.
        assert_eq!((svg.matches("<rect class=\"s").count(), svg.matches("width=\"280.0\"").count()), (4, 2));
    }
}
