//! Pages and answers for what cannot be shown.

use axum::{
    Json,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use maud::{DOCTYPE, html};

use crate::routes::App;

/// Returns the answer to a request that is refused. It has nothing of the run.
pub(crate) fn refused(is_api: bool, status: StatusCode, why: &str) -> Response {
    if is_api {
        return (status, Json(serde_json::json!({ "error": why }))).into_response();
    }
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head { meta charset="utf-8"; title { "juggle: " (status.as_u16()) } }
            body { main { h1 { (status.canonical_reason().unwrap_or("Error")) } p { (why) } p { a href="/" { "Overview" } } } }
        }
    };
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], page.into_string()).into_response()
}

/// Returns the page that says why the queue cannot be read. It is shown until the queue can be read again.
pub(crate) fn unreadable(app: &App, why: &str) -> Response {
    let state = html! { p id="state" class="bad" { "The queue cannot be read." } };
    let content = html! {
        p id="why" { (why) }
        p { "Nothing was changed. This page tries again every second." }
    };
    super::layout(app, StatusCode::SERVICE_UNAVAILABLE, "", "Problem", &state, &content)
}
