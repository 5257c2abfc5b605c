//! Prints a plan for people.

use fetch::free_space::format_bytes;
use indicatif::HumanCount;
use sources::plan::{
    estimate::{Disk, Estimate, HostEstimate},
    robots::RobotsCounts,
};

use crate::{
    exit::CliError,
    output::{Out, align_right, counted, short_span, table},
};

/// The maximum number of hosts in the table.
const HOSTS_SHOWN_MAX: usize = 20;

/// Prints the plan.
pub(super) fn print(estimate: &Estimate, out: &Out) -> Result<(), CliError> {
    let Estimate { entries, bad_lines, stored, requests, .. } = estimate;
    out.line(&format!(
        "{} listed, {}. Dry run: nothing was changed.",
        counted(*entries, "text"),
        counted(*bad_lines, "invalid line")
    ))?;
    if !estimate.by_host.is_empty() {
        out.line(&hosts(&estimate.by_host))?;
    }
    if let Some(more @ 1..) = estimate.by_host.len().checked_sub(HOSTS_SHOWN_MAX) {
        out.line(&format!("… and {} more hosts", HumanCount(more as u64)))?;
    }
    for mirror in &estimate.mirrors {
        let texts = counted(mirror.texts, "text");
        out.line(&format!("Mirror: {texts} from {} instead of {}", mirror.to, mirror.from))?;
    }
    let stored = match (estimate.conditional_requests, *stored) {
        (again @ 1.., _) => format!(", {} of them for stored texts, only if they changed", HumanCount(again)),
        (0, stored @ 1..) => format!(", {} already stored", counted(stored, "text")),
        (0, 0) => String::new(),
    };
    out.line(&format!(
        "At least {} for {}{stored}; at most {} at a time",
        span(estimate.least_seconds),
        counted(*requests, "request"),
        HumanCount(estimate.downloads_at_a_time)
    ))?;
    out.line(&disk(estimate))
}

fn hosts(hosts: &[HostEstimate]) -> String {
    let header =
        ["texts", "stored", "requests", "at a time", "wait", "at least", "known bytes", "robots.txt", "host"];
    let mut table = table(&header);
    let cell = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    for host in hosts.iter().take(HOSTS_SHOWN_MAX) {
        table.add_row([
            HumanCount(host.texts).to_string(),
            HumanCount(host.stored).to_string(),
            HumanCount(host.requests).to_string(),
            cell(host.connections.map(|connections| connections.to_string())),
            cell(host.wait_seconds.map(|wait| format!("{wait}s"))),
            span(host.least_seconds),
            bytes(host),
            cell(host.robots.map(verdicts)),
            host.host.clone(),
        ]);
    }
    align_right(&mut table, 0..7);
    table.trim_fmt()
}

fn bytes(host: &HostEstimate) -> String {
    match (host.known_bytes, host.texts_of_unknown_size) {
        (0, 1..) => "-".to_owned(),
        (known, 0) => format_bytes(known),
        (known, _) => format!("{} +", format_bytes(known)),
    }
}

fn disk(estimate: &Estimate) -> String {
    let Disk { free_bytes, min_free_space_bytes, has_room } = estimate.disk;
    let free = free_bytes.map_or_else(|| "an unknown amount".to_owned(), format_bytes);
    let unknown = match estimate.texts_of_unknown_size {
        0 => String::new(),
        texts => format!(" and {} of unknown size", counted(texts, "text")),
    };
    let verdict = match has_room {
        Some(false) => ": NOT ENOUGH",
        Some(true) | None => "",
    };
    let (known, floor) = (format_bytes(estimate.known_bytes), format_bytes(min_free_space_bytes));
    format!("Disk: {free} free, {floor} to keep free, {known}{unknown} to fetch{verdict}")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times are not negative, and those of over half a billion years may be cut"
)]
fn span(seconds: f64) -> String {
    short_span((seconds * 1e3) as u64)
}

/// Returns the verdicts of robots.txt on the texts of a host.
fn verdicts(robots: RobotsCounts) -> String {
    match robots {
        RobotsCounts { allowed: 0, disallowed: 0, .. } => "not asked".to_owned(),
        RobotsCounts { disallowed: 0, .. } => "allows".to_owned(),
        RobotsCounts { disallowed, .. } => format!("disallows {disallowed}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_disallowed_is_said_first() {
        for (allowed, disallowed, not_asked, shown) in
            [(0, 0, 1, "not asked"), (1, 0, 1, "allows"), (1, 1, 1, "disallows 1")]
        {
            assert_eq!(verdicts(RobotsCounts { allowed, disallowed, not_asked }), shown);
        }
    }
}
