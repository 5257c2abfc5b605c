//! Draws the figures as SVG, a bar for each row. Text stays text, in the reader's font.

use plotters::{
    backend::SVGBackend,
    coord::Shift,
    drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea},
    element::{PathElement, Rectangle, Text},
    style::{BLACK, Color, IntoFont, RGBColor, ShapeStyle, WHITE},
};

use crate::{
    comparison::Comparison,
    error::CompareError,
    measurement::{Measurement, Workload, time},
};

const WIDTH: i32 = 960;
/// The columns at which bars begin and the longest ends.
const BARS: (i32, i32) = (330, 730);
const MARGIN: i32 = 20;
const LINE: i32 = 28;
const BAR: i32 = 16;
/// The height of the title.
const HEAD: i32 = 70;
/// Colours that can be told apart without seeing red or green (Okabe and Ito).
const FETCH: RGBColor = RGBColor(0, 114, 178);
const PROCESS: RGBColor = RGBColor(230, 159, 0);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type DrawingError = DrawingAreaErrorKind<std::io::Error>;

/// Draws the figures as SVG.
///
/// # Errors
/// Returns the errors of the drawing library, which has none when it draws in memory.
pub fn svg(comparison: &Comparison) -> Result<String, CompareError> {
    let mut svg = String::new();
    draw(comparison, &mut svg).map_err(CompareError::start)?;
    Ok(svg)
}

fn draw(comparison: &Comparison, svg: &mut String) -> Result<(), DrawingError> {
    let rows = &comparison.rows;
    let height = HEAD + (rows.len() as i32 + 1) * LINE + MARGIN;
    let area = SVGBackend::with_string(svg, (WIDTH as u32, height as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    let title =
        format!("Mean time of {} runs, and its standard deviation; shorter is better", comparison.runs);
    write(&area, &title, (MARGIN, MARGIN), 21)?;
    let first_line = comparison.conditions().lines().next().unwrap_or_default().to_owned();
    write(&area, &first_line, (MARGIN, MARGIN + 26), 15)?;
    let mut top = HEAD;
    for (at, row) in rows.iter().enumerate() {
        // Half a line separates rows that have another scale.
        if at > 0 && !row.work.is_like(rows[at - 1].work) {
            top += LINE / 2;
        }
        draw_row(&area, row, top, longest(rows, row.work))?;
        top += LINE;
    }
    area.present()
}

/// Returns the seconds of the longest bar. Fetching and processing have scales of their own.
fn longest(rows: &[Measurement], work: Workload) -> f64 {
    let ends = rows.iter().filter(|row| row.work.is_like(work)).map(end);
    // Not 0, because positions are divided by it.
    ends.fold(f64::MIN_POSITIVE, f64::max)
}

fn end(row: &Measurement) -> f64 {
    row.mean + row.standard_deviation.unwrap_or(0.0)
}

fn draw_row(area: &Area<'_>, row: &Measurement, top: i32, longest: f64) -> Result<(), DrawingError> {
    let at = |seconds: f64| BARS.0 + (seconds / longest * f64::from(BARS.1 - BARS.0)).round() as i32;
    let colour = match row.work {
        Workload::Fetch { .. } => FETCH,
        Workload::Process { .. } => PROCESS,
    };
    write(area, &row.name, (MARGIN, top + 1), 17)?;
    // At least one pixel wide, so that the fastest row is visible.
    area.draw(&Rectangle::new([(BARS.0, top), (at(row.mean).max(BARS.0 + 1), top + BAR)], colour.filled()))?;
    if let Some(deviation) = row.standard_deviation {
        let (from, to, middle) =
            (at((row.mean - deviation).max(0.0)), at(row.mean + deviation), top + BAR / 2);
        for line in [
            [(from, middle), (to, middle)],
            [(from, middle - 4), (from, middle + 4)],
            [(to, middle - 4), (to, middle + 4)],
        ] {
            area.draw(&PathElement::new(line, ShapeStyle::from(&BLACK).stroke_width(1)))?;
        }
    }
    let figures = format!("{} {}   {:.2}×", time(row.mean), row.deviation(), row.speed_up);
    write(area, &figures, (at(end(row)) + 10, top + 1), 16)
}

/// Writes a text. The font is four fifths of `size` pixels high, as plotters counts.
fn write(area: &Area<'_>, text: &str, at: (i32, i32), size: i32) -> Result<(), DrawingError> {
    area.draw(&Text::new(text.to_owned(), at, ("sans-serif", size).into_font().color(&BLACK)))
}
