//! Requests and obeys robots.txt (RFC 9309), and the older `Crawl-delay`.
//!
//! * Before the first request to an origin its robots.txt is requested: one request, with redirects, of which
//!   the first 500 KiB are read.
//! * 2xx: the rules of the group that names this program hold, or those for all (§2.2.1). 4xx: nothing is
//!   forbidden (§2.3.1.3), except for 429, which is a busy server. More than five redirects, or a redirect
//!   that may not be followed: nothing is forbidden (§2.3.1.2).
//! * 5xx, 429 and unreachable: everything is forbidden until robots.txt can be had (§2.3.1.4). The text then
//!   fails as if the server did not respond, and may be tried again. If older rules are known, they are used
//!   instead.
//! * Rules are kept for a day (§2.4). The host cache shares them with other processes and later runs.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use flow::{
    clock::{Clock, Millis, millis},
    failure::Reason,
};
use robotxt::{BYTE_LIMIT, Robots};
use serde::{Deserialize, Serialize};
use url::Url;

use crate::{
    coding::{
        codings::Codings,
        decoder::{Decoder, Fault},
    },
    config::FetchConfig,
    credentials::strip_credentials,
    error::FetchError,
    failure::FetchFailure,
    politeness::host_cache::{CacheKind, HostCache},
    request::{
        client_error,
        requester::{ReceivedResponse, Requester},
    },
    response::head::ResponseHead,
};

/// The maximum number of redirects of robots.txt: §2.3.1.2.
const REDIRECTS_MAX: u32 = 5;
/// The time for which rules are used: §2.4.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// The time for which old rules are used again after new ones could not be had.
const STALE_FOR: Duration = Duration::from_secs(60 * 60);
/// The longest `Crawl-delay` that is obeyed. Longer ones count as this.
const CRAWL_DELAY_MAX: Duration = Duration::from_secs(600);
/// The timeout for all of robots.txt.
const DEADLINE_MAX: Duration = Duration::from_secs(60);
/// The maximum number of origins in memory. Others are read from the host cache again.
const ORIGINS_MAX: usize = 2_000;
/// The maximum number of bytes of robots.txt in memory, as received.
const BYTES_MAX: usize = 16 << 20;

/// The access to a URL that robots.txt gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RobotsAccess {
    /// The URL may be fetched.
    Allowed {
        /// The minimum time between two requests, in milliseconds. 0 if there is no `Crawl-delay`.
        crawl_delay_ms: Millis,
    },
    /// The URL may not be fetched.
    Forbidden,
}

/// The source of the rules for a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RulesSource {
    /// The rules were known.
    Cached,
    /// The rules were requested, which was the request of this attempt.
    Requested,
}

/// The rules of many origins.
#[derive(Debug)]
pub(crate) struct RobotsCache {
    agent: String,
    files: Arc<HostCache>,
    clock: Clock,
    deadline: Duration,
    origins: Mutex<HashMap<String, Arc<Origin>>>,
}

/// Checks URLs against robots.txt, for plans. Requests each origin once, and caches nothing on the disk.
#[derive(Debug)]
pub struct RobotsLookup {
    cache: RobotsCache,
    requester: Requester,
    /// The origins that did not respond.
    silent: Mutex<HashSet<String>>,
}

impl RobotsLookup {
    /// Creates a lookup that requests like a stage with this configuration.
    ///
    /// # Errors
    /// Returns an error if the HTTP client cannot be created.
    pub fn new(config: &FetchConfig) -> Result<Self, FetchError> {
        let files = Arc::new(HostCache::new(None));
        let cache = RobotsCache::new(config, files, Clock::start());
        Ok(Self { cache, requester: Requester::new(config)?, silent: Mutex::default() })
    }

    /// Returns the access to a URL, or `None` if robots.txt cannot be had.
    pub async fn check(&self, url: &Url) -> Option<RobotsAccess> {
        let origin = url.origin().ascii_serialization();
        // Each further check of a silent host would wait for the whole timeout again.
        if self.silent.lock().unwrap_or_else(PoisonError::into_inner).contains(&origin) {
            return None;
        }
        let verdict = self.cache.check(url, &self.requester).await.ok().map(|(verdict, _)| verdict);
        if verdict.is_none() {
            self.silent.lock().unwrap_or_else(PoisonError::into_inner).insert(origin);
        }
        verdict
    }
}

/// The rules of one origin. The lock is held while they are requested, so that other tasks wait instead of
/// requesting them too.
#[derive(Debug, Default)]
struct Origin(tokio::sync::Mutex<Option<Rules>>);

#[derive(Debug)]
struct Rules {
    robots: Robots,
    at_ms: Millis,
    bytes: usize,
}

/// The format of the cached file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct CachedRobots {
    origin: String,
    at_ms: Millis,
    /// The text of robots.txt, empty if there is none.
    text: String,
}

impl RobotsCache {
    pub(crate) fn new(config: &FetchConfig, files: Arc<HostCache>, clock: Clock) -> Self {
        let agent = product_token(&config.user_agent).to_owned();
        // robots.txt is small: it gets the time of one response, whatever `max_time` allows for a large text.
        let timeout = config.max_time.min(config.connect_timeout.saturating_add(config.idle_timeout));
        Self { agent, files, clock, deadline: timeout.min(DEADLINE_MAX), origins: Mutex::default() }
    }

    /// Returns the access to a URL, and whether robots.txt was requested for it.
    ///
    /// # Errors
    /// Returns the failure if robots.txt cannot be had and no older rules are known.
    pub(crate) async fn check(
        &self,
        url: &Url,
        requester: &Requester,
    ) -> Result<(RobotsAccess, RulesSource), FetchFailure> {
        let name = url.origin().ascii_serialization();
        let origin = self.origin(&name);
        // Held during the request, so that one task asks and the others wait for its answer.
        let mut rules = origin.0.lock().await;
        if rules.is_none() {
            *rules = self.remembered(&name).await;
        }
        if let Some(rules) = rules.as_ref().filter(|rules| self.is_fresh(rules)) {
            return Ok((rules.verdict(url), RulesSource::Cached));
        }
        match self.ask(url, requester).await {
            Ok(text) => {
                let fresh = self.note(name, text).await;
                let verdict = fresh.verdict(url);
                *rules = Some(fresh);
                // Unlocked first, so that the new rules count: `make_room` cannot see the size of locked
                // ones.
                drop(rules);
                self.make_room();
                Ok((verdict, RulesSource::Requested))
            }
            Err(failed) => {
                let stale = rules.as_mut().ok_or(failed)?;
                // Otherwise every attempt would request robots.txt again, and none would request its text.
                stale.at_ms = self.clock.now_ms().saturating_sub(millis(MAX_AGE - STALE_FOR));
                Ok((stale.verdict(url), RulesSource::Requested))
            }
        }
    }

    fn is_fresh(&self, rules: &Rules) -> bool {
        self.clock.now_ms().saturating_sub(rules.at_ms) < millis(MAX_AGE)
    }

    fn origin(&self, name: &str) -> Arc<Origin> {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(origins.entry(name.to_owned()).or_default())
    }

    /// Drops the rules that no task is using, if there are too many.
    fn make_room(&self) {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes_of = |origin: &Arc<Origin>| {
            // Rules that are being requested are locked and count as empty. Waiting for them would hold up
            // all origins.
            origin.0.try_lock().ok().and_then(|rules| rules.as_ref().map(|rules| rules.bytes)).unwrap_or(0)
        };
        if origins.len() > ORIGINS_MAX || origins.values().map(bytes_of).sum::<usize>() > BYTES_MAX {
            // Those in use stay, so that no task asks for them twice.
            origins.retain(|_, origin| Arc::strong_count(origin) > 1);
        }
    }

    async fn remembered(&self, name: &str) -> Option<Rules> {
        let (files, name) = (Arc::clone(&self.files), name.to_owned());
        let reading = tokio::task::spawn_blocking(move || {
            files.read::<CachedRobots>(CacheKind::Robots, &name).filter(|note| note.origin == name)
        });
        // A clock that was set back must not keep rules for ever.
        let now_ms = self.clock.now_ms();
        reading.await.ok().flatten().filter(|note| note.at_ms <= now_ms).map(|note| self.rules(&note))
    }

    async fn note(&self, origin: String, text: String) -> Rules {
        let note = CachedRobots { origin, at_ms: self.clock.now_ms(), text };
        let rules = self.rules(&note);
        let files = Arc::clone(&self.files);
        let writing =
            tokio::task::spawn_blocking(move || files.write(CacheKind::Robots, &note.origin, &note));
        if let Err(error) = writing.await {
            tracing::debug!(%error, "failed to cache a robots.txt");
        }
        rules
    }

    fn rules(&self, note: &CachedRobots) -> Rules {
        let robots = Robots::parse(note.text.as_bytes(), self.agent.as_str());
        Rules { robots, at_ms: note.at_ms, bytes: note.text.len() }
    }

    /// Requests robots.txt and returns its text, empty if nothing is forbidden.
    async fn ask(&self, url: &Url, requester: &Requester) -> Result<String, FetchFailure> {
        let mut at = url.clone();
        at.set_path("/robots.txt");
        at.set_query(None);
        at.set_fragment(None);
        // One deadline for all redirects together.
        tokio::time::timeout(self.deadline, self.follow(at.clone(), requester)).await.unwrap_or_else(|_| {
            Err(FetchFailure::transient(Reason::Timeout, unknown(&at, "no robots.txt in time")))
        })
    }

    async fn follow(&self, start: Url, requester: &Requester) -> Result<String, FetchFailure> {
        match requester.follow(start, REDIRECTS_MAX).await {
            Ok(Some(answer)) => self.read(answer).await,
            // More redirects than have to be followed: nothing is forbidden (§2.3.1.2).
            Ok(None) => Ok(String::new()),
            // The redirect leads to where robots.txt may not be requested: nothing is forbidden. The text's
            // own request is checked by itself.
            Err(failed) => match failed.failure.reason {
                Reason::Redirect | Reason::ForbiddenAddress => Ok(String::new()),
                _ => Err(failed),
            },
        }
    }

    async fn read(&self, answer: ReceivedResponse) -> Result<String, FetchFailure> {
        let ReceivedResponse { mut response, url, .. } = answer;
        let status = response.status().as_u16();
        match status {
            // A part of robots.txt may lack the rule that forbids the text, so it counts as no answer.
            200..=299 if !ResponseHead::new(&url, &response).is_part() && status != 206 => {}
            // 429 says that there were too many requests, not that there are no rules.
            400..=499 if status != 429 => return Ok(String::new()),
            _ => return Err(busy(&url, &response, self.clock.now_ms())),
        }
        let mut text = Vec::new();
        // One byte more than the parser reads, so that nothing that counts is missing.
        while text.len() <= BYTE_LIMIT {
            match response.chunk().await {
                Ok(Some(chunk)) => text.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return Err(client_error::broken_body(&url, &error)),
            }
        }
        text.truncate(BYTE_LIMIT + 1);
        let broken = |why: String| FetchFailure::transient(Reason::BadEncodingHeader, unknown(&url, &why));
        let codings =
            Codings::of_headers(response.headers()).map_err(|invalid| broken(invalid.to_string()))?;
        let decoding = tokio::task::spawn_blocking(move || decoded(&text, &codings));
        decoding.await.map_err(|error| broken(error.to_string()))?.map_err(|fault| broken(fault.to_string()))
    }
}

/// Removes the codings of the received bytes, and returns the first 500 KiB.
fn decoded(sent: &[u8], codings: &Codings) -> Result<String, Fault> {
    // No size limit is needed: reading stops after the bytes that count.
    let mut decoder = Decoder::new(codings, u64::MAX, sent);
    let mut text = Vec::new();
    while text.len() <= BYTE_LIMIT {
        let chunk = decoder.chunk()?;
        if chunk.is_empty() {
            break;
        }
        text.extend_from_slice(chunk);
        let bytes = chunk.len();
        decoder.consume(bytes);
    }
    text.truncate(BYTE_LIMIT + 1);
    Ok(String::from_utf8_lossy(&text).into_owned())
}

impl Rules {
    fn verdict(&self, url: &Url) -> RobotsAccess {
        // Rules match the path and the query. A fragment is never sent.
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        if !self.robots.is_allowed(path) {
            return RobotsAccess::Forbidden;
        }
        let delay = self.robots.crawl_delay().unwrap_or_default().min(CRAWL_DELAY_MAX);
        RobotsAccess::Allowed { crawl_delay_ms: millis(delay) }
    }
}

/// Returns the access that a robots.txt gives to a program with this user agent.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn says(text: &str, user_agent: &str, url: &Url) -> RobotsAccess {
    let config = FetchConfig { user_agent: user_agent.to_owned(), ..FetchConfig::default() };
    let book = RobotsCache::new(&config, Arc::new(HostCache::new(None)), Clock::start());
    book.rules(&CachedRobots { origin: String::new(), at_ms: 0, text: text.to_owned() }).verdict(url)
}

fn busy(url: &Url, response: &reqwest::Response, now_ms: Millis) -> FetchFailure {
    let mut failed = ResponseHead::new(url, response).busy(now_ms);
    let why = format!("{}: everything is forbidden until robots.txt can be read", response.status());
    failed.failure = flow::failure::Failure::new(Reason::Robots, unknown(url, &why));
    failed
}

fn unknown(url: &Url, why: &str) -> String {
    format!("{}: {why}", strip_credentials(url))
}

/// Returns the product token that robots.txt files name: the user agent up to the first character that cannot
/// be part of one (§2.2.1).
fn product_token(user_agent: &str) -> &str {
    let end = user_agent.find(|c: char| !(c.is_ascii_alphabetic() || c == '_' || c == '-'));
    &user_agent[..end.unwrap_or(user_agent.len())]
}

#[cfg(test)]
mod tests;
