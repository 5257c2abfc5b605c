//! A document: its jobs, the timeline of its attempts, where it came from, its cuts, its first lines.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use corpus::meta::Meta;
use event_log::line::{Kind, Line, public};
use flow::lane::Lane;
use maud::{Markup, html};
use monitor::figures::{bytes, counted, grouped, short_span, spaced, timestamp};
use plot::{Labels, Picture, TimelineLane, TimelineSpan};
use serde_json::json;

use super::{
    Answer, Page,
    parts::{Row, ago, button, cell, document, number, table, until},
};
use crate::{
    api::{self, Document, JobRow},
    app::App,
    documents::Stored,
    refusal::Refusal,
};

pub(crate) async fn show(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    let page = Page::begin(Arc::clone(&app)).await?;
    let unknown = || Refusal::new(StatusCode::NOT_FOUND, format!("there is no document '{id}' in this run"));
    let found = api::gather(&app, &id).await?.ok_or_else(unknown)?;
    page.end("/documents", found.document.as_str(), &content(&found, page.now_ms()))
}

fn content(found: &Document, now_ms: u64) -> Markup {
    html! {
        @if let Some(title) = found.stored.as_ref().and_then(|stored| stored.meta.title.as_ref()) { p class="title" { (title) } }
        h2 { "State" }
        @if found.jobs.is_empty() { p { "It has no job in the queue." } }
        @else { (table("job", "Jobs of the document", &["Lane", "State", "Since", "#Tries", "Last failure", ""], &found.jobs.iter().map(|job| job_row(job, now_ms)).collect::<Vec<_>>())) }
        h2 { "Attempts" }
        (attempts(found))
        @if let Some(Stored { meta, text_begins }) = &found.stored {
            h2 { "Record" }
            (record(meta))
            h2 { "Removed lines" }
            (cuts(meta))
            h2 { "First lines" }
            @if text_begins.is_empty() { p { "The text is empty or missing." } }
            @else { pre tabindex="0" aria-label="First lines of the text" { @for line in text_begins { (line) "\n" } } }
        } @else {
            p { "It is not stored yet, so it has no record and no text." }
        }
    }
}

fn job_row(job: &JobRow, now_ms: u64) -> Row {
    let is_dead = job.state == flow::job::JobState::Dead;
    let (id, name) = (json!({ "ids": [job.id] }), &job.document);
    let cells = vec![
        cell(job.lane),
        html! { span class=(if is_dead { "bad" } else { "" }) { (job.state) }
        @if let (flow::job::JobState::Delayed, Some(due_ms)) = (job.state, job.due_ms) { " until " (until(now_ms, due_ms.saturating_sub(now_ms))) } },
        ago(now_ms, job.changed_ms),
        number(job.attempts.into()),
        html! { @if let Some(message) = &job.message { (message) } },
        html! { @if is_dead { (button("Retry", &format!("Retry {name}"), "/api/retry", &id, Some(&format!("Retry {name}?")))) } },
    ];
    (job.lane.to_string(), cells)
}

fn attempts(found: &Document) -> Markup {
    if found.attempts.is_empty() {
        return html! { p { "The log of events has no attempt of this document." } };
    }
    let mut rows: Vec<Row> = Vec::new();
    let mut ended_before: Option<i64> = None;
    for (at, line) in found.attempts.iter().enumerate() {
        let ended = line.time.as_millisecond();
        let ran = millis(line.seconds.unwrap_or(0.0));
        // The wait before an attempt begins with the end of the one before.
        let waited =
            ended_before.map(|before| u64::try_from(ended - before).unwrap_or(0).saturating_sub(ran));
        ended_before = Some(ended);
        rows.push((at.to_string(), attempt_row(line, waited)));
    }
    html! {
        (timeline(&found.attempts).in_page())
        (table("attempt", "Attempts, the oldest first", &["Ended", "Lane", "#Waited", "#Ran", "Result", "Status", "#Received", "Where and why"], &rows))
        @if found.attempts_left_out > 0 { p { (counted(found.attempts_left_out as u64, "older attempt")) " not shown." } }
    }
}

/// Draws when each stage worked for the document, and when the document waited for it.
fn timeline(attempts: &[Line]) -> Picture {
    let spans = |line: &Line| {
        let end = line.time.as_millisecond();
        (end - i64::try_from(millis(line.seconds.unwrap_or(0.0))).unwrap_or(0), end)
    };
    let begun = attempts.iter().map(|line| spans(line).0).min().unwrap_or(0);
    let since = |at: i64| Duration::from_millis(u64::try_from(at - begun).unwrap_or(0)).as_secs_f64();
    let mut lanes = Lane::ALL.map(|lane| TimelineLane {
        name: lane.name().to_owned(),
        note: String::new(),
        spans: Vec::new(),
    });
    let mut ended = begun;
    for line in attempts {
        let (Some(lane), (start, end)) = (line.lane, spans(line)) else { continue };
        let lane = &mut lanes[lane.index()].spans;
        lane.push(TimelineSpan { start: since(ended), end: since(start), series: 0 });
        let series = if line.event == Kind::Done { 1 } else { 2 };
        lane.push(TimelineSpan { start: since(start), end: since(end), series });
        ended = end;
    }
    let seconds = since(ended);
    let labels = Labels {
        title: "When the stages worked for it",
        description: &format!("{} in {}.", counted(attempts.len() as u64, "attempt"), span(millis(seconds))),
        x: "time since the first attempt began",
        y: "",
    };
    plot::timeline(labels, seconds, &lanes, &[(1, "done"), (2, "not done"), (0, "waits")])
}

fn attempt_row(line: &Line, waited: Option<u64>) -> Vec<Markup> {
    let ended = u64::try_from(line.time.as_millisecond()).unwrap_or_default();
    vec![
        html! { time datetime=(timestamp(ended)) { (format!("{:.3}", line.time).replace('T', " ").replace('Z', "")) } },
        html! { @if let Some(lane) = line.lane { (lane) } },
        waited.map_or_else(|| cell("–"), |waited| cell(span(waited))),
        line.seconds.map_or_else(|| cell("–"), |seconds| cell(span(millis(seconds)))),
        cell(line.event.name()),
        html! { @if let Some(status) = line.status { (status) } },
        html! { @if let Some(count) = line.bytes { (bytes(count)) } },
        html! {
            @if let Some(url) = &line.url { (url) }
            @if let Some(message) = &line.message { @if line.url.as_ref().is_some_and(|url| message.starts_with(url)) { (message.trim_start_matches(line.url.as_deref().unwrap_or_default())) } @else { " " (message) } }
        },
    ]
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time of an attempt")]
fn millis(seconds: f64) -> u64 {
    (seconds * 1e3).round() as u64
}

/// Returns a short time: `12 ms`, `3.4 s`, `5m`.
fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..120_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => short_span(ms),
    }
}

fn record(meta: &Meta) -> Markup {
    let encoding = &meta.encoding;
    let confidence = encoding.confidence.map(|confidence| format!("{confidence:?}").to_lowercase());
    let rows: Vec<(&str, Markup)> = [
        ("Author", meta.author.clone()),
        ("Language", meta.language.clone()),
        ("Released", meta.release_date.clone()),
        ("Listed as", Some(public(&meta.url))),
        ("Received from", Some(public(&meta.final_url))),
        ("Content type", meta.content_type.clone()),
        ("Last modified", meta.last_modified.clone()),
        ("Encoding", Some(encoding.used.clone())),
        ("Confidence", confidence),
        (
            "Characters that could not be decoded",
            (encoding.replacements > 0).then(|| grouped(encoding.replacements)),
        ),
        ("Received", Some(format!("{}, BLAKE3 {}", bytes(meta.raw.bytes), meta.raw.blake3))),
        (
            "Text",
            Some(format!(
                "{}, {}, BLAKE3 {}",
                bytes(meta.text.bytes),
                counted(meta.text.lines, "line"),
                meta.text.blake3
            )),
        ),
    ]
    .into_iter()
    .filter_map(|(name, value)| value.map(|value| (name, cell(value))))
    .chain(meta.duplicate_of.as_ref().map(|id| ("Same text as", document(id.as_str()))))
    .collect();
    html! { dl class="record" { @for (name, value) in &rows { dt { (name) } dd { (value) } } } }
}

fn cuts(meta: &Meta) -> Markup {
    let rows: Vec<Row> = meta
        .cuts
        .iter()
        .enumerate()
        .map(|(at, cut)| {
            let lines = format!("{}–{}", grouped(cut.first_line), grouped(cut.last_line));
            let rule = spaced(&format!("{:?}", cut.rule));
            (at.to_string(), vec![cell(rule), cell(lines), cell(bytes(cut.bytes))])
        })
        .collect();
    html! {
        @if rows.is_empty() { p { "Nothing." } }
        @else { (table("cut", "Removed lines", &["Rule", "#Lines", "#Size"], &rows)) }
    }
}
