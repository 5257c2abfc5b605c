//! The pages. Everything is escaped: titles, messages and host names come from strangers.

pub(crate) mod document;
pub(crate) mod documents;
pub(crate) mod failures;
pub(crate) mod hosts;
pub(crate) mod lanes;
pub(crate) mod overview;
mod parts;

use std::sync::Arc;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};
use monitor::{
    figures::{counted, grouped, run_name, short_span},
    snapshot::Snapshot,
};

use crate::{
    app::App,
    live::Sample,
    refusal::{HTML, PageRefusal},
};

const STYLE: &str = include_str!("style.css");
const PAGES: [(&str, &str); 5] = [
    ("/", "Overview"),
    ("/lanes", "Lanes"),
    ("/hosts", "Hosts"),
    ("/documents", "Documents"),
    ("/failures", "Failures"),
];

/// Returns the style sheet: the one of the report, and what only these pages have.
pub(crate) fn style() -> String {
    [plot::STYLE, report::STYLE, STYLE].concat()
}

/// A page, or the page that says why it cannot be shown.
type Answer = Result<Response, PageRefusal>;

/// A page in the making.
pub(crate) struct Page {
    app: Arc<App>,
    pub(crate) sample: Arc<Sample>,
    pub(crate) snapshot: Arc<Snapshot>,
}

impl Page {
    /// Takes a sample for a page.
    ///
    /// # Errors
    /// Returns the page that says why the queue cannot be read.
    pub(crate) async fn begin(app: Arc<App>) -> Result<Self, PageRefusal> {
        let sample = app.live.sample().await;
        let Some(sample) = sample else {
            return Err(unreadable(&app, "The queue has not answered for some seconds."));
        };
        match sample.snapshot.clone() {
            Ok(snapshot) => Ok(Self { app, sample, snapshot }),
            Err(why) => Err(unreadable(&app, &why)),
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.sample.at_ms
    }

    /// Returns the whole page. `at` is the path of its place in the navigation.
    pub(crate) fn end(&self, at: &str, title: &str, content: &Markup) -> Answer {
        let state = html! {
            p id="state" { (state(&self.snapshot)) }
            @if let Some(why) = &self.sample.log_error { p id="log-error" class="bad" { (why) } }
        };
        Ok(layout(&self.app, StatusCode::OK, at, title, &state, content))
    }
}

/// Returns the page that says why the queue cannot be read. It is shown until the queue can be read again.
fn unreadable(app: &App, why: &str) -> PageRefusal {
    let state = html! { p id="state" class="bad" { "The queue cannot be read." } };
    let content = html! {
        p id="why" { (why) }
        p { "Nothing was changed. This page tries again every second." }
    };
    let page = layout(app, StatusCode::SERVICE_UNAVAILABLE, "", "Problem", &state, &content);
    PageRefusal(Box::new(page))
}

/// Returns a whole page.
fn layout(
    app: &App,
    status: StatusCode,
    at: &str,
    title: &str,
    state: &Markup,
    content: &Markup,
) -> Response {
    let name = run_name(&app.run.path);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " – " (name) " – juggle" }
                link rel="stylesheet" href="/style.css";
                script src="/script.js" defer {}
            }
            body {
                a class="skip" href="#content" { "Skip to the content" }
                header id="head" {
                    div class="top" {
                        span class="name" title=(app.run.path.display()) { (name) }
                        nav aria-label="Pages" {
                            ul {
                                @for (path, name) in PAGES {
                                    li { a href=(path) aria-current=[(path == at).then_some("page")] { (name) } }
                                }
                            }
                        }
                    }
                    (state)
                }
                div id="message" role="status" {}
                main id="content" tabindex="-1" { h1 { (title) } (content) }
                footer {
                    p { span id="link" { "This page needs a script to stay up to date." } }
                    noscript { p { "Scripts are off: reload the page for newer figures, and use "
                        code { "juggle queue" } " to change the queue." } }
                }
                dialog id="ask" aria-labelledby="question" {
                    p id="question" {}
                    form method="dialog" {
                        button value="no" { "Cancel" }
                        button value="yes" class="do" { "Continue" }
                    }
                }
            }
        }
    };
    (status, [(header::CONTENT_TYPE, HTML)], page.into_string()).into_response()
}

/// Says in a line whether the run works, when it is done, and what is wrong.
fn state(snapshot: &Snapshot) -> Markup {
    let left = snapshot.pending;
    let paused: Vec<&str> =
        snapshot.lanes.iter().filter(|(_, lane)| lane.counts.paused).map(|(name, _)| *name).collect();
    let held = snapshot.hosts.iter().filter(|host| host.is_notable()).count() as u64;
    let works = snapshot.workers.values().any(|workers| *workers > 0);
    html! {
        @if left == 0 { strong { "All work is done." } }
        @else if !works { strong class="bad" { "No stage runs." } " " (counted(left, "document")) " left." }
        @else if let Some(seconds) = snapshot.seconds_left {
            strong { "Working: about " (short_span(seconds * 1_000)) " left." } " " (counted(left, "document")) " to go."
        }
        @else { strong { "Working." } " " (counted(left, "document")) " to go; the time left is not known yet." }
        @for lane in &paused { " " a href="/lanes" { "The " (lane) " lane is paused." } }
        @if held > 0 { " " a href="/hosts" { (counted(held, "host")) " paused or resting." } }
        " "
        @if snapshot.dead == 0 { span class="good" { "Nothing failed." } }
        @else { a class="bad" href="/failures" { (grouped(snapshot.dead)) " failed." } }
    }
}
