//! Draws the figures as one SVG file: a bar for each row, and a timeline for each way of the whole.

use plot::{Labels, Picture, TimeBar, TimelineLane, TimelineSpan};

use crate::{
    comparison::Comparison,
    measurement::{Measurement, Work, time},
    timeline::{Cell, Lane, Timeline},
};

/// The labels of the colours of a timeline, by series.
const LEGEND: [(usize, &str); 2] = [(WORKS, "works"), (WAITS, "waits")];
const WORKS: usize = 1;
const WAITS: usize = 0;

/// Draws the figures as SVG.
#[must_use]
pub fn svg(comparison: &Comparison) -> String {
    let mut pictures = vec![bars(comparison)];
    pictures.extend(comparison.timelines.iter().map(timeline));
    plot::standalone("Serial, concurrent and parallel work", &comparison.conditions(), &pictures)
}

fn bars(comparison: &Comparison) -> Picture {
    let rows = &comparison.rows;
    let said: Vec<String> = rows.iter().map(|row| format!("{}: {}", row.name, figures(row))).collect();
    let labels = Labels {
        title: &format!("Mean time of {} runs ± standard deviation; shorter is better", comparison.runs),
        description: &format!("{}.", said.join("; ")),
        x: "time, logarithmic: each line of the grid is ten times the one before",
        y: "",
    };
    let bar = |row: &Measurement| TimeBar {
        name: row.name.clone(),
        note: figures(row),
        series: series(row.workload.work),
        mean: row.mean,
        deviation: row.standard_deviation,
    };
    plot::time_bars(labels, &rows.iter().map(bar).collect::<Vec<_>>())
}

fn figures(row: &Measurement) -> String {
    format!("{} {}", time(row.mean), row.deviation())
}

/// Returns the colour of a work: its position in [`Work::ALL`], from 1.
fn series(work: Work) -> usize {
    match work {
        Work::Fetch => 1,
        Work::Save => 2,
        Work::Process => 3,
        Work::Whole => 4,
    }
}

fn timeline(timeline: &Timeline) -> Picture {
    let (way, lanes) = (timeline.way.name(), &timeline.lanes);
    let title = format!("The whole, {way}: who works and who waits, one lane a thread");
    let said: Vec<String> = lanes.iter().map(|lane| format!("{}: {}", lane.name, note(lane))).collect();
    let description = format!("Sampled in a run of {}. {}.", time(timeline.seconds), said.join("; "));
    let mut x = format!("time of one sampled run of {}", time(timeline.seconds));
    if timeline.lanes_left_out > 0 {
        x.push_str(&format!("; {} more not shown", timeline.lanes_left_out));
    }
    let labels = Labels { title: &title, description: &description, x: &x, y: "" };
    let drawn: Vec<TimelineLane> = lanes
        .iter()
        .map(|lane| TimelineLane {
            name: lane.name.clone(),
            note: note(lane),
            spans: spans(lane, timeline.seconds),
        })
        .collect();
    plot::timeline(labels, timeline.seconds, &drawn, &LEGEND)
}

fn note(lane: &Lane) -> String {
    format!("works {:.0} %", lane.share_working() * 100.0)
}

/// Returns a span for each run of equal cells.
fn spans(lane: &Lane, seconds: f64) -> Vec<TimelineSpan> {
    let width = seconds / lane.cells.len() as f64;
    let (mut spans, mut at) = (Vec::new(), 0);
    for same in lane.cells.chunk_by(|one, next| one == next) {
        let (start, end) = (at as f64 * width, (at + same.len()) as f64 * width);
        at += same.len();
        match same.first() {
            Some(Cell::Working) => spans.push(TimelineSpan { start, end, series: WORKS }),
            Some(Cell::Waiting) => spans.push(TimelineSpan { start, end, series: WAITS }),
            None => {}
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_as_long_as_its_cells() {
        let cells = [Cell::Waiting, Cell::Working, Cell::Working, Cell::Waiting].to_vec();
        let lane = Lane { name: "a".to_owned(), working_seconds: 2.0, waiting_seconds: 2.0, cells };
        let expected = [
            TimelineSpan { start: 0.0, end: 1.0, series: WAITS },
            TimelineSpan { start: 1.0, end: 3.0, series: WORKS },
            TimelineSpan { start: 3.0, end: 4.0, series: WAITS },
        ];
        assert_eq!(spans(&lane, 4.0), expected);
        assert_eq!(note(&lane), "works 50 %");
    }

    #[test]
    fn every_work_has_a_colour_of_its_own() {
        assert_eq!(Work::ALL.map(series), [1, 2, 3, 4]);
    }
}
