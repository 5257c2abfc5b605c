//! Pictures in SVG: bars, curves on logarithmic axes, and stacked bars over time.

use std::fmt::Write;

use indicatif::HumanCount;
use maud::{Markup, PreEscaped, html};

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 44.0;

/// The number of labels below the bars that have room.
const LABELS_MAX: usize = 5;

/// The texts of a picture.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Labels<'l> {
    /// The title.
    pub(crate) title: &'l str,
    /// What can be seen in it, for those who cannot.
    pub(crate) description: &'l str,
    /// The name and unit of the horizontal axis.
    pub(crate) x: &'l str,
    /// The name and unit of the vertical axis.
    pub(crate) y: &'l str,
}

/// Draws vertical bars, one for each row of stacked values. The labels of rows are shown as far as there is
/// room.
pub(crate) fn stacked_bars(labels: Labels<'_>, rows: &[(String, Vec<u64>)]) -> Markup {
    let highest = rows.iter().map(|(_, values)| values.iter().sum::<u64>()).max().unwrap_or(0).max(1);
    let (top, step) = scale(highest);
    let (width, height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
    let slot = width / real(rows.len().max(1) as u64);
    let y_of = |value: u64| TOP + height * (1.0 - real(value) / real(top));
    let mut svg = String::new();
    for tick in (0..=top / step).map(|n| n * step) {
        axis_y(&mut svg, y_of(tick), &grouped(tick));
    }
    let every = rows.len().div_ceil(LABELS_MAX).max(1);
    for (at, (label, values)) in rows.iter().enumerate() {
        let (x, mut below) = (LEFT + slot * real(at as u64), 0);
        for (series, value) in values.iter().enumerate().filter(|(_, value)| **value > 0) {
            let (y1, y0) = (y_of(below + value), y_of(below));
            put(
                &mut svg,
                format_args!(
                    r#"<rect class="s{}" x="{:.1}" y="{y1:.1}" width="{:.1}" height="{:.1}"/>"#,
                    series + 1,
                    x + slot * 0.1,
                    (slot * 0.8).max(0.5),
                    (y0 - y1).max(0.5),
                ),
            );
            below += value;
        }
        if at % every == 0 {
            text(&mut svg, x + slot / 2.0, HEIGHT - BOTTOM + 16.0, "middle", label);
        }
    }
    frame(labels, &svg)
}

/// Draws a curve on two logarithmic axes. Points need positive coordinates.
pub(crate) fn log_log_curve(labels: Labels<'_>, points: &[(u64, u64)]) -> Markup {
    let highest = |of: fn(&(u64, u64)) -> u64| points.iter().map(of).max().unwrap_or(1).max(10);
    let decades = |highest: u64| real(u64::from(highest.ilog10()) + u64::from(!is_power_of_ten(highest)));
    let (wide, high) = (decades(highest(|point| point.0)), decades(highest(|point| point.1)));
    let (width, height) = (WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM);
    let x_of = |value: u64| LEFT + width * real(value.max(1)).log10() / wide;
    let y_of = |value: u64| TOP + height * (1.0 - real(value.max(1)).log10() / high);
    let mut svg = String::new();
    let ticks = |decades: f64| {
        (0_u32..=20).take_while(move |n| f64::from(*n) <= decades).map(|n| 10_u64.pow(n.min(19)))
    };
    for tick in ticks(high) {
        axis_y(&mut svg, y_of(tick), &short(tick));
    }
    for tick in ticks(wide) {
        text(&mut svg, x_of(tick), HEIGHT - BOTTOM + 16.0, "middle", &short(tick));
    }
    let path: Vec<String> = points.iter().map(|&(x, y)| format!("{:.1},{:.1}", x_of(x), y_of(y))).collect();
    put(&mut svg, format_args!(r#"<polyline class="l1" points="{}"/>"#, path.join(" ")));
    frame(labels, &svg)
}

fn frame(labels: Labels<'_>, inner: &str) -> Markup {
    let Labels { title, description, x, y } = labels;
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" {
            title { (title) }
            desc { (description) }
            (PreEscaped(inner))
            text x=(LEFT + (WIDTH - LEFT - RIGHT) / 2.0) y=(HEIGHT - 6.0) text-anchor="middle" { (x) }
            text transform=(format!("translate(12,{}) rotate(-90)", TOP + (HEIGHT - TOP - BOTTOM) / 2.0))
                text-anchor="middle" { (y) }
        }
    }
}

fn axis_y(svg: &mut String, y: f64, label: &str) {
    put(svg, format_args!(r#"<path class="axis" d="M{LEFT} {y:.1}H{:.1}"/>"#, WIDTH - RIGHT));
    text(svg, LEFT - 6.0, y + 4.0, "end", label);
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, content: &str) {
    let content = html! { (content) }.into_string();
    put(svg, format_args!(r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{content}</text>"#));
}

fn put(svg: &mut String, part: std::fmt::Arguments<'_>) {
    svg.write_fmt(part).expect("a string takes everything");
}

/// Returns the end of a linear axis, and the distance of its ticks: 1, 2 or 5 times a power of ten.
fn scale(highest: u64) -> (u64, u64) {
    let rough = highest.div_ceil(4).max(1);
    let power = 10_u64.pow(rough.ilog10());
    let step = [1, 2, 5, 10].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    (highest.div_ceil(step) * step, step)
}

fn is_power_of_ten(number: u64) -> bool {
    10_u64.checked_pow(number.ilog10()) == Some(number)
}

/// Returns a power of ten in few characters: `1`, `10k`, `100M`.
fn short(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => format!("{}k", number / 1_000),
        1_000_000..1_000_000_000 => format!("{}M", number / 1_000_000),
        _ => format!("{}G", number / 1_000_000_000),
    }
}

/// Returns a number with a separator between groups of three digits.
pub(crate) fn grouped(number: u64) -> String {
    HumanCount(number).to_string()
}

#[expect(clippy::cast_precision_loss, reason = "coordinates of a picture")]
fn real(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: Labels<'_> = Labels { title: "T", description: "D", x: "x", y: "y" };

    #[test]
    fn an_axis_ends_at_a_tick_above_the_highest_value() {
        for (highest, expected) in
            [(1, (1, 1)), (4, (4, 1)), (7, (8, 2)), (135, (150, 50)), (75_000, (80_000, 20_000))]
        {
            assert_eq!(scale(highest), expected);
        }
    }

    #[test]
    fn a_picture_has_title_description_axes_and_its_values() {
        let rows = [("<a>".to_owned(), vec![3, 1]), ("b".to_owned(), vec![0, 0])];
        let svg = stacked_bars(LABELS, &rows).into_string();
        assert!(svg.contains("<title>T</title><desc>D</desc>") && svg.contains("&lt;a&gt;"), "{svg}");
        assert_eq!((svg.matches("<rect").count(), svg.matches("class=\"axis\"").count()), (2, 5));
        let curve = log_log_curve(LABELS, &[(1, 1_000), (10, 90), (1_000, 1)]).into_string();
        assert!(curve.contains("64.0,14.0") && curve.contains("404.0,196.0"), "{curve}");
        assert!(!stacked_bars(LABELS, &[]).into_string().contains("NaN"));
        assert!(!log_log_curve(LABELS, &[]).into_string().contains("NaN"));
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    }
}
