//! What a run that counted says of itself.

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};
use std::process::{Command, Stdio};

use crate::table::grouped;

/// Duration of a run, and its counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// From the first text that was opened to the last count.
    pub seconds: f64,
    /// Words; none if the tool does not say.
    #[serde(default)]
    pub words: Option<u64>,
    /// Different words; none if the tool does not say.
    #[serde(default)]
    pub distinct: Option<u64>,
    /// The most memory that it had; none if that is not known.
    #[serde(default)]
    pub rss_kib: Option<u64>,
}

impl Counted {
    /// Runs a program that says it as a line of JSON.
    ///
    /// # Errors
    /// If it ends badly or says something else.
    pub fn said_by(mut command: Command) -> anyhow::Result<Self> {
        let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
        ensure!(output.status.success(), "it failed ({})", output.status);
        Self::parsed(&output.stdout)
    }

    /// From the line of JSON.
    fn parsed(said: &[u8]) -> anyhow::Result<Self> {
        let counted: Self = serde_json::from_slice(said)
            .with_context(|| format!("no report: '{}'", String::from_utf8_lossy(said).trim()))?;
        ensure!(counted.seconds > 0.0 && counted.words != Some(0), "it counted nothing: {counted:?}");
        Ok(counted)
    }

    /// `7,031,220 words, 61,204 different`; empty if nothing is known.
    #[must_use]
    pub fn described(&self) -> String {
        let words = self.words.map(|words| format!("{} words", grouped(words)));
        let distinct = self.distinct.map(|distinct| format!("{} different", grouped(distinct)));
        words.into_iter().chain(distinct).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_and_told() {
        let said = b"{\"seconds\": 0.5, \"words\": 7031220, \"distinct\": 61204, \"rss_kib\": 3000}\n";
        let counted = Counted::parsed(said).unwrap();
        let expected =
            Counted { seconds: 0.5, words: Some(7_031_220), distinct: Some(61_204), rss_kib: Some(3000) };
        assert_eq!(counted, expected);
        assert_eq!(counted.described(), "7,031,220 words, 61,204 different");
        let silent = Counted::parsed(b"{\"seconds\": 0.5}").unwrap();
        assert_eq!(silent.described(), "");
    }

    #[test]
    fn what_is_no_report_is_told() {
        for said in ["", "words 7", "{\"seconds\": 0.5, \"words\": 0}", "{\"words\": 7}"] {
            assert!(Counted::parsed(said.as_bytes()).is_err(), "{said}");
        }
    }
}
