//! The page of a report.

use std::{cmp::Reverse, collections::BTreeMap};

use event_log::line::public;
use flow::lane::Lane;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use monitor::figures::{bytes, counted, grouped, mean_ms, percent, spaced, time};
use plot::Labels;

use crate::{
    data::{CorpusFacts, EventFacts, ReportData},
    tables::{ROWS_MAX, bars, counts_table, filled, full_table, table},
};

/// The maximum number of duplicates that are named.
const DUPLICATES_MAX: usize = 50;

/// Returns the page.
#[must_use]
pub fn render(data: &ReportData) -> String {
    let sections: [(&str, &str, Markup); 11] = [
        ("failures", "Failures", failures(data)),
        ("stages", "Stages over time", stages(data)),
        ("hosts", "Hosts", hosts(data)),
        ("documents", "Documents", documents(&data.corpus)),
        ("words", "Words", words(&data.corpus)),
        ("removed", "What was removed", removed(&data.corpus)),
        ("encodings", "Encodings", encodings(&data.corpus)),
        ("duplicates", "Duplicates", duplicates(data)),
        ("queue", "Queue", queue(data)),
        ("settings", "Settings", settings(data)),
        ("method", "About this report", method(data)),
    ];
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "juggle: " (data.name) }
                style { (PreEscaped(plot::STYLE)) (PreEscaped(crate::STYLE)) }
            }
            body {
                header {
                    h1 { (data.name) }
                    p class="soft" { "Made at " (time(data.made_at_ms)) " by juggle " (data.version) }
                    p { (state(data)) }
                    (tiles(data))
                    nav aria-label="Sections" {
                        ul { @for (id, title, _) in &sections { li { a href=(format!("#{id}")) { (title) } } } }
                    }
                }
                main {
                    @for (id, title, content) in &sections {
                        section aria-labelledby=(id) { h2 id=(id) { (title) } (content) }
                    }
                }
            }
        }
    };
    page.into_string()
}

/// Says whether the run is finished, what failed, and what can be done.
fn state(data: &ReportData) -> Markup {
    let (pending, dead) = (data.snapshot.pending, data.snapshot.dead);
    html! {
        @if pending > 0 { (counted(pending, "job")) " left. " }
        @else if data.corpus.totals.documents == 0 && dead == 0 { "The corpus is empty. " }
        @else { "All work is done. " }
        @if dead == 0 { span class="good" { "Nothing failed." } }
        @else { span class="bad" { (counted(dead, "document")) " failed." } " " a href="#failures" { "See why" } "." }
    }
}

fn tiles(data: &ReportData) -> Markup {
    let facts = &data.corpus;
    let tiles = [
        ("documents", grouped(facts.totals.documents)),
        ("received", bytes(facts.totals.bytes_raw)),
        ("text", bytes(facts.text_bytes)),
        ("tokens", grouped(facts.tokens)),
        ("distinct tokens", grouped(facts.distinct)),
        ("failed", grouped(data.snapshot.dead)),
        ("same text as another", grouped(facts.totals.duplicates)),
        ("doubtful encodings", grouped(facts.totals.doubtful_encodings)),
    ];
    html! { dl class="tiles" { @for (name, value) in &tiles { div { dt { (name) } dd { (value) } } } } }
}

fn failures(data: &ReportData) -> Markup {
    let groups = &data.snapshot.failures;
    let listed: u64 = groups.iter().map(|group| group.count).sum();
    html! {
        @if data.snapshot.dead == 0 { p { "Nothing failed." } }
        @else {
            (table(None, &["Reason", "Stage", "#Documents", "Examples"], groups.iter().map(|group| vec![
                group.kind.clone(), group.lane.name().to_owned(), grouped(group.count), group.examples.join(", "),
            ]).collect()))
            @if data.snapshot.dead > listed {
                p { (counted(data.snapshot.dead - listed, "more document")) " failed; only the first " (grouped(listed)) " were read." }
            }
            p class="soft" { "To list them: " code { "juggle queue ls --state dead" } }
        }
    }
}

fn stages(data: &ReportData) -> Markup {
    let EventFacts { bins, from_ms, bin_ms, is_incomplete, .. } = &data.events;
    if bins.is_empty() {
        return html! { p { "The log of events is empty." } };
    }
    let label = |at: usize| {
        let at_ms = from_ms + bin_ms * at as u64;
        let time = time(at_ms);
        time.get(11..19).unwrap_or(&time).to_owned()
    };
    let seconds = bin_ms / 1_000;
    html! {
        p { "Ends of attempts in each " @if seconds == 1 { "second" } @else { (seconds) " seconds" } ": done, and not done (failed, moved or requeued)." }
        div class="pair" {
            @for lane in Lane::ALL {
                @let rows: Vec<_> = bins.iter().enumerate().map(|(at, bin)| (label(at), bin[lane.index()].to_vec())).collect();
                @let done: u64 = rows.iter().map(|row| row.1[0]).sum();
                @let other: u64 = rows.iter().map(|row| row.1[1]).sum();
                figure style="margin:0" {
                    h3 { (lane.name()) }
                    (plot::stacked_bars(Labels {
                        title: &format!("Attempts of the {} stage over time", lane.name()),
                        description: &format!("{} done and {} not done between {} and {} UTC.", grouped(done), grouped(other), label(0), label(bins.len() - 1)),
                        x: "time, UTC",
                        y: &format!("attempts in {seconds} s"),
                    }, &rows))
                    details {
                        summary { "Table" }
                        (full_table(&["From", "#Done", "#Not done"], rows.iter().map(|(from, values)| vec![from.clone(), grouped(values[0]), grouped(values[1])]).collect()))
                    }
                }
            }
        }
        @if *is_incomplete { p { "Older lines of the log have been removed, or could not be written." } }
    }
}

fn hosts(data: &ReportData) -> Markup {
    let mut all: BTreeMap<&str, [u64; 6]> = BTreeMap::new();
    for (host, totals) in &data.corpus.hosts {
        let row = all.entry(host).or_default();
        (row[0], row[1]) = (totals.documents, totals.bytes);
    }
    for (host, requests) in data.events.traffic.hosts() {
        let row = all.entry(host).or_default();
        (row[2], row[3], row[4]) = (requests.requests, requests.repeated, requests.failed);
        row[5] = mean_ms(requests.seconds, requests.requests);
    }
    let mut rows: Vec<_> = all.into_iter().collect();
    rows.sort_by(|a, b| b.1[0].cmp(&a.1[0]).then_with(|| b.1[2].cmp(&a.1[2])));
    let rest = rows.split_off(rows.len().min(ROWS_MAX));
    let cells = |name: String, row: [u64; 6], mean: String| {
        vec![name, grouped(row[0]), bytes(row[1]), grouped(row[2]), grouped(row[3]), grouped(row[4]), mean]
    };
    let mut lines: Vec<Vec<String>> = rows
        .into_iter()
        .map(|(host, row)| {
            cells(host.to_owned(), row, if row[2] > 0 { grouped(row[5]) } else { "–".to_owned() })
        })
        .collect();
    if !rest.is_empty() {
        let mut sum = [0; 6];
        rest.iter().for_each(|(_, row)| (0..5).for_each(|at| sum[at] += row[at]));
        lines.push(cells(counted(rest.len() as u64, "other host"), sum, "–".to_owned()));
    }
    let held: Vec<_> = data.snapshot.hosts.iter().filter(|host| host.state.is_held()).collect();
    html! {
        @if lines.is_empty() { p { "No host has been contacted." } }
        @else {
            (table(
                Some("Documents and bytes are those of the corpus; requests are those in the log of events."),
                &["Host", "#Documents", "#Received", "#Requests", "#Repeated", "#Failed", "#Mean time, ms"],
                lines,
            ))
        }
        @for host in held.iter().take(ROWS_MAX) {
            p {
                (host.host) " is " (host.state.name()) " until "
                (time(data.made_at_ms + host.for_ms.unwrap_or(0))) ": " (host.reason().unwrap_or_default()) ". "
                (counted(host.pending(), "text")) " left."
            }
        }
        @if held.len() > ROWS_MAX { p { (counted((held.len() - ROWS_MAX) as u64, "more host")) " paused." } }
    }
}

fn documents(facts: &CorpusFacts) -> Markup {
    let mut languages: Vec<(String, u64)> =
        facts.languages.iter().map(|(name, count)| (name.clone(), *count)).collect();
    languages.sort_by_key(|row| Reverse(row.1));
    let dated: u64 = facts.decades.values().sum();
    let decades = filled(&facts.decades, 10, |decade| format!("{decade}s"));
    let sizes =
        filled(&facts.sizes, 1, |power| format!("≥ {}", bytes(1_u64.checked_shl(power).unwrap_or(u64::MAX))));
    html! {
        div class="pair" {
            div {
                h3 { "By language" }
                (counts_table("Language", languages))
            }
            div {
                h3 { "By size of the text" }
                (bars("Documents by size of the text", "size of the text", &sizes))
            }
            div {
                h3 { "By release" }
                @if dated == 0 { p { "No text states its date of release." } }
                @else {
                    (bars("Documents by decade of release", "decade of release", &decades))
                    p class="soft" { (counted(facts.totals.documents - dated, "document")) " without a date." }
                }
            }
        }
    }
}

fn words(facts: &CorpusFacts) -> Markup {
    if facts.tokens == 0 {
        return html! { p { "There are no tokens." } };
    }
    let points = |points: &[(u64, u64)]| points.iter().map(|(x, y)| vec![grouped(*x), grouped(*y)]).collect();
    let (first, last) = (facts.zipf.first(), facts.zipf.last());
    html! {
        div class="pair" {
            figure style="margin:0" {
                h3 { "Frequency by rank (Zipf)" }
                (plot::log_log_curve(Labels {
                    title: "Frequency of tokens by rank",
                    description: &format!(
                        "The most frequent token occurs {} times, the last of {} distinct tokens {} times.",
                        grouped(first.map_or(0, |point| point.1)), grouped(facts.distinct), grouped(last.map_or(0, |point| point.1)),
                    ),
                    x: "rank", y: "occurrences",
                }, &facts.zipf))
                details { summary { "Table" } (full_table(&["#Rank", "#Occurrences"], points(&facts.zipf))) }
            }
            figure style="margin:0" {
                h3 { "Growth of the vocabulary (Heaps)" }
                (plot::log_log_curve(Labels {
                    title: "Distinct tokens by tokens read",
                    description: &format!("{} distinct tokens after {} tokens.", grouped(facts.distinct), grouped(facts.tokens)),
                    x: "tokens read, in the order of document ids", y: "distinct tokens",
                }, &facts.heaps))
                details { summary { "Table" } (full_table(&["#Tokens", "#Distinct tokens"], points(&facts.heaps))) }
            }
        }
        h3 { "Most frequent" }
        @let ranked: Vec<_> = facts.words.iter().enumerate().map(|(at, (word, n))| {
            vec![(at + 1).to_string(), word.clone(), grouped(*n), percent(*n, facts.tokens)]
        }).collect();
        div class="pair" {
            @for half in ranked.chunks(ROWS_MAX) {
                (full_table(&["#Rank", "Token", "#Occurrences", "#Share"], half.to_vec()))
            }
        }
    }
}

fn removed(facts: &CorpusFacts) -> Markup {
    let rows: Vec<Vec<String>> = facts
        .cuts
        .iter()
        .map(|(rule, cut)| {
            vec![spaced(&format!("{rule:?}")), grouped(cut.documents), grouped(cut.lines), bytes(cut.bytes)]
        })
        .collect();
    html! {
        @if rows.is_empty() { p { "No boilerplate was removed." } }
        @else { (table(None, &["Rule", "#Documents", "#Lines", "#Bytes"], rows)) }
    }
}

fn encodings(facts: &CorpusFacts) -> Markup {
    let mut rows: Vec<_> =
        facts.encodings.iter().map(|((used, confidence), count)| (used, *confidence, *count)).collect();
    rows.sort_by_key(|row| Reverse(row.2));
    html! {
        @if rows.is_empty() { p { "There are no documents." } }
        @else {
            (table(None, &["Encoding", "Confidence", "#Documents"], rows.into_iter().map(|(used, confidence, count)| {
                vec![used.clone(), confidence.to_owned(), grouped(count)]
            }).collect()))
        }
        @if facts.totals.damaged > 0 {
            p { (counted(facts.totals.damaged, "document")) " with " (counted(facts.totals.replaced_characters, "character")) " that could not be decoded." }
        }
    }
}

fn duplicates(data: &ReportData) -> Markup {
    let all = &data.duplicates;
    html! {
        @if all.is_empty() { p { "No document has the text of another." } }
        @else {
            (full_table(&["Document", "Same text as"], all.iter().take(DUPLICATES_MAX).map(|duplicate| {
                vec![duplicate.id.to_string(), duplicate.duplicate_of.to_string()]
            }).collect()))
            @if all.len() > DUPLICATES_MAX {
                p { (counted((all.len() - DUPLICATES_MAX) as u64, "more")) ", all of them in duplicates.tsv." }
            }
        }
    }
}

fn queue(data: &ReportData) -> Markup {
    let rows = Lane::ALL.map(|lane| {
        let row = &data.snapshot.lanes[lane.name()].counts;
        let numbers = [row.ready, row.delayed, row.leased, row.done, row.dead, row.retried];
        let mut cells = vec![lane.name().to_owned()];
        cells.extend(numbers.map(grouped));
        cells.push(if row.paused { "paused" } else { "" }.to_owned());
        cells
    });
    html! {
        (full_table(&["Lane", "#Ready", "#Delayed", "#In flight", "#Done", "#Failed", "#Retried", "State"], rows.into()))
        @if data.snapshot.unfed > 0 { p { (counted(data.snapshot.unfed, "listed text")) " not in the fetch lane yet." } }
    }
}

fn settings(data: &ReportData) -> Markup {
    let rows = data.settings.iter().map(|row| row.iter().map(|cell| public(cell)).collect()).collect();
    html! { details { summary { "All settings" } (full_table(&["Setting", "Value", "From"], rows)) } }
}

fn method(data: &ReportData) -> Markup {
    html! {
        p {
            "The totals are of the documents that have gone through all stages. A text that several documents have is \
             counted once in tokens and words. Requests and times are from logs/events.jsonl."
        }
        p class="soft" { "juggle " (data.version) }
    }
}

#[cfg(test)]
mod tests {
    use corpus::boilerplate::Rule;
    use flow::queue::{QueueDetails, QueueStats};
    use monitor::snapshot::{Snapshot, Waits};

    use super::*;
    use crate::data::CutFacts;

    fn data() -> ReportData {
        let (stats, details) = (QueueStats::default(), QueueDetails::default());
        ReportData {
            name: "<script>alert(1)</script>".to_owned(),
            made_at_ms: 1_764_490_000_123,
            version: "0.1.0".to_owned(),
            snapshot: Snapshot::of(&stats, &details, &Waits::default(), Vec::new()),
            corpus: CorpusFacts::default(),
            events: EventFacts::default(),
            duplicates: Vec::new(),
            settings: vec![["proxy".into(), "http://me:hunter2@p:80".into(), "flag".into()]],
        }
    }

    #[test]
    fn names_are_escaped_and_secrets_left_out() {
        let mut data = data();
        data.corpus.languages.insert("<b>&\"".to_owned(), 3);
        data.corpus.totals.documents = 3;
        let page = render(&data);
        assert!(page.contains("&lt;script&gt;alert(1)") && page.contains("&lt;b&gt;&amp;"), "{page}");
        assert!(!page.contains("<script") && !page.contains("hunter2"));
        // Nothing is loaded.
        assert!(!page.contains("src=") && !page.contains("@import") && !page.contains("url("));
    }

    #[test]
    fn an_empty_run_says_so_in_every_section() {
        let page = render(&data());
        for said in [
            "The corpus is empty",
            "Nothing failed",
            "No host",
            "no tokens",
            "No boilerplate",
            "No document has",
        ] {
            assert!(page.contains(said), "{said}");
        }
    }

    #[test]
    fn a_long_tail_is_one_row() {
        let mut data = data();
        for number in 0..1_000 {
            data.corpus.languages.insert(format!("language {number}"), 2);
            data.corpus.hosts.entry(format!("host{number}")).or_default().documents = 2;
        }
        data.corpus.cuts.insert(Rule::StartMarker, CutFacts { documents: 2, lines: 3, bytes: 5_000 });
        data.corpus.totals.documents = 2_000;
        let page = render(&data);
        assert!(page.contains("975 others") && page.contains("975 other hosts"), "{page}");
        assert!(page.contains(">1,950<") && page.contains("start marker") && page.contains("4.88 KiB"));
        assert!(page.len() < 60_000, "{}", page.len());
    }
}
