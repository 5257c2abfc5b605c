//! Shows progress: bars on a terminal, a line every ten seconds elsewhere.

mod terminal;

use std::{sync::Arc, time::Duration};

use flow::{
    counters::Counters,
    lane::Lane,
    queue::{LaneStats, QueueAdmin, QueueStats},
};
use indicatif::{HumanBytes, HumanCount, MultiProgress, ProgressBar, ProgressStyle};
use tokio::{task::JoinHandle, time::Instant};

pub use self::terminal::bars;
use crate::output::Out;
use settings::{
    enums::{self, Verbosity},
    resolved::Settings,
};

/// The interval of drawing the bars and reading the queue.
const BEAT: Duration = Duration::from_millis(250);
/// The interval of plain lines.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// The way in which progress is shown.
#[derive(Debug, Clone)]
pub enum Show {
    /// Not at all.
    Nothing,
    /// Bars in this `MultiProgress` if standard error is a terminal, otherwise lines.
    Progress(MultiProgress),
}

impl Show {
    /// Returns the choice that the settings make.
    #[must_use]
    pub fn of(settings: &Settings, out: &Out) -> Self {
        match (settings.progress, settings.verbosity) {
            (enums::Progress::Hidden, _) | (_, Verbosity::Quiet) => Self::Nothing,
            (enums::Progress::Shown, Verbosity::Normal | Verbosity::Verbose(_)) => {
                Self::Progress(out.bars().clone())
            }
        }
    }

    /// Returns whether progress is shown.
    #[must_use]
    pub const fn is_shown(&self) -> bool {
        matches!(self, Self::Progress(_))
    }

    /// Adds a bar for a number of things. The bar is hidden if no progress is shown or standard error is not
    /// a terminal.
    #[must_use]
    pub fn bar(&self, things: u64, style: ProgressStyle) -> ProgressBar {
        match self {
            Self::Nothing => ProgressBar::hidden(),
            Self::Progress(bars) => bars.add(ProgressBar::new(things).with_style(style)),
        }
    }
}

/// Progress being shown.
pub struct Progress {
    task: Option<JoinHandle<()>>,
    show: Show,
}

impl Progress {
    /// Starts to show the progress of these lanes.
    #[must_use]
    pub fn start(show: Show, queue: Arc<dyn QueueAdmin>, lanes: &[(Lane, Arc<Counters>)]) -> Self {
        let lanes = lanes.to_vec();
        let task = match show.clone() {
            Show::Nothing => None,
            Show::Progress(bars) if bars.is_hidden() => Some(tokio::spawn(write_lines(queue, lanes))),
            Show::Progress(bars) => Some(tokio::spawn(draw(bars, queue, lanes))),
        };
        Self { task, show }
    }

    /// Stops and clears the bars.
    pub async fn finish(self) {
        if let Some(task) = self.task {
            task.abort();
            // The task was aborted above, or ended because the queue is gone.
            drop(task.await);
        }
        if let Show::Progress(bars) = self.show
            && let Err(error) = bars.clear()
        {
            tracing::debug!(%error, "failed to clear the progress bars");
        }
    }
}

type Lanes = Vec<(Lane, Arc<Counters>)>;

async fn draw(bars: MultiProgress, queue: Arc<dyn QueueAdmin>, lanes: Lanes) {
    let style = ProgressStyle::with_template("{prefix:>8} {bar:24} {pos}/{len} {wide_msg}")
        .expect("the template is a constant")
        .progress_chars("=> ");
    let lanes: Vec<_> = lanes
        .into_iter()
        .map(|(lane, counters)| {
            let bar = bars.add(ProgressBar::new(0).with_style(style.clone()).with_prefix(lane.name()));
            (lane, counters, bar)
        })
        .collect();
    let started = Instant::now();
    let mut beat = tokio::time::interval(BEAT);
    // The time left is computed from this run alone, not from documents of earlier runs.
    let first = queue.stats().await.unwrap_or_default();
    loop {
        beat.tick().await;
        let Ok(stats) = queue.stats().await else { return };
        for (lane, counters, bar) in &lanes {
            let now = stats.lane(*lane);
            bar.set_length(expected(&stats, *lane));
            bar.set_position(now.done + now.dead);
            bar.set_message(describe(now, first.lane(*lane), &stats, *lane, counters, started.elapsed()));
        }
    }
}

async fn write_lines(queue: Arc<dyn QueueAdmin>, lanes: Lanes) {
    let started = Instant::now();
    let mut beat = tokio::time::interval_at(started + LINE_EVERY, LINE_EVERY);
    let first = queue.stats().await.unwrap_or_default();
    loop {
        beat.tick().await;
        let Ok(stats) = queue.stats().await else { return };
        for (lane, counters) in &lanes {
            let now = stats.lane(*lane);
            let text = describe(now, first.lane(*lane), &stats, *lane, counters, started.elapsed());
            let (done, all) = (HumanCount(now.done), HumanCount(expected(&stats, *lane)));
            tracing::info!("{lane}: {done} of {all} done, {text}");
        }
    }
}

/// Returns the number of documents in the lane when all of the lanes above have passed them on.
fn expected(stats: &QueueStats, lane: Lane) -> u64 {
    let here = stats.lane(lane);
    let upstream: u64 = lane.upstream().iter().map(|&above| stats.lane(above).pending()).sum();
    here.done + here.dead + here.pending() + upstream + stats.unfed
}

fn describe(
    now: &LaneStats,
    first: &LaneStats,
    stats: &QueueStats,
    lane: Lane,
    counters: &Counters,
    elapsed: Duration,
) -> String {
    // Never zero, because rates are divided by it.
    let seconds = elapsed.as_secs_f64().max(0.001);
    let ended = (now.done + now.dead).saturating_sub(first.done + first.dead);
    let left = expected(stats, lane) - now.done - now.dead;
    let bytes = HumanBytes(bytes_a_second(counters.bytes.get(), elapsed));
    let mut text =
        format!("{} in progress, {} failed, {bytes}/s", HumanCount(now.leased), HumanCount(now.dead));
    if now.delayed > 0 {
        text.push_str(&format!(", {} delayed", HumanCount(now.delayed)));
    }
    if now.paused {
        text.push_str(", paused");
    }
    // Without a finished document there is no rate to extrapolate.
    if ended > 0 && left > 0 {
        let seconds_left = seconds * count(left) / count(ended);
        text.push_str(&format!(", {} left", indicatif::HumanDuration(Duration::from_secs_f64(seconds_left))));
    }
    text
}

fn bytes_a_second(bytes: u64, elapsed: Duration) -> u64 {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    bytes.saturating_mul(1_000) / millis
}

/// Converts a count for a rate; exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn count(n: u64) -> f64 {
    n as f64
}
