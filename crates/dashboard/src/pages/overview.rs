//! The overview: is it working, how far, when is it done, what is wrong, what can be done.

use std::sync::Arc;

use axum::{
    extract::{RawQuery, State},
    http::header,
    response::{IntoResponse, Response},
};
use event_log::line::{Kind, Line};
use flow::{clock::Millis, lane::Lane};
use maud::{DOCTYPE, Markup, html};
use monitor::{
    figures::{self, bytes, counted, grouped},
    snapshot::{LaneView, Snapshot},
    traffic::BIN_MS,
};
use plot::Labels;

use super::{
    Answer, Page,
    parts::{ago, cell, document, host_state, jobs_link, number, pair, pause_button, table},
};
use crate::{app::App, guard::token_in, live::LogFacts, refusal::HTML};

/// The maximum number of hosts and failures on the overview.
const NAMED_MAX: usize = 6;

pub(crate) async fn show(State(app): State<Arc<App>>, RawQuery(query): RawQuery) -> Answer {
    let token = query.as_deref().and_then(token_in);
    // A wrong one must not replace the cookie of a browser that has the right one.
    if let Some(token) = token.filter(|token| app.guard.is_token(token)) {
        return Ok(give_cookie(&app, token));
    }
    let page = Page::begin(app).await?;
    let (snapshot, log, now_ms) = (&page.snapshot, &page.sample.log, page.now_ms());
    let content = html! {
        (tiles(snapshot, log))
        h2 { "Lanes" }
        (lanes(snapshot))
        (what_is_wrong(snapshot, now_ms))
        h2 { "The last ten minutes" }
        (recent(log, now_ms))
        (notable(log, now_ms))
    };
    page.end("/", "Overview", &content)
}

/// Gives the browser the cookie, and sends it on to a URL without the token.
fn give_cookie(app: &App, token: &str) -> Response {
    // Not a redirect: after a link in another site, a browser follows it without a strict cookie.
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content="0; url=/";
                title { "juggle" }
            }
            body { p { a href="/" { "Open the dashboard" } } }
        }
    };
    let headers =
        [(header::CONTENT_TYPE, HTML.to_owned()), (header::SET_COOKIE, app.guard.set_cookie(token))];
    (headers, page.into_string()).into_response()
}

fn tiles(snapshot: &Snapshot, log: &LogFacts) -> Markup {
    let process = &snapshot.lanes[Lane::Process.name()];
    let total = log.traffic.total();
    let tiles = [
        ("done", grouped(process.counts.done)),
        ("left", grouped(snapshot.pending)),
        ("failed", grouped(snapshot.dead)),
        ("done in the last minute", grouped(process.done_last_minute)),
        ("requests", grouped(total.requests)),
        ("received", bytes(total.bytes)),
        ("hosts with work", grouped(snapshot.hosts_total)),
        ("same text as another", grouped(log.duplicates.len() as u64)),
    ];
    html! { dl class="tiles" { @for (name, value) in &tiles { div { dt { (name) } dd { (value) } } } } }
}

/// Returns the table of the lanes.
pub(super) fn lanes(snapshot: &Snapshot) -> Markup {
    let header = [
        "Lane",
        "Progress",
        "#Done",
        "#Ready",
        "#Delayed",
        "#In flight",
        "#Failed",
        "#Per minute",
        "#Workers",
        "",
    ];
    // What has not ended in an earlier lane is still to come.
    let mut to_come = snapshot.unfed;
    let row = |lane: Lane| {
        let name = lane.name();
        let LaneView { counts, done_last_minute, .. } = &snapshot.lanes[name];
        let ended = counts.done + counts.dead;
        to_come += counts.ready + counts.delayed + counts.leased;
        let all = (ended + to_come).max(1);
        let linked = |state: &str, count: u64| {
            let query = format!("lane={name}&state={state}");
            if count == 0 { number(0) } else { jobs_link(&query, &grouped(count)) }
        };
        let cells = vec![
            html! { (name) @if counts.paused { " " span class="bad" { "paused" } } },
            html! { progress max=(all) value=(ended) aria-label=(format!("{name}: {ended} of {all} ended")) {} },
            number(counts.done),
            linked("ready", counts.ready),
            linked("delayed", counts.delayed),
            linked("leased", counts.leased),
            linked("dead", counts.dead),
            number(*done_last_minute),
            number(snapshot.workers[name]),
            pause_button(lane, counts.paused),
        ];
        (name.to_owned(), cells)
    };
    html! {
        (table("lanes", "The lanes", &header, &Lane::ALL.map(row)))
        @if snapshot.unfed > 0 { p id="unfed" { (counted(snapshot.unfed, "listed text")) " not in the fetch lane yet." } }
    }
}

fn what_is_wrong(snapshot: &Snapshot, now_ms: Millis) -> Markup {
    let held: Vec<_> = snapshot.hosts.iter().filter(|host| host.is_notable()).collect();
    let hosts: Vec<_> = held
        .iter()
        .take(NAMED_MAX)
        .map(|host| {
            let waiting = number(host.pending());
            (host.host.clone(), vec![cell(&host.host), host_state(host, now_ms), waiting])
        })
        .collect();
    let more = |count: usize, path: &str, what: &str| {
        html! { @if count > NAMED_MAX { p { a href=(path) { (counted((count - NAMED_MAX) as u64, what)) } } } }
    };
    html! {
        @if !held.is_empty() {
            h2 { "Hosts that are paused" }
            (table("held", "Hosts that are paused", &["Host", "State", "#Texts that wait"], &hosts))
            (more(held.len(), "/hosts", "more paused host"))
        }
        @if !snapshot.failures.is_empty() {
            h2 { "Failures" }
            ul class="plain" id="kinds" {
                @for group in snapshot.failures.iter().take(NAMED_MAX) {
                    li id=(format!("kind-{}-{}", group.lane, group.kind)) {
                        a href=(format!("/failures?lane={}&{}", group.lane, pair("kind", &group.kind))) {
                            (grouped(group.count)) " × " (group.kind) }
                        " in the " (group.lane) " lane"
                    }
                }
            }
            (more(snapshot.failures.len(), "/failures", "more kind"))
        }
    }
}

fn recent(log: &LogFacts, now_ms: Millis) -> Markup {
    if log.is_empty {
        return html! { p { "The log of events is empty, so there is nothing to show." } };
    }
    let bins = log.recent.bins(now_ms);
    let rows: Vec<(String, Vec<u64>)> = bins
        .iter()
        .map(|(at, counts)| (figures::clock_time(*at).replace(" UTC", ""), counts.to_vec()))
        .collect();
    let (done, failed) = bins.iter().fold((0, 0), |sum, (_, [done, failed])| (sum.0 + done, sum.1 + failed));
    html! {
        p id="recent-sums" { span class="key s1" {} " " (counted(done, "text")) " done, " span class="key s2" {} " " (grouped(failed)) " failed." }
        (plot::stacked_bars(Labels {
            title: "Texts that ended in the last ten minutes",
            description: &format!("{} done and {} failed.", grouped(done), grouped(failed)),
            x: "time, UTC",
            y: &format!("texts in {} s", BIN_MS / 1_000),
        }, &rows))
        details {
            summary { "Table" }
            (table("recent", "Texts that ended", &["From, UTC", "#Done", "#Failed"], &rows.iter().rev().filter(|(_, counts)| counts.iter().any(|count| *count > 0)).map(|(from, counts)| {
                (from.clone(), vec![cell(from), number(counts[0]), number(counts[1])])
            }).collect::<Vec<_>>()))
        }
    }
}

fn notable(log: &LogFacts, now_ms: Millis) -> Markup {
    html! {
        h2 { "The last failures and changes" }
        @if log.notable.is_empty() { p { "Nothing failed, and nobody changed anything, since the log of events begins." } }
        @else {
            ul class="plain" id="notable" {
                @for line in &log.notable {
                    li { (ago(now_ms, u64::try_from(line.time.as_millisecond()).unwrap_or_default())) " " (said(line)) }
                }
            }
        }
    }
}

/// Returns a line of the log in words.
fn said(line: &Line) -> Markup {
    html! {
        @if let Some(id) = &line.document { (document(id)) " " }
        @match line.event {
            Kind::Missing => { (counted(line.count.unwrap_or(0), "line")) " of the log could not be written" }
            Kind::Retried | Kind::Dropped => { (counted(line.count.unwrap_or(0), "job")) " " (line.event.name()) " by a person" }
            Kind::Paused | Kind::Resumed => { "the " @if let Some(lane) = line.lane { (lane) } " lane was " (line.event.name()) }
            Kind::Dead => { span class="bad" { "failed" } }
            _ => { (line.event.name()) }
        }
        @if let Some(message) = &line.message { ": " (message) }
    }
}
