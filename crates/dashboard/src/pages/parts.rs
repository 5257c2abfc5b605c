//! Tables, buttons and times.

use flow::{clock::Millis, lane::Lane};
use maud::{Markup, html};
use monitor::{
    figures::{self, short_span},
    host::HostView,
};
use serde_json::{Value, json};

/// A row of a table, with the id by which the script finds it again.
pub(crate) type Row = (String, Vec<Markup>);

/// Returns a table. A column whose name begins with `#` has numbers.
pub(crate) fn table(id: &str, caption: &str, header: &[&str], rows: &[Row]) -> Markup {
    let class = |at: usize| header[at].starts_with('#').then_some("n");
    html! {
        div class="wide" tabindex="0" role="region" aria-label=(caption) {
            table id=(id) {
                caption class="unseen" { (caption) }
                thead { tr { @for (at, name) in header.iter().enumerate() {
                    th scope="col" class=[class(at)] { (name.trim_start_matches('#')) } } } }
                tbody {
                    @for (key, row) in rows {
                        tr id=(format!("{id}-{key}")) {
                            @for (at, cell) in row.iter().enumerate() {
                                @if at == 0 { th scope="row" { (cell) } } @else { td class=[class(at)] { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Returns a text as a cell.
pub(crate) fn cell(text: impl ToString) -> Markup {
    html! { (text.to_string()) }
}

/// Returns a number as a cell.
pub(crate) fn number(count: u64) -> Markup {
    html! { @if count == 0 { span class="soft" { "0" } } @else { (figures::grouped(count)) } }
}

/// Returns a time in the past, with the time of the clock when the pointer rests on it.
pub(crate) fn ago(now_ms: Millis, at_ms: Millis) -> Markup {
    let span = short_span(now_ms.saturating_sub(at_ms));
    html! { time datetime=(figures::timestamp(at_ms)) title=(figures::time(at_ms)) { (span) " ago" } }
}

/// Returns a time on the clock, with the time until then when the pointer rests on it.
pub(crate) fn until(now_ms: Millis, for_ms: Millis) -> Markup {
    let at = now_ms.saturating_add(for_ms);
    html! { time datetime=(figures::timestamp(at)) title=(figures::time(at)) {
    (figures::clock_time(at)) " (" (short_span(for_ms)) ")" } }
}

/// Returns a link to the page of a document.
pub(crate) fn document(id: &str) -> Markup {
    html! { a href=(format!("/documents/{id}")) { (id) } }
}

/// Returns a link to the jobs that a query selects.
pub(crate) fn jobs_link(query: &str, text: &str) -> Markup {
    html! { a href=(format!("/lanes?{query}#jobs")) { (text) } }
}

/// Returns a button that sends a change after a question.
pub(crate) fn button(label: &str, described: &str, path: &str, body: &Value, ask: Option<&str>) -> Markup {
    html! {
        button type="button" data-post=(path) data-body=(body.to_string()) data-ask=[ask] aria-label=(described) { (label) }
    }
}

/// Returns the button that pauses or resumes a lane.
pub(crate) fn pause_button(lane: Lane, is_paused: bool) -> Markup {
    let body = json!({ "lane": lane });
    if is_paused {
        button("Resume", &format!("Resume the {lane} lane"), "/api/resume", &body, None)
    } else {
        let ask = format!("Pause the {lane} lane? What is in progress is finished.");
        button("Pause", &format!("Pause the {lane} lane"), "/api/pause", &body, Some(&ask))
    }
}

/// Returns the state of a host, and until when and why it is held.
pub(crate) fn host_state(host: &HostView, now_ms: Millis) -> Markup {
    let class = if host.state.is_held() { "bad" } else { "" };
    html! {
        span class=(class) { (host.state.name()) }
        @if let Some(for_ms) = host.for_ms.filter(|for_ms| host.state.is_held() && *for_ms >= 1_000) {
            " until " (until(now_ms, for_ms))
        }
        @if let Some(why) = host.reason() { ": " (why) }
    }
}

/// Returns a part of a query, escaped.
pub(crate) fn pair(name: &str, value: &str) -> String {
    let mut pair = format!("{name}=");
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                pair.push(char::from(byte))
            }
            _ => pair.push_str(&format!("%{byte:02X}")),
        }
    }
    pair
}

/// Returns the choices of a `select`.
pub(crate) fn choices<'c>(current: &str, all: impl IntoIterator<Item = &'c str>) -> Markup {
    html! {
        option value="" { "all" }
        @for name in all { option value=(name) selected[name == current] { (name) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_and_attributes_are_escaped() {
        assert_eq!(pair("host", "a&b=c d/é"), "host=a%26b%3Dc%20d%2F%C3%A9");
        let markup = button("x", "<b>", "/api/retry", &json!({ "ids": ["\"><script>"] }), Some("a\"b"));
        let html = markup.into_string();
        assert!(!html.contains("<script>") && !html.contains("<b>") && html.contains("a&quot;b"), "{html}");
    }
}
