//! The JSON for programs and for the script of the pages.

use std::sync::Arc;

use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
    http::{StatusCode, header},
    response::IntoResponse,
};
use event_log::line::{Kind, Line, public};
use flow::{
    clock::Millis,
    document::DocumentId,
    failure::Reason,
    job::{Group, JobId, JobState, JobView, Selection},
    lane::Lane,
    queue::{BATCH_MAX, Pause},
};
use monitor::changes::{self, JobChange};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{app::App, documents::Stored, refusal::Refusal, run::OpenQueue};

/// The number of jobs of a page, if none is asked for.
const LIMIT: usize = 50;

/// `GET /api/status`: the same as `juggle status --json`.
pub(crate) async fn status(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Refusal> {
    let silent = || Refusal::unavailable("the queue does not answer");
    let sample = app.live.sample().await.ok_or_else(silent)?;
    match &sample.snapshot {
        Ok(_) => Ok(([(header::CONTENT_TYPE, "application/json")], sample.json.clone())),
        Err(why) => Err(Refusal::unavailable(why)),
    }
}

/// `GET /events`: the same whenever it changes.
pub(crate) async fn events(State(app): State<Arc<App>>) -> Result<impl IntoResponse, Refusal> {
    app.live.events().ok_or_else(|| Refusal::unavailable("too many readers of events"))
}

/// The query of `/api/jobs`, and of the pages that list jobs. An empty value is none.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct JobsQuery {
    pub(crate) lane: String,
    pub(crate) state: String,
    pub(crate) reason: String,
    pub(crate) host: String,
    pub(crate) after: String,
    pub(crate) limit: String,
}

impl JobsQuery {
    /// Returns the selection, the job to begin after, and the limit.
    pub(crate) fn parse(&self) -> Result<(Selection, Option<JobId>, usize), Refusal> {
        let selection = Selection {
            lane: parsed::<Lane>("lane", &self.lane)?,
            state: parsed::<JobState>("state", &self.state)?,
            reason: parsed::<Reason>("reason", &self.reason)?,
            group: (!self.host.is_empty()).then(|| Group(self.host.to_ascii_lowercase())),
            ..Selection::default()
        };
        let limit = parsed::<usize>("limit", &self.limit)?.unwrap_or(LIMIT).clamp(1, BATCH_MAX);
        Ok((selection, parsed::<JobId>("after", &self.after)?, limit))
    }
}

fn parsed<T: std::str::FromStr>(name: &str, value: &str) -> Result<Option<T>, Refusal>
where
    T::Err: ToString,
{
    if value.is_empty() {
        return Ok(None);
    }
    value
        .parse()
        .map(Some)
        .map_err(|error: T::Err| Refusal::invalid(format!("{name}: {}", error.to_string())))
}

/// A job in JSON. Texts of failures have neither passwords nor queries of URLs.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct JobRow {
    pub(crate) id: JobId,
    pub(crate) lane: Lane,
    pub(crate) document: String,
    pub(crate) state: JobState,
    pub(crate) host: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) failures: u32,
    /// The time at which a delayed job becomes ready, or the lease of a leased job ends.
    pub(crate) due_ms: Option<Millis>,
    pub(crate) pushed_ms: Millis,
    pub(crate) changed_ms: Millis,
    pub(crate) reason: Option<Reason>,
    pub(crate) message: Option<String>,
}

impl From<JobView> for JobRow {
    fn from(job: JobView) -> Self {
        let failure = job.last_failure();
        Self {
            reason: failure.map(|failure| failure.reason),
            message: failure.map(|failure| public(&failure.message)),
            id: job.id,
            lane: job.lane,
            state: job.state,
            attempts: job.attempts,
            failures: job.failures,
            due_ms: job.due_ms,
            pushed_ms: job.pushed_ms,
            changed_ms: job.changed_ms,
            document: job.key,
            host: job.group.map(|group| group.0),
        }
    }
}

/// A page of jobs.
#[derive(Debug, Serialize)]
pub(crate) struct Jobs {
    pub(crate) jobs: Vec<JobRow>,
    /// The value of `after` for the next page.
    pub(crate) next: Option<JobId>,
}

/// Lists jobs.
pub(crate) async fn list(app: &App, query: &JobsQuery) -> Result<Jobs, Refusal> {
    let (selection, after, limit) = query.parse()?;
    let open = app.run.open_queue().await?;
    let listed = open.queue.list(selection, after, limit).await;
    let jobs = open.close(listed).await?;
    let next = jobs.last().filter(|_| jobs.len() == limit).map(|job| job.id);
    Ok(Jobs { jobs: jobs.into_iter().map(JobRow::from).collect(), next })
}

/// `GET /api/jobs`
pub(crate) async fn jobs(
    State(app): State<Arc<App>>,
    query: Result<Query<JobsQuery>, QueryRejection>,
) -> Result<Json<Jobs>, Refusal> {
    let Query(query) = query?;
    list(&app, &query).await.map(Json)
}

/// Everything about a document.
#[derive(Debug, Serialize)]
pub(crate) struct Document {
    pub(crate) document: DocumentId,
    /// Its jobs in the order of the lanes.
    pub(crate) jobs: Vec<JobRow>,
    /// The last lines of the event log about it, the oldest first.
    pub(crate) attempts: Vec<Line>,
    /// The number of lines before them.
    pub(crate) attempts_left_out: usize,
    /// Its record and the first lines of its text, if it is stored.
    #[serde(flatten)]
    pub(crate) stored: Option<Stored>,
}

/// Gathers everything about a document. Returns `None` if nothing is known about it.
pub(crate) async fn gather(app: &App, id: &str) -> Result<Option<Document>, Refusal> {
    let Ok(document) = id.parse::<DocumentId>() else { return Ok(None) };
    let ids = changes::job_ids(&[id.to_owned()]).map_err(Refusal::invalid)?;
    let open = app.run.open_queue().await?;
    let listed = open.queue.list(Selection { ids, ..Selection::default() }, None, BATCH_MAX).await;
    let mut jobs = open.close(listed).await?;
    // The queue lists by id, which is a hash; people read in the order of the stages.
    jobs.sort_by_key(|job| job.lane);
    let (blobs, attempts, asked) = (Arc::clone(&app.run.blobs), app.attempts.clone(), document.clone());
    let reading = app.reading(move || {
        let stored = Stored::read(&*blobs, &asked)?;
        Ok((stored, attempts.of(&asked).map_err(Refusal::fault)?))
    });
    let (stored, (attempts, attempts_left_out)) = reading.await?;
    if jobs.is_empty() && attempts.is_empty() && stored.is_none() {
        return Ok(None);
    }
    let jobs = jobs.into_iter().map(JobRow::from).collect();
    Ok(Some(Document { document, jobs, attempts, attempts_left_out, stored }))
}

/// `GET /api/documents/ID`
pub(crate) async fn document(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
) -> Result<Json<Document>, Refusal> {
    let unknown = || Refusal::new(StatusCode::NOT_FOUND, format!("there is no document '{id}'"));
    gather(&app, &id).await?.map(Json).ok_or_else(unknown)
}

/// The body of `/api/retry` and `/api/drop`: ids, or a filter of failed documents.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ChangeBody {
    ids: Option<Vec<String>>,
    filter: Option<ChangeFilter>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeFilter {
    lane: Option<Lane>,
    reason: Option<Reason>,
    host: Option<String>,
    /// The failure in a few words, such as `404 Not Found`, as in the failures of `/api/status`.
    kind: Option<String>,
}

type Change = Result<Json<ChangeBody>, JsonRejection>;
type Changed = Json<Value>;

/// `POST /api/retry`: failed jobs are tried again.
pub(crate) async fn retry(State(app): State<Arc<App>>, body: Change) -> Result<Changed, Refusal> {
    change(&app, JobChange::Retry, body?.0).await
}

/// `POST /api/drop`: jobs are removed from the queue. A filter selects failed jobs only.
pub(crate) async fn drop_jobs(State(app): State<Arc<App>>, body: Change) -> Result<Changed, Refusal> {
    change(&app, JobChange::Drop, body?.0).await
}

async fn change(app: &App, change: JobChange, body: ChangeBody) -> Result<Changed, Refusal> {
    let lane = body.filter.as_ref().and_then(|filter| filter.lane);
    let open = app.run.open_queue().await?;
    let made = make(&open, change, body).await;
    open.close(Ok(())).await?;
    let count = made?;
    if count > 0 {
        app.record_change(change.event(), lane, Some(count));
    }
    Ok(Json(json!({ "changed": count })))
}

async fn make(open: &OpenQueue, change: JobChange, body: ChangeBody) -> Result<u64, Refusal> {
    let queue = &*open.queue;
    match body {
        ChangeBody { ids: Some(ids), filter: None } if !ids.is_empty() => {
            if ids.len() > BATCH_MAX {
                return Err(Refusal::invalid(format!("at most {BATCH_MAX} ids at a time")));
            }
            let unknown = changes::unknown_ids(queue, &ids).await?;
            if !unknown.is_empty() {
                let why = format!("nothing was changed: there is no job or document {}", unknown.join(", "));
                return Err(Refusal::new(StatusCode::NOT_FOUND, why));
            }
            let ids = changes::job_ids(&ids).map_err(Refusal::invalid)?;
            Ok(change.make_all(queue, &ids).await?)
        }
        ChangeBody { ids: None, filter: Some(ChangeFilter { lane, reason, host, kind }) }
            if lane.is_some() || reason.is_some() || host.is_some() || kind.is_some() =>
        {
            let group = host.map(|host| Group(host.to_ascii_lowercase()));
            let dead = Selection { lane, reason, group, state: Some(JobState::Dead), ..Selection::default() };
            match kind {
                None => Ok(change.make(queue, dead).await?),
                Some(kind) => {
                    let ids = changes::failed_of_kind(queue, dead, &kind).await?;
                    Ok(change.make_all(queue, &ids).await?)
                }
            }
        }
        _ => Err(Refusal::invalid(
            "nothing was changed: name \"ids\", or a \"filter\" with lane, reason, host or kind",
        )),
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LaneBody {
    lane: Lane,
}

type OfLane = Result<Json<LaneBody>, JsonRejection>;

/// `POST /api/pause`
pub(crate) async fn pause(State(app): State<Arc<App>>, body: OfLane) -> Result<Changed, Refusal> {
    set_paused(&app, Pause::Paused, body?.0.lane).await
}

/// `POST /api/resume`
pub(crate) async fn resume(State(app): State<Arc<App>>, body: OfLane) -> Result<Changed, Refusal> {
    set_paused(&app, Pause::Running, body?.0.lane).await
}

async fn set_paused(app: &App, pause: Pause, lane: Lane) -> Result<Changed, Refusal> {
    let open = app.run.open_queue().await?;
    let set = open.queue.set_paused(lane, pause).await;
    open.close(set).await?;
    let is_paused = pause == Pause::Paused;
    app.record_change(if is_paused { Kind::Paused } else { Kind::Resumed }, Some(lane), None);
    Ok(Json(json!({ "lane": lane, "paused": is_paused })))
}
