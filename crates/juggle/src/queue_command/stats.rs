//! `juggle queue stats`: shows depth, ages, rates and jobs in progress.

use std::collections::BTreeMap;

use flow::{
    clock::Millis,
    lane::Lane,
    queue::{LaneDetails, LaneStats, QueueDetails, QueueStats, RATES_WINDOW_MS, Rates},
};
use indicatif::HumanCount;
use serde::Serialize;

use super::visit;
use crate::{
    exit::{CliError, Exit},
    output::{Out, align_right, counted, short_span, table},
};
use settings::resolved::Settings;

/// The maximum number of groups in the table. JSON has all that the queue returns.
const GROUPS_SHOWN: usize = 20;

pub(super) async fn run(settings: &Settings, out: &Out) -> Result<Exit, CliError> {
    let (stats, details) =
        visit(settings, async |queue| Ok((queue.stats().await?, queue.details().await?))).await?;
    if out.is_json() {
        out.json(&QueueStatsJson::of(&stats, &details))?;
    } else {
        out.line(&lanes_table(&stats, &details))?;
        out.line(&format!("Rates are means of the last {}.", short_span(RATES_WINDOW_MS)))?;
        let paused = paused(&stats);
        if !paused.is_empty() {
            out.line(&format!("Paused: {}", paused.join(", ")))?;
        }
        if stats.unfed > 0 {
            out.line(&format!("{} not in the fetch lane yet", counted(stats.unfed, "listed text")))?;
        }
        if let Some(table) = groups_table(&details) {
            out.line(&format!("\n{table}"))?;
        }
    }
    Ok(Exit::Done)
}

fn paused(stats: &QueueStats) -> Vec<&'static str> {
    Lane::ALL.iter().filter(|lane| stats.lane(**lane).paused).map(|lane| lane.name()).collect()
}

/// The statistics in JSON.
#[derive(Debug, Serialize)]
struct QueueStatsJson<'a> {
    lanes: BTreeMap<&'static str, LaneStatsJson<'a>>,
    pending: u64,
    dead: u64,
    unfed: u64,
    paused: Vec<&'static str>,
    rates_window_ms: Millis,
}

#[derive(Debug, Serialize)]
struct LaneStatsJson<'a> {
    ready: u64,
    delayed: u64,
    leased: u64,
    done: u64,
    dead: u64,
    retried: u64,
    paused: bool,
    workers: u64,
    oldest_pending_ms: Option<Millis>,
    rates_per_second: PerSecond,
    groups: Vec<GroupStatsJson<'a>>,
    groups_total: u64,
}

#[derive(Debug, Serialize)]
struct GroupStatsJson<'a> {
    group: Option<&'a str>,
    ready: u64,
    delayed: u64,
    in_flight: u64,
}

#[derive(Debug, PartialEq, Serialize)]
struct PerSecond {
    pushed: f64,
    claimed: f64,
    done: f64,
    failed: f64,
}

impl PerSecond {
    /// Computes rates, rounded to three decimals.
    #[expect(clippy::cast_precision_loss, reason = "events of a minute: far below 2^53")]
    fn of(rates: &Rates) -> Self {
        let mean = |count: u64| (count as f64 * 1e6 / RATES_WINDOW_MS as f64).round() / 1e3;
        let Rates { pushed, claimed, done, failed, dead: _ } = *rates;
        Self { pushed: mean(pushed), claimed: mean(claimed), done: mean(done), failed: mean(failed) }
    }
}

impl<'a> QueueStatsJson<'a> {
    fn of(stats: &QueueStats, details: &'a QueueDetails) -> Self {
        let lane =
            |lane: Lane| (lane.name(), LaneStatsJson::of(stats.lane(lane), &details.lanes[lane.index()]));
        Self {
            lanes: Lane::ALL.map(lane).into(),
            pending: stats.pending(),
            dead: stats.lanes.iter().map(|lane| lane.dead).sum(),
            unfed: stats.unfed,
            paused: paused(stats),
            rates_window_ms: RATES_WINDOW_MS,
        }
    }
}

impl<'a> LaneStatsJson<'a> {
    fn of(stats: &LaneStats, details: &'a LaneDetails) -> Self {
        let LaneStats { ready, delayed, leased, done, dead, retried, workers, paused } = *stats;
        let groups = details.groups.iter().map(|stats| GroupStatsJson {
            group: stats.group.as_ref().map(|group| group.0.as_str()),
            ready: stats.ready,
            delayed: stats.delayed,
            in_flight: stats.in_flight,
        });
        Self {
            ready,
            delayed,
            leased,
            done,
            dead,
            retried,
            paused,
            workers,
            oldest_pending_ms: details.oldest_pending_ms,
            rates_per_second: PerSecond::of(&details.rates),
            groups: groups.collect(),
            groups_total: details.groups_total,
        }
    }
}

fn lanes_table(stats: &QueueStats, details: &QueueDetails) -> String {
    let mut table = table(&[
        "lane",
        "ready",
        "delayed",
        "in flight",
        "done",
        "dead",
        "oldest",
        "pushed/s",
        "claimed/s",
        "done/s",
        "failed/s",
        "workers",
    ]);
    for lane in Lane::ALL {
        let (now, more) = (stats.lane(lane), &details.lanes[lane.index()]);
        let rates = PerSecond::of(&more.rates);
        let mut cells = vec![lane.name().to_owned()];
        cells.extend(
            [now.ready, now.delayed, now.leased, now.done, now.dead]
                .map(|count| HumanCount(count).to_string()),
        );
        cells.push(more.oldest_pending_ms.map_or_else(|| "–".to_owned(), short_span));
        cells
            .extend([rates.pushed, rates.claimed, rates.done, rates.failed].map(|rate| format!("{rate:.1}")));
        cells.push(now.workers.to_string());
        table.add_row(cells);
    }
    align_right(&mut table, 1..12);
    table.trim_fmt()
}

/// Renders the busiest groups of all lanes, or `None` if no pending job has a group.
fn groups_table(details: &QueueDetails) -> Option<String> {
    let named = |lane: Lane| {
        let groups = details.lanes[lane.index()].groups.iter();
        groups.filter_map(move |stats| Some((lane, stats.group.as_ref()?, stats)))
    };
    let mut rows: Vec<_> = Lane::ALL.into_iter().flat_map(named).collect();
    rows.sort_by_key(|(_, _, stats)| std::cmp::Reverse(stats.in_flight));
    if rows.is_empty() {
        return None;
    }
    let mut table = table(&["host", "lane", "in flight", "ready", "delayed"]);
    for (lane, group, stats) in rows.iter().take(GROUPS_SHOWN) {
        let counts = [stats.in_flight, stats.ready, stats.delayed].map(|count| HumanCount(count).to_string());
        let mut cells = vec![group.0.clone(), lane.to_string()];
        cells.extend(counts);
        table.add_row(cells);
    }
    align_right(&mut table, 2..5);
    let total: u64 = details.lanes.iter().map(|lane| lane.groups_total).sum();
    let unnamed: usize =
        details.lanes.iter().flat_map(|lane| &lane.groups).filter(|stats| stats.group.is_none()).count();
    // The table leaves out jobs without a group, such as those of local files.
    let more = total.saturating_sub((rows.len().min(GROUPS_SHOWN) + unnamed) as u64);
    let rest = if more > 0 { format!("\n… and {} more hosts", HumanCount(more)) } else { String::new() };
    Some(format!("{}{rest}", table.trim_fmt()))
}

#[cfg(test)]
mod tests {
    use flow::{job::Group, queue::GroupStats};

    use super::*;

    fn group(name: &str, in_flight: u64) -> GroupStats {
        GroupStats { group: Some(Group(name.to_owned())), ready: 7, delayed: 1, in_flight, pause: None }
    }

    #[test]
    fn the_busiest_hosts_are_shown_and_the_rest_is_counted() {
        let mut details = QueueDetails::default();
        assert_eq!(groups_table(&details), None);
        let fetch = &mut details.lanes[Lane::Fetch.index()];
        fetch.groups = (0..25).map(|n| group(&format!("h{n}.example"), 25 - n)).collect();
        fetch.groups_total = 1_025;
        let store = &mut details.lanes[Lane::Store.index()];
        store.groups = vec![GroupStats { group: None, ..group("", 3) }];
        store.groups_total = 1;
        let text = groups_table(&details).expect("there are groups");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1 + GROUPS_SHOWN + 1, "{text}");
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(lines[1]), ["h0.example", "fetch", "25", "7", "1"]);
        assert_eq!(*lines.last().expect("there are lines"), "… and 1,005 more hosts");
    }

    #[test]
    fn rates_are_means_of_a_second() {
        let rates = Rates { pushed: 60, claimed: 90, done: 1, failed: 0, dead: 0 };
        let expected = PerSecond { pushed: 1.0, claimed: 1.5, done: 0.017, failed: 0.0 };
        assert_eq!(PerSecond::of(&rates), expected);
    }
}
