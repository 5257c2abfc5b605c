//! Error responses: JSON for programs, a page for people.

use axum::{
    Json,
    extract::rejection::{JsonRejection, QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use flow::queue::QueueError;
use maud::{DOCTYPE, html};

/// The content type of a page.
pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// An error response: a status and its reason. It discloses nothing about the run.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) why: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, why: impl ToString) -> Self {
        Self { status, why: why.to_string() }
    }

    /// Creates the response to an invalid request.
    pub(crate) fn invalid(why: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }

    /// Creates the response to a request that may succeed later.
    pub(crate) fn unavailable(why: impl ToString) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, why)
    }

    /// Creates the response for a file that cannot be read, or an error in this program.
    pub(crate) fn fault(why: impl ToString) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, why)
    }

    /// Returns JSON for the paths of programs, and a page for all others.
    pub(crate) fn at(self, path: &str) -> Response {
        let is_for_programs = path.starts_with("/api/") || path == "/events" || path == "/metrics";
        if is_for_programs { self.into_response() } else { PageRefusal::from(self).into_response() }
    }
}

impl From<QueueError> for Refusal {
    fn from(error: QueueError) -> Self {
        Self::unavailable(error)
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl From<JsonRejection> for Refusal {
    fn from(rejection: JsonRejection) -> Self {
        Self::new(rejection.status(), rejection.body_text())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(serde_json::json!({ "error": self.why }))).into_response()
    }
}

/// A page that says what went wrong.
pub(crate) struct PageRefusal(pub(crate) Box<Response>);

impl<R: Into<Refusal>> From<R> for PageRefusal {
    fn from(refusal: R) -> Self {
        let Refusal { status, why } = refusal.into();
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head { meta charset="utf-8"; title { "juggle: " (status.as_u16()) } }
                body { main {
                    h1 { (status.canonical_reason().unwrap_or("Error")) }
                    p { (why) }
                    p { a href="/" { "Overview" } }
                } }
            }
        };
        let response = (status, [(header::CONTENT_TYPE, HTML)], page.into_string()).into_response();
        Self(Box::new(response))
    }
}

impl IntoResponse for PageRefusal {
    fn into_response(self) -> Response {
        *self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_get_json_and_people_a_page() {
        let kind = |path: &str| {
            let response = Refusal::invalid("<b>").at(path);
            assert_eq!(response.status(), StatusCode::BAD_REQUEST);
            response.headers()[header::CONTENT_TYPE].to_str().unwrap().to_owned()
        };
        for path in ["/api/jobs", "/api/unknown", "/events", "/metrics"] {
            assert_eq!(kind(path), "application/json", "{path}");
        }
        for path in ["/", "/documents", "/documents/PG84", "/apia"] {
            assert_eq!(kind(path), HTML, "{path}");
        }
    }
}
