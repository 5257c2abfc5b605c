//! The stored documents, and the search in them.

use std::sync::Arc;

use axum::extract::{Query, State, rejection::QueryRejection};
use maud::{Markup, html};
use monitor::figures::{bytes, clock_time, counted};
use serde::Deserialize;

use super::{
    Answer, Page,
    parts::{Row, cell, choices, document, pair, table},
};
use crate::{
    app::App,
    documents::{Entry, Found, Only, Search},
    refusal::Refusal,
};

/// The number of documents on a page.
const PAGE: usize = 50;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DocumentsQuery {
    q: String,
    language: String,
    only: String,
    after: String,
}

impl DocumentsQuery {
    fn search(&self) -> Result<Search, Refusal> {
        let only =
            if self.only.is_empty() { Only::All } else { self.only.parse().map_err(Refusal::invalid)? };
        let after = match self.after.as_str() {
            "" => None,
            after => Some(after.parse().map_err(Refusal::invalid)?),
        };
        let words = self.q.trim().to_owned();
        Ok(Search { words, language: self.language.clone(), only, after, limit: PAGE })
    }
}

pub(crate) async fn show(
    State(app): State<Arc<App>>,
    query: Result<Query<DocumentsQuery>, QueryRejection>,
) -> Answer {
    let Query(query) = query?;
    let page = Page::begin(Arc::clone(&app)).await?;
    let search = query.search()?;
    let (index, blobs, now_ms) = (app.documents.clone(), Arc::clone(&app.run.blobs), page.now_ms());
    let found = app.reading(move || index.find(&*blobs, &search, now_ms)).await?;
    page.end("/documents", "Documents", &content(&query, &found))
}

fn content(query: &DocumentsQuery, found: &Found) -> Markup {
    let rows: Vec<Row> = found.entries.iter().map(row).collect();
    let is_search = !query.q.is_empty() || !query.language.is_empty() || !query.only.is_empty();
    let only = [Only::Doubtful, Only::Duplicates].map(|only| only.to_string());
    let languages = found.languages.iter().map(AsRef::as_ref);
    html! {
        form class="filter" action="/documents" role="search" {
            label { "Id, title or author " input type="search" name="q" value=(query.q) size="24" maxlength="300"; }
            @if found.languages.len() > 1 {
                label { "Language " select name="language" { (choices(&query.language, languages)) } }
            }
            label { "Only " select name="only" { (choices(&query.only, only.iter().map(String::as_str))) } }
            button { "Search" }
        }
        p { @if is_search { "Found " (counted(found.total as u64, "document")) ", as of " (clock_time(found.as_of_ms)) "." }
            @else { (counted(found.total as u64, "stored document")) "." } }
        @if !rows.is_empty() { (table("document", "Documents", &["Document", "Title", "Author", "Language", "#Size", "Notes"], &rows)) }
        @if let Some(next) = &found.next {
            p { a href=(format!("/documents?{}&{}&{}&after={}", pair("q", &query.q), pair("language", &query.language), pair("only", &query.only), next.as_str())) { "Next page" } }
        }
    }
}

fn row(entry: &Entry) -> Row {
    let cells = vec![
        document(entry.id.as_str()),
        cell(&entry.title),
        cell(&entry.author),
        cell(&entry.language),
        cell(bytes(entry.bytes)),
        html! {
            @if entry.is_doubtful { "doubtful encoding " }
            @if entry.is_duplicate { "same text as another" }
        },
    ];
    (entry.id.as_str().to_owned(), cells)
}
