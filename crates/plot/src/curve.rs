//! Curves on logarithmic axes.

use maud::Markup;

use crate::{
    frame::{BOTTOM, HEIGHT, LEFT, Labels, RIGHT, TOP, WIDTH, axis_y, frame, put, text},
    numbers::{is_power_of_ten, real, short},
};

/// Draws a curve on two logarithmic axes. Points need positive coordinates.
pub fn log_log_curve(labels: Labels<'_>, points: &[(u64, u64)]) -> Markup {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_goes_from_axis_to_axis() {
        let labels = Labels { title: "T", description: "D", x: "x", y: "y" };
        let curve = log_log_curve(labels, &[(1, 1_000), (10, 90), (1_000, 1)]).into_string();
        assert!(curve.contains("64.0,14.0") && curve.contains("404.0,196.0"), "{curve}");
        assert!(!log_log_curve(labels, &[]).into_string().contains("NaN"));
    }
}
