//! The frame of a picture: its texts, its axes and the place between them.

use std::fmt::Write;

use maud::{Markup, PreEscaped, html};

pub(crate) const WIDTH: f64 = 420.0;
pub(crate) const HEIGHT: f64 = 240.0;
pub(crate) const LEFT: f64 = 64.0;
pub(crate) const RIGHT: f64 = 16.0;
pub(crate) const TOP: f64 = 14.0;
pub(crate) const BOTTOM: f64 = 44.0;

/// The texts of a picture.
#[derive(Debug, Clone, Copy)]
pub struct Labels<'l> {
    /// The title.
    pub title: &'l str,
    /// A description for people who cannot see the picture.
    pub description: &'l str,
    /// The name and unit of the horizontal axis.
    pub x: &'l str,
    /// The name and unit of the vertical axis.
    pub y: &'l str,
}

/// Returns a picture of the usual size, with the names of both axes.
pub(crate) fn frame(labels: Labels<'_>, inner: &str) -> Markup {
    let Labels { title, description, x, y } = labels;
    html! {
        svg class="plot" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" {
            title { (title) }
            desc { (description) }
            (PreEscaped(inner))
            text x=(LEFT + (WIDTH - LEFT - RIGHT) / 2.0) y=(HEIGHT - 6.0) text-anchor="middle" { (x) }
            text transform=(format!("translate(12,{}) rotate(-90)", TOP + (HEIGHT - TOP - BOTTOM) / 2.0))
                text-anchor="middle" { (y) }
        }
    }
}

/// Draws a line of the grid, with its label on the vertical axis.
pub(crate) fn axis_y(svg: &mut String, y: f64, label: &str) {
    put(svg, format_args!(r#"<path class="axis" d="M{LEFT} {y:.1}H{:.1}"/>"#, WIDTH - RIGHT));
    text(svg, LEFT - 6.0, y + 4.0, "end", label);
}

/// Writes a text. `anchor` is `start`, `middle` or `end`.
pub(crate) fn text(svg: &mut String, x: f64, y: f64, anchor: &str, content: &str) {
    let content = html! { (content) }.into_string();
    put(svg, format_args!(r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{content}</text>"#));
}

/// Draws a rectangle in the colour of a series, counted from 1.
pub(crate) fn rectangle(svg: &mut String, series: usize, [x, y]: [f64; 2], [width, height]: [f64; 2]) {
    put(
        svg,
        format_args!(
            r#"<rect class="s{series}" x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}"/>"#
        ),
    );
}

/// Appends markup.
pub(crate) fn put(svg: &mut String, part: std::fmt::Arguments<'_>) {
    svg.write_fmt(part).expect("a string takes everything");
}
