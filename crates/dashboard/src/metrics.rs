//! `GET /metrics`: the run in Prometheus' text form.

use std::{fmt::Write, sync::Arc};

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use flow::lane::Lane;
use monitor::{host::HostState, snapshot::Snapshot, traffic::Traffic};

use crate::{app::App, live::Sample};

/// The maximum number of hosts with numbers of their own. With more, only the totals are given: the sum of
/// the others would fall whenever a host gets numbers of its own, and a counter must not fall.
const HOSTS_MAX: usize = 100;
const KIND: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(crate) async fn show(State(app): State<Arc<App>>) -> Response {
    let sample = app.live.sample().await;
    ([(header::CONTENT_TYPE, KIND)], render(sample.as_deref(), app.live.subscribers())).into_response()
}

fn render(sample: Option<&Sample>, subscribers: usize) -> String {
    let mut text = Text::default();
    let snapshot = sample.and_then(|sample| sample.snapshot.as_ref().ok());
    text.family("juggle_up", "gauge", "1 if the queue of the run can be read.");
    text.put("juggle_up", &[], u64::from(snapshot.is_some()));
    text.family("juggle_dashboard_subscribers", "gauge", "Browsers that follow the run.");
    text.put("juggle_dashboard_subscribers", &[], subscribers as u64);
    if let Some(snapshot) = snapshot {
        jobs(&mut text, snapshot);
        hosts(&mut text, snapshot);
    }
    if let Some(sample) = sample {
        requests(&mut text, &sample.log.traffic);
    }
    text.0
}

fn jobs(text: &mut Text, snapshot: &Snapshot) {
    let lanes = || Lane::ALL.map(Lane::name).into_iter().map(|lane| (lane, &snapshot.lanes[lane]));
    text.family("juggle_jobs", "gauge", "Jobs that are not done, by lane and state.");
    for (lane, view) in lanes() {
        let counts = &view.counts;
        for (state, count) in [
            ("ready", counts.ready),
            ("delayed", counts.delayed),
            ("leased", counts.leased),
            ("dead", counts.dead),
        ] {
            text.put("juggle_jobs", &[("lane", lane), ("state", state)], count);
        }
    }
    text.family("juggle_jobs_done_total", "counter", "Jobs that are done, by lane.");
    lanes().for_each(|(lane, view)| text.put("juggle_jobs_done_total", &[("lane", lane)], view.counts.done));
    text.family("juggle_lane_paused", "gauge", "1 if a person has paused the lane.");
    for (lane, view) in lanes() {
        text.put("juggle_lane_paused", &[("lane", lane)], u64::from(view.counts.paused));
    }
    text.family("juggle_workers", "gauge", "Workers, by lane.");
    snapshot.workers.iter().for_each(|(lane, count)| text.put("juggle_workers", &[("lane", lane)], *count));
    text.family("juggle_listed_texts", "gauge", "Entries of source lists that are not jobs yet.");
    text.put("juggle_listed_texts", &[], snapshot.unfed);
    text.family("juggle_failures", "gauge", "Documents that failed, by lane and reason.");
    let mut by_reason = std::collections::BTreeMap::new();
    for group in &snapshot.failures {
        *by_reason.entry((group.lane.name(), group.reason.name())).or_insert(0) += group.count;
    }
    for ((lane, reason), count) in by_reason {
        text.put("juggle_failures", &[("lane", lane), ("reason", reason)], count);
    }
    if let Some(seconds) = snapshot.seconds_left {
        text.family("juggle_seconds_left", "gauge", "The estimated time until all work is done.");
        text.put("juggle_seconds_left", &[], seconds);
    }
}

fn hosts(text: &mut Text, snapshot: &Snapshot) {
    let name = "juggle_hosts";
    text.family(name, "gauge", "Hosts with pending texts, by state. At most the first 256 are counted.");
    for state in HostState::ALL {
        let count = snapshot.hosts.iter().filter(|host| host.state == state).count();
        text.put(name, &[("state", state.name())], count as u64);
    }
}

fn requests(text: &mut Text, traffic: &Traffic) {
    let total = traffic.total();
    for (name, help, count) in [
        ("juggle_requests_total", "Requests since the event log begins.", total.requests),
        ("juggle_received_bytes_total", "Received bytes of bodies.", total.bytes),
        ("juggle_requests_repeated_total", "Requests that were repeated or sent elsewhere.", total.repeated),
        ("juggle_requests_failed_total", "Requests that failed for good.", total.failed),
    ] {
        text.family(name, "counter", help);
        text.put(name, &[], count);
    }
    if traffic.hosts().len() > HOSTS_MAX {
        return;
    }
    text.family("juggle_host_requests_total", "counter", "Requests, by host.");
    for (host, of_host) in traffic.hosts() {
        text.put("juggle_host_requests_total", &[("host", host)], of_host.requests);
    }
    text.family("juggle_host_received_bytes_total", "counter", "Received bytes of bodies, by host.");
    for (host, of_host) in traffic.hosts() {
        text.put("juggle_host_received_bytes_total", &[("host", host)], of_host.bytes);
    }
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.write(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn put(&mut self, name: &str, labels: &[(&str, &str)], value: u64) {
        self.0.push_str(name);
        for (at, (label, content)) in labels.iter().enumerate() {
            let content = content.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            self.write(format_args!("{}{label}=\"{content}\"", if at == 0 { "{" } else { "," }));
        }
        self.write(format_args!("{} {value}\n", if labels.is_empty() { "" } else { "}" }));
    }

    fn write(&mut self, part: std::fmt::Arguments<'_>) {
        self.0.write_fmt(part).expect("a string takes everything");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut text = Text::default();
        text.put("juggle_x", &[("host", "a\"b\\c\nd"), ("lane", "fetch")], 7);
        text.put("juggle_y", &[], 0);
        assert_eq!(text.0, "juggle_x{host=\"a\\\"b\\\\c\\nd\",lane=\"fetch\"} 7\njuggle_y 0\n");
    }

    #[test]
    fn without_a_queue_it_is_down() {
        assert!(render(None, 3).contains("juggle_up 0\n"));
    }
}
