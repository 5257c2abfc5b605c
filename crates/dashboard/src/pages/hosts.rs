//! The hosts: what each does, until when it waits and why, and the requests to it.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::extract::{Query, State, rejection::QueryRejection};
use maud::html;
use monitor::{
    figures::{bytes, counted, grouped, mean_ms, short_span},
    host::HostView,
    traffic::HostRequests,
};
use serde::Deserialize;

use super::{
    Answer, Page,
    parts::{Row, cell, host_state, number, pair, table},
};
use crate::app::App;

/// The maximum number of hosts on the page.
const ROWS_MAX: usize = 200;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct HostsQuery {
    q: String,
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    query: Result<Query<HostsQuery>, QueryRejection>,
) -> Answer {
    let Query(HostsQuery { q }) = query?;
    let page = Page::begin(app).await?;
    let traffic = page.sample.log.traffic.hosts();
    let waiting: BTreeMap<&str, &HostView> =
        page.snapshot.hosts.iter().map(|host| (host.host.as_str(), host)).collect();
    let names: BTreeSet<&str> = waiting.keys().copied().chain(traffic.keys().map(String::as_str)).collect();
    let wanted = q.trim().to_lowercase();
    let mut hosts: Vec<(&str, Option<&HostView>, HostRequests)> = names
        .into_iter()
        .filter(|name| name.to_lowercase().contains(&wanted))
        .map(|name| (name, waiting.get(name).copied(), traffic.get(name).copied().unwrap_or_default()))
        .collect();
    // Hosts that are held first, then those with most work.
    hosts.sort_by_key(|(name, view, requests)| {
        let is_held = view.is_some_and(HostView::is_notable);
        (Reverse(is_held), Reverse(view.map_or(0, HostView::pending)), Reverse(requests.requests), *name)
    });
    let found = hosts.len();
    hosts.truncate(ROWS_MAX);
    let rows: Vec<Row> =
        hosts.iter().map(|(name, view, requests)| row(name, *view, requests, page.now_ms())).collect();
    let left_out = page.snapshot.hosts_total.saturating_sub(page.snapshot.hosts.len() as u64);
    let header = [
        "Host",
        "State",
        "#Waiting",
        "#In flight",
        "#Interval",
        "#Requests",
        "#Repeated",
        "#Failed",
        "#Received",
        "#Mean time",
        "",
    ];
    let content = html! {
        form class="filter" action="/hosts" {
            label { "Name " input type="search" name="q" value=(q) size="24" maxlength="300"; }
            button { "Filter" }
        }
        @if rows.is_empty() {
            p { @if q.is_empty() { "No host has been contacted, and no text waits for one." } @else { "No host matches." } }
        } @else { (table("host", "Hosts", &header, &rows)) }
        @if found > ROWS_MAX { p { (counted((found - ROWS_MAX) as u64, "more host")) ". Filter by name to see them." } }
        @if left_out > 0 { p { (counted(left_out, "further host")) " with pending texts not read." } }
        p class="soft" { "Requests are counted since the log of events begins." }
    };
    page.end("/hosts", "Hosts", &content)
}

fn row(name: &str, view: Option<&HostView>, requests: &HostRequests, now_ms: u64) -> Row {
    let mean = match requests.requests {
        0 => cell("–"),
        count => html! { (grouped(mean_ms(requests.seconds, count))) " ms" },
    };
    let cells = vec![
        cell(name),
        html! { @if let Some(view) = view { (host_state(view, now_ms)) } @else { span class="soft" { "no work" } } },
        number(view.map_or(0, |view| view.ready + view.delayed)),
        number(view.map_or(0, |view| view.in_flight)),
        view.map_or_else(|| cell("–"), |view| cell(interval(view.wait_ms))),
        number(requests.requests),
        number(requests.repeated),
        number(requests.failed),
        cell(bytes(requests.bytes)),
        mean,
        html! { a href=(format!("/failures?{}", pair("host", name))) aria-label=(format!("Failures of {name}")) { "failures" } },
    ];
    (name.to_owned(), cells)
}

/// Returns the time between two requests to a host: `500 ms`, `2s`.
fn interval(ms: u64) -> String {
    if ms.is_multiple_of(1_000) { short_span(ms) } else { format!("{ms} ms") }
}
