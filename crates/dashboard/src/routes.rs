//! The routes: each path and method with its handler.

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};

use crate::{api, app::App, guard, metrics, pages, refusal::Refusal};

/// The maximum size of a request's body.
const BODY_BYTES_MAX: usize = 64 << 10;
const SCRIPT: &str = include_str!("script.js");
/// Static files may be kept for as long as this program runs: a newer one listens on another port, or the
/// browser asks again.
const KEEP: &str = "private, max-age=300";

/// Returns the routes of a run.
pub(crate) fn router(app: Arc<App>) -> Router {
    let guard = Arc::clone(&app.guard);
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
        .layer(middleware::from_fn_with_state(guard, guard::guarded))
        .with_state(app)
}

fn file(kind: &'static str, content: &str) -> Response {
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, KEEP)], content.to_owned()).into_response()
}

async fn unknown(request: Request) -> Response {
    Refusal::new(StatusCode::NOT_FOUND, "there is no such page").at(request.uri().path())
}

async fn other_method(request: Request) -> Response {
    let why = "this address takes another method; see the page on the dashboard in the documentation";
    Refusal::new(StatusCode::METHOD_NOT_ALLOWED, why).at(request.uri().path())
}
