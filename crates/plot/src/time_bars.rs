//! Bars of times on a logarithmic axis, so that a long bar does not hide short ones.

use crate::{
    document::{HEAD, Picture, WIDTH},
    frame::{Labels, put, rectangle, text},
};

const LEFT: f64 = 210.0;
const RIGHT: f64 = 150.0;
const ROW: f64 = 20.0;
const BAR: f64 = 12.0;
/// The place between rows of different series.
const GAP: f64 = 8.0;
const BOTTOM: f64 = 40.0;

/// A time and its standard deviation.
#[derive(Debug, Clone)]
pub struct TimeBar {
    /// The text to the left.
    pub name: String,
    /// The text to the right.
    pub note: String,
    /// The series, which chooses the colour: 1 to 4.
    pub series: usize,
    /// The mean, in seconds.
    pub mean: f64,
    /// The standard deviation in seconds, if it is known.
    pub deviation: Option<f64>,
}

/// An axis of times from one power of ten to another, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LogAxis {
    from: i32,
    to: i32,
}

/// Draws a horizontal bar for each time, with its deviation as a whisker. The axis is logarithmic and begins
/// at a power of ten, because it has no zero: a deviation that reaches below is cut off there.
#[must_use]
pub fn time_bars(labels: Labels<'_>, bars: &[TimeBar]) -> Picture {
    let axis = LogAxis::of(bars);
    let x_of = |seconds: f64| LEFT + (WIDTH - LEFT - RIGHT) * axis.position(seconds);
    let (mut rows, mut y) = (String::new(), HEAD);
    for (at, bar) in bars.iter().enumerate() {
        if at > 0 && bars[at - 1].series != bar.series {
            y += GAP;
        }
        let (low, high) = bar.interval();
        text(&mut rows, LEFT - 8.0, y + 10.0, "end", &bar.name);
        rectangle(&mut rows, bar.series, [LEFT, y], [(x_of(bar.mean) - LEFT).max(1.0), BAR]);
        let (from, to, middle) = (x_of(low), x_of(high), y + BAR / 2.0);
        if bar.deviation.is_some() {
            let path = format!("M{from:.1} {middle:.1}H{to:.1}m0 -4v8M{from:.1} {:.1}v8", middle - 4.0);
            put(&mut rows, format_args!(r#"<path class="whisker" d="{path}"/>"#));
        }
        text(&mut rows, to + 8.0, y + 10.0, "start", &bar.note);
        y += ROW;
    }
    let mut svg = String::new();
    for power in axis.from..=axis.to {
        let x = x_of(10_f64.powi(power));
        put(&mut svg, format_args!(r#"<path class="axis" d="M{x:.1} {:.1}V{y:.1}"/>"#, HEAD - 4.0));
        text(&mut svg, x, y + 14.0, "middle", &power_of_ten(power));
    }
    // Above the grid.
    svg.push_str(&rows);
    text(&mut svg, LEFT + (WIDTH - LEFT - RIGHT) / 2.0, y + 32.0, "middle", labels.x);
    Picture::new(labels, y + BOTTOM, svg)
}

impl TimeBar {
    /// Returns the mean less and plus the deviation.
    fn interval(&self) -> (f64, f64) {
        let deviation = self.deviation.unwrap_or(0.0);
        (self.mean - deviation, self.mean + deviation)
    }
}

impl LogAxis {
    /// Returns the shortest axis of whole decades that has all means, and their deviations upwards.
    fn of(bars: &[TimeBar]) -> Self {
        let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
        for bar in bars {
            low = low.min(bar.mean);
            high = high.max(bar.interval().1);
        }
        // A clock has no more than nanoseconds; without bars the axis is still an axis.
        let from = decade(low.clamp(1e-9, 1e9)).floor();
        let to = decade(high.clamp(1e-9, 1e9)).ceil().max(from + 1.0);
        #[expect(clippy::cast_possible_truncation, reason = "between -9 and 10")]
        Self { from: from as i32, to: to as i32 }
    }

    /// Returns the position of a time on the axis: 0 at its begin and below, 1 at its end.
    fn position(self, seconds: f64) -> f64 {
        let (from, to) = (f64::from(self.from), f64::from(self.to));
        ((decade(seconds.max(1e-9)) - from) / (to - from)).clamp(0.0, 1.0)
    }
}

/// Returns the logarithm, exact for powers of ten.
fn decade(seconds: f64) -> f64 {
    let decade = seconds.log10();
    // Otherwise rounding could add a decade that no bar reaches.
    if (decade - decade.round()).abs() < 1e-9 { decade.round() } else { decade }
}

/// Returns a power of ten in seconds with a suitable unit: `10 ms`.
fn power_of_ten(power: i32) -> String {
    let (unit, below) = match power {
        ..-6 => ("ns", -9),
        -6..-3 => ("µs", -6),
        -3..0 => ("ms", -3),
        0.. => ("s", 0),
    };
    format!("{:.0} {unit}", 10_f64.powi(power - below))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(mean: f64, deviation: f64) -> TimeBar {
        TimeBar { name: "<a>".to_owned(), note: "n".to_owned(), series: 1, mean, deviation: Some(deviation) }
    }

    #[test]
    fn an_axis_has_whole_decades_and_every_bar_is_visible() {
        let axis = LogAxis::of(&[bar(33.0, 1.0), bar(1.0, 0.1), bar(0.02, 0.0)]);
        assert_eq!(axis, LogAxis { from: -2, to: 2 });
        assert_eq!([0.0, 0.01, 1.0, 100.0, 1e6].map(|s| axis.position(s)), [0.0, 0.0, 0.5, 1.0, 1.0]);
        assert_eq!(LogAxis::of(&[bar(1.0, 0.0)]), LogAxis { from: 0, to: 1 });
        assert_eq!(LogAxis::of(&[bar(0.001, 0.0), bar(0.1, 0.0)]), LogAxis { from: -3, to: -1 });
    }

    #[test]
    fn ticks_have_units() {
        let ticks = [-9, -7, -6, -3, -2, 0, 1].map(power_of_ten);
        assert_eq!(ticks, ["1 ns", "100 ns", "1 µs", "1 ms", "10 ms", "1 s", "10 s"]);
    }

    #[test]
    fn bars_have_whiskers_and_texts_are_escaped() {
        let labels = Labels { title: "T&", description: "<D>", x: "x", y: "" };
        // The deviation is larger than the mean, and the axis has no zero.
        let svg = crate::standalone("S", "<", &[time_bars(labels, &[bar(0.5, 0.7)]), time_bars(labels, &[])]);
        assert_eq!(svg.matches("class=\"whisker\"").count(), 1);
        for escaped in ["&lt;a&gt;", "<title>T&amp;</title><desc>&lt;D&gt;</desc>", "<desc>&lt;</desc>"] {
            assert!(svg.contains(escaped), "{escaped}: {svg}");
        }
        assert!(svg.contains("class=\"whisker\" d=\"M210.0") && !svg.contains("NaN"), "{svg}");
    }
}
