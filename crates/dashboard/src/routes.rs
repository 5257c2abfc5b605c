//! Which function answers a request.

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use tokio::sync::Semaphore;

use crate::{
    api, attempts::AttemptLogs, documents::DocumentIndex, guard, guard::Guard, live::Live, metrics, pages,
    run::Run,
};

/// The maximum size of a request's body.
const BODY_BYTES_MAX: usize = 64 << 10;
/// The maximum number of answers that read files at the same time. Others wait for their turn.
const READS_MAX: usize = 2;
const SCRIPT: &str = include_str!("script.js");
/// Static files may be kept for as long as this program runs: a newer one listens on another port, or the
/// browser asks again.
const KEEP: &str = "private, max-age=300";

/// What every answer is made of.
pub(crate) struct App {
    pub(crate) guard: Arc<Guard>,
    pub(crate) live: Live,
    pub(crate) run: Arc<Run>,
    pub(crate) documents: DocumentIndex,
    pub(crate) attempts: AttemptLogs,
    reads: Arc<Semaphore>,
}

impl App {
    /// Runs `read`, which may block, when it has its turn. Returns `None` if it panicked.
    pub(crate) async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let turn = Arc::clone(&self.reads).acquire_owned().await.ok()?;
        let reading = tokio::task::spawn_blocking(move || {
            let result = read();
            // Only now: a request that is given up does not end its read.
            drop(turn);
            result
        });
        reading.await.ok()
    }
}

pub(crate) fn router(guard: Guard, live: Live, run: Arc<Run>) -> Router {
    let guard = Arc::new(guard);
    let app = Arc::new(App {
        guard: Arc::clone(&guard),
        live,
        documents: DocumentIndex::default(),
        attempts: AttemptLogs::new(&run.path),
        run,
        reads: Arc::new(Semaphore::new(READS_MAX)),
    });
    Router::new()
        .route("/", get(pages::overview::show))
        .route("/lanes", get(pages::lanes::show))
        .route("/hosts", get(pages::hosts::show))
        .route("/documents", get(pages::documents::show))
        .route("/documents/{id}", get(pages::document::show))
        .route("/failures", get(pages::failures::show))
        .route("/style.css", get(async || file("text/css; charset=utf-8", &pages::style())))
        .route("/script.js", get(async || file("text/javascript; charset=utf-8", SCRIPT)))
        .route("/favicon.ico", get(async || StatusCode::NO_CONTENT))
        .route("/events", get(api::events))
        .route("/metrics", get(metrics::show))
        .route("/api/status", get(api::status))
        .route("/api/jobs", get(api::jobs))
        .route("/api/documents/{id}", get(api::document))
        .route("/api/retry", post(api::retry))
        .route("/api/drop", post(api::drop_jobs))
        .route("/api/pause", post(api::pause))
        .route("/api/resume", post(api::resume))
        .fallback(unknown)
        .method_not_allowed_fallback(other_method)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        // The last layer is the first to see a request, also one for an unknown path.
        .layer(middleware::from_fn_with_state(guard, guard::check))
        .with_state(app)
}

fn file(kind: &'static str, content: &str) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, KEEP)], content.to_owned()).into_response()
}

async fn unknown(request: Request) -> Response {
    let is_api = guard::is_for_programs(request.uri().path());
    pages::problem::refused(is_api, StatusCode::NOT_FOUND, "there is no such page")
}

async fn other_method(request: Request) -> Response {
    let is_api = guard::is_for_programs(request.uri().path());
    let why = "this address takes another method; see the page on the dashboard in the documentation";
    pages::problem::refused(is_api, StatusCode::METHOD_NOT_ALLOWED, why)
}
