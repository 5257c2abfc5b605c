//! How evenly threads share work: how much longer two of them need than half of the processor time of all
//! that is done, that of publishing included. 1 is the bound.
//!
//! Twice: over the processor time of the same run, which says how long threads stood still, and over that of
//! a run on one thread, which says also how much longer the same work takes on two at a time, as they share
//! caches and memory. Nothing is forced to the medium, so that only the sharing is measured; what the file
//! system costs is in it.

use flow::durability::Durability;

use super::{corpus::Corpus, counter::Threads, stage::Plan, texts::Texts};
use crate::{report::Report, row::Better};

/// The name of this work.
pub const WORK: &str = "makespan";

/// Measures with all texts, and with one huge among small ones.
///
/// # Errors
/// If a text cannot be processed.
pub fn measure(
    plan: &Plan<'_>,
    texts: &Texts,
    divisor: u64,
    report: &mut Report,
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    let divisor = usize::try_from(divisor).unwrap_or(usize::MAX);
    for corpus in [Corpus::All(texts), Corpus::HugeAmongSmall { texts, divisor }] {
        measure_one(plan, corpus, report, progress)?;
    }
    Ok(())
}

fn measure_one(
    plan: &Plan<'_>,
    corpus: Corpus<'_>,
    report: &mut Report,
    progress: &mut dyn FnMut(&str),
) -> anyhow::Result<()> {
    let (shape, mut times) = (corpus.described(), [Vec::new(), Vec::new()]);
    let (mut over_own, mut over_one) = (Vec::new(), Vec::new());
    let mut peaks = [None, None];
    for run in 1..=plan.runs {
        let mut total = 0.0;
        for (at, threads) in Threads::ALL.into_iter().enumerate() {
            progress(&format!("{WORK}, {shape}: run {run} of {}, {}", plan.runs, threads.name()));
            let ran = plan.run_once(corpus, threads, Durability::Process)?.report;
            times[at].push(ran.seconds);
            peaks[at] = peaks[at].max(ran.rss_kib);
            match threads {
                Threads::One => total = ran.cpu_seconds,
                Threads::Two => {
                    over_own.push(over_total(ran.seconds, ran.cpu_seconds, threads));
                    over_one.push(over_total(ran.seconds, total, threads));
                }
            }
        }
    }
    for (at, threads) in Threads::ALL.into_iter().enumerate() {
        let shape = format!("{shape}: {}", threads.name());
        report.add(WORK, &shape, "s", &times[at], Better::Lower, peaks[at]);
    }
    for (over, total) in [(&over_own, "total/2"), (&over_one, "total of one thread/2")] {
        report.add(WORK, &format!("{shape}: makespan over {total}"), "×", over, Better::Lower, None);
    }
    Ok(())
}

/// The makespan over what it would be if nothing were lost.
fn over_total(makespan: f64, total: f64, threads: Threads) -> f64 {
    makespan * threads.count() as f64 / total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_makespan_of_half_the_total_is_one() {
        assert_eq!(over_total(2.0, 4.0, Threads::Two), 1.0);
        assert_eq!(over_total(4.0, 4.0, Threads::Two), 2.0);
    }
}
