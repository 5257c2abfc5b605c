//! Shows progress: bars on a terminal, a line every ten seconds elsewhere.

mod terminal;

use std::{sync::Arc, time::Duration};

use flow::{
    clock::{Clock, millis},
    counters::Counters,
    lane::Lane,
    queue::{QueueAdmin, QueueStats},
};
use indicatif::{HumanBytes, HumanCount, MultiProgress, ProgressBar, ProgressStyle};
use monitor::{
    host::HostView,
    snapshot::{self, Waits},
    time_left::{time_left, to_come},
};
use tokio::{task::JoinHandle, time::Instant};

pub use self::terminal::bars;
use crate::output::{Out, clock_time, counted, short_span};
use settings::{
    enums::{self, Verbosity},
    resolved::Settings,
};

/// The interval of drawing the bars and reading the queue.
const BEAT: Duration = Duration::from_millis(250);
/// The interval of reading hosts and the time left.
const DETAILS_EVERY: Duration = Duration::from_secs(1);
/// The number of columns from which the bars are long.
const WIDE_COLUMNS: usize = 100;
/// The number of columns before the lines on the whole run.
const INDENT: usize = 9;
/// The maximum number of paused hosts that are named.
const HOSTS_MAX: usize = 3;
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
    pub fn start(
        show: Show,
        queue: Arc<dyn QueueAdmin>,
        lanes: &[(Lane, Arc<Counters>)],
        waits: Waits,
    ) -> Self {
        let view = View::new(queue, lanes.to_vec(), waits);
        let task = match show.clone() {
            Show::Nothing => None,
            Show::Progress(bars) if bars.is_hidden() => Some(tokio::spawn(write_lines(view))),
            Show::Progress(bars) => Some(tokio::spawn(draw(bars, view))),
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

/// The progress of a run, as it is shown.
struct View {
    queue: Arc<dyn QueueAdmin>,
    lanes: Lanes,
    waits: Waits,
    started: Instant,
    clock: Clock,
    /// Hosts and the time left. They take longer to compute, so they are read less often.
    details: Option<(Vec<HostView>, Option<Duration>)>,
    details_at: Option<Instant>,
}

impl View {
    fn new(queue: Arc<dyn QueueAdmin>, lanes: Lanes, waits: Waits) -> Self {
        let (started, clock) = (Instant::now(), Clock::start());
        Self { queue, lanes, waits, started, clock, details: None, details_at: None }
    }

    /// Reads the queue. Returns `None` if it is gone.
    async fn read(&mut self) -> Option<QueueStats> {
        let stats = self.queue.stats().await.ok()?;
        if self.details_at.is_none_or(|at| at.elapsed() >= DETAILS_EVERY) {
            let details = self.queue.details().await.ok()?;
            let hosts = snapshot::hosts(&details, &self.waits);
            let left = time_left(&stats, &details, &hosts).filter(|left| !left.is_zero());
            (self.details, self.details_at) = (Some((hosts, left)), Some(Instant::now()));
        }
        Some(stats)
    }

    /// Returns the lines below those of the lanes: the time left, and the hosts that are paused.
    fn run_lines(&self, width: usize) -> Vec<String> {
        let Some((hosts, left)) = &self.details else { return Vec::new() };
        let age_ms = self.details_at.map_or(0, |at| millis(at.elapsed()));
        let now = self.clock.now_ms();
        let held: Vec<&HostView> = hosts.iter().filter(|host| host.is_notable()).collect();
        let named = held.iter().take(HOSTS_MAX).map(|host| {
            let for_ms = host.for_ms.unwrap_or(0).saturating_sub(age_ms);
            let until = clock_time(now.saturating_add(for_ms));
            fit(
                width,
                &[
                    (1, format!("{} {} until {until}", host.host, host.state.name())),
                    (2, host.reason().unwrap_or_default()),
                    (3, format!("{} wait", counted(host.pending(), "text"))),
                ],
            )
        });
        let mut lines: Vec<String> = named.collect();
        if let Some(more @ 1..) = held.len().checked_sub(HOSTS_MAX) {
            lines.push(format!("{} more", counted(more as u64, "paused host")));
        }
        lines.extend(left.map(|left| format!("about {} left", short_span(millis(left)))));
        lines
    }

    /// Returns the rest of the line of a lane.
    fn lane_line(&self, stats: &QueueStats, lane: Lane, counters: &Counters, width: usize) -> String {
        let now = stats.lane(lane);
        let bytes = HumanBytes(bytes_a_second(counters.bytes.get(), self.started.elapsed()));
        let mut fields = vec![(3, format!("{} in progress", HumanCount(now.leased)))];
        if now.paused {
            fields.insert(0, (1, "paused".to_owned()));
        }
        if now.dead > 0 {
            fields.push((2, format!("{} failed", HumanCount(now.dead))));
        }
        fields.push((4, format!("{bytes}/s")));
        if now.delayed > 0 {
            fields.push((5, format!("{} delayed", HumanCount(now.delayed))));
        }
        fit(width, &fields)
    }
}

async fn draw(bars: MultiProgress, mut view: View) {
    let style = |template: &str| {
        let style = ProgressStyle::with_template(template).expect("the template is a constant");
        style.progress_chars("=> ")
    };
    let (wide, narrow) = (
        style("{prefix:>8} {bar:24} {pos}/{len} {wide_msg}"),
        style("{prefix:>8} {bar:10} {pos}/{len} {wide_msg}"),
    );
    let add =
        |prefix: &'static str| bars.add(ProgressBar::new(0).with_style(wide.clone()).with_prefix(prefix));
    let lanes: Vec<_> =
        view.lanes.clone().into_iter().map(|(lane, counters)| (lane, counters, add(lane.name()))).collect();
    let mut below: Vec<ProgressBar> = Vec::new();
    let mut beat = tokio::time::interval(BEAT);
    loop {
        beat.tick().await;
        let Some(stats) = view.read().await else { return };
        let columns = usize::from(console::Term::stderr().size().1);
        let is_wide = columns >= WIDE_COLUMNS;
        for (lane, counters, bar) in &lanes {
            let now = stats.lane(*lane);
            let (done, all) = (now.done + now.dead, expected(&stats, *lane));
            let taken = 8 + if is_wide { 24 } else { 10 } + format!("{done}/{all}").len() + 4;
            bar.set_style(if is_wide { wide.clone() } else { narrow.clone() });
            bar.set_length(all);
            bar.set_position(done);
            bar.set_message(view.lane_line(&stats, *lane, counters, columns.saturating_sub(taken)));
        }
        let lines = view.run_lines(columns.saturating_sub(INDENT + 1));
        while below.len() < lines.len() {
            below.push(bars.add(ProgressBar::new(0).with_style(style("         {wide_msg}"))));
        }
        for bar in below.drain(lines.len()..) {
            bars.remove(&bar);
        }
        for (bar, line) in below.iter().zip(lines) {
            bar.set_message(line);
        }
    }
}

async fn write_lines(mut view: View) {
    let mut beat = tokio::time::interval_at(view.started + LINE_EVERY, LINE_EVERY);
    loop {
        beat.tick().await;
        let Some(stats) = view.read().await else { return };
        for (lane, counters) in &view.lanes {
            let now = stats.lane(*lane);
            let text = view.lane_line(&stats, *lane, counters, usize::MAX);
            let (done, all) = (HumanCount(now.done), HumanCount(expected(&stats, *lane)));
            tracing::info!("{lane}: {done} of {all} done, {text}");
        }
        for line in view.run_lines(usize::MAX) {
            tracing::info!("{line}");
        }
    }
}

/// Returns the number of documents in the lane when all of the lanes above have passed them on.
fn expected(stats: &QueueStats, lane: Lane) -> u64 {
    let here = stats.lane(lane);
    here.done + here.dead + to_come(stats, lane)
}

/// Joins the fields that fit into a width, in their order. The most important ones, which have the lowest
/// numbers, are chosen first. No field is cut.
fn fit(width: usize, fields: &[(u8, String)]) -> String {
    let mut order: Vec<usize> = (0..fields.len()).filter(|&at| !fields[at].1.is_empty()).collect();
    order.sort_by_key(|&at| fields[at].0);
    let (mut chosen, mut used) = (Vec::new(), 0);
    for at in order {
        let length = console::measure_text_width(&fields[at].1) + if chosen.is_empty() { 0 } else { 2 };
        if used + length > width {
            break;
        }
        used += length;
        chosen.push(at);
    }
    chosen.sort_unstable();
    chosen.iter().map(|&at| fields[at].1.as_str()).collect::<Vec<_>>().join(", ")
}

fn bytes_a_second(bytes: u64, elapsed: Duration) -> u64 {
    let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    bytes.saturating_mul(1_000) / millis
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_give_way_by_importance_and_are_never_cut() {
        let fields =
            [(3, "16 in progress".to_owned()), (2, "3 failed".to_owned()), (4, "1.2 MiB/s".to_owned())];
        for (width, line) in [
            (40, "16 in progress, 3 failed, 1.2 MiB/s"),
            (35, "16 in progress, 3 failed, 1.2 MiB/s"),
            (34, "16 in progress, 3 failed"),
            (23, "3 failed"),
            (7, ""),
        ] {
            assert_eq!(fit(width, &fields), line);
        }
    }
}
