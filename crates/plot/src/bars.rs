//! Stacked bars.

use maud::Markup;

use crate::{
    frame::{BOTTOM, HEIGHT, LEFT, Labels, RIGHT, TOP, WIDTH, axis_y, frame, rectangle, text},
    numbers::{grouped, real},
};

/// The number of labels below the bars that have room.
const LABELS_MAX: usize = 5;

/// Draws vertical bars, one for each row of stacked values. The labels of rows are shown as far as there is
/// room.
pub fn stacked_bars(labels: Labels<'_>, rows: &[(String, Vec<u64>)]) -> Markup {
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
            let size = [(slot * 0.8).max(0.5), (y0 - y1).max(0.5)];
            rectangle(&mut svg, series + 1, [x + slot * 0.1, y1], size);
            below += value;
        }
        if at % every == 0 {
            text(&mut svg, x + slot / 2.0, HEIGHT - BOTTOM + 16.0, "middle", label);
        }
    }
    frame(labels, &svg)
}

/// Returns the end of a linear axis, and the distance of its ticks: 1, 2 or 5 times a power of ten.
pub(crate) fn scale(highest: u64) -> (u64, u64) {
    let rough = highest.div_ceil(4).max(1);
    let power = 10_u64.pow(rough.ilog10());
    let step = [1, 2, 5, 10].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    (highest.div_ceil(step) * step, step)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let labels = Labels { title: "T", description: "D", x: "x", y: "y" };
        let rows = [("<a>".to_owned(), vec![3, 1]), ("b".to_owned(), vec![0, 0])];
        let svg = stacked_bars(labels, &rows).into_string();
        assert!(svg.contains("<title>T</title><desc>D</desc>") && svg.contains("&lt;a&gt;"), "{svg}");
        assert_eq!((svg.matches("<rect").count(), svg.matches("class=\"axis\"").count()), (2, 5));
        assert!(!stacked_bars(labels, &[]).into_string().contains("NaN"));
    }
}
