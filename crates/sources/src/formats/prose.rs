//! Detects by the invalid lines of a list that it is a text or another file.
//!
//! A line of prose names no text and looks like neither a path nor a URL.

use crate::{
    error::{BadLine, shown},
    formats::separator::Separator,
};

/// The number of lines of prose, or of unreadable lines, that cannot be an accident.
const LINES: u64 = 10;

/// The counts of the kinds of lines that were read so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct ProseDetector {
    good: u64,
    bad: u64,
    /// The number of invalid lines that are prose; `first` describes the first of them.
    prose: u64,
    first: Option<String>,
    /// The number of lines that cannot be read: too long, not UTF-8 or with a NUL.
    unreadable: u64,
}

impl ProseDetector {
    /// Counts a line that named texts.
    pub(crate) fn count_valid(&mut self) {
        self.good += 1;
    }

    /// Counts an invalid line. `text` is `None` if the line cannot be read.
    pub(crate) fn count_bad(&mut self, bad: &BadLine, text: Option<&str>) {
        self.bad += 1;
        match text {
            None => self.unreadable += 1,
            Some(text) if is_prose(text) => {
                self.prose += 1;
                self.first.get_or_insert_with(|| format!("line {} is '{}'", bad.line, shown(text.trim())));
            }
            Some(_) => {}
        }
    }

    /// Returns what the file is instead of a list, as soon as that is certain.
    pub(crate) fn judge(&self) -> Option<String> {
        let foreign = self.prose + self.unreadable;
        (foreign >= LINES && foreign > 2 * self.good).then(|| self.description())
    }

    /// Returns the same at the end of the list. A few lines are enough there if no line names a text.
    pub(crate) fn judge_at_end(&self) -> Option<String> {
        let foreign = self.prose + self.unreadable;
        (self.good == 0 && foreign > 0 && 2 * foreign >= self.bad).then(|| self.description())
    }

    fn description(&self) -> String {
        match &self.first {
            Some(first) if self.prose >= self.unreadable => {
                format!("it looks like a text, not a source list ({first})")
            }
            Some(_) | None => "it is not a source list. It is binary data, a text that is not UTF-8, or a \
                text with lines of more than 64 KiB"
                .to_owned(),
        }
    }
}

/// Returns what the file is instead of a list, if its first lines are those of a text and not rows of a
/// table. `lines` are the first lines that are neither blank nor comments.
pub(crate) fn describe(lines: &[String]) -> Option<String> {
    let prose: Vec<&String> = lines.iter().filter(|line| is_prose(line)).collect();
    let is_text = 2 * prose.len() > lines.len() && !lines.iter().any(|line| line.contains("://"));
    let first = prose.first().filter(|_| is_text && !is_even(lines))?;
    Some(format!("it looks like a text, not a source list (it says '{}')", shown(first.trim())))
}

/// Returns whether some separator occurs equally often, at least once, in all lines.
fn is_even(lines: &[String]) -> bool {
    Separator::USUAL.into_iter().any(|separator| {
        let mut counts = lines.iter().map(|line| separator.count(line));
        counts.next().is_some_and(|first| first > 0 && counts.all(|count| count == first))
    })
}

/// Returns whether a line looks like neither a path nor a URL: it has several words, or letters beyond ASCII.
fn is_prose(line: &str) -> bool {
    let line = line.trim();
    let is_book = line.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("pg:"));
    if is_book || line.contains(['/', '\t']) || line.starts_with(['{', '[', '"']) || has_ending(line) {
        return false;
    }
    line.split_whitespace().nth(1).is_some() || line.chars().any(|c| !c.is_ascii() && c.is_alphabetic())
}

/// Returns whether a line ends like the name of a file or host: with a dot and one to five letters or digits.
fn has_ending(line: &str) -> bool {
    let ending = line.rsplit_once('.').map_or("", |(_, ending)| ending);
    (1..=5).contains(&ending.len()) && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detector(good: usize, bad: &[Option<&str>]) -> ProseDetector {
        let mut detector = ProseDetector::default();
        (0..good).for_each(|_| detector.count_valid());
        for (line, text) in (1..).zip(bad) {
            detector.count_bad(&BadLine { line, message: String::new() }, *text);
        }
        detector
    }

    #[test]
    fn prose_is_distinguished_from_paths_and_urls() {
        for line in ["It was a dark night.", "CHAPTER I", "「吾輩は猫である。」", "Жили-были"]
        {
            assert!(is_prose(line), "{line}");
        }
        for line in [
            "my book.txt",
            "the",
            "a/b c",
            "www.example.org",
            "ftp://x/y z",
            "{\"url\" :",
            "pg: 84",
            "",
            "x\ty z",
        ] {
            assert!(!is_prose(line), "{line}");
        }
    }

    #[test]
    fn lines_of_a_text_are_distinguished_from_rows_without_a_header() {
        let lines = |list: &str| -> Vec<String> { list.lines().map(str::to_owned).collect() };
        for list in [
            "The cat sat\non the mat\n",
            "第一章 开头\n这是一个古老的房子。它站在巷子的尽头，很安静。\n",
            "It was old; it was grey; and it stood.\nNobody knew; nobody came.\n",
            "PREFACE\nThe house, as I said, was old.\nNobody lived there.\n",
        ] {
            assert!(describe(&lines(list)).expect(list).contains("looks like a text"), "{list}");
        }
        for list in [
            "",
            "title\n",
            "a,b,c\n1,2,3\n",
            "number;source page\nThe Mill;mill page\n",
            "My reading list\nid,url\nx,/a\ny,/b\n",
            "The Mill http://h/1\nThe Lane http://h/2\n",
        ] {
            assert_eq!(describe(&lines(list)), None, "{list}");
        }
    }

    #[test]
    fn ten_lines_of_prose_are_a_text_and_a_few_bad_lines_are_not() {
        let prose = [Some("It was dark."); 10];
        assert!(detector(4, &prose).judge().expect("a text").contains("line 1 is 'It was dark.'"));
        assert_eq!(detector(5, &prose).judge(), None);
        assert_eq!(detector(0, &prose[1..]).judge(), None);
        assert_eq!(detector(0, &[Some("missing.txt"); 99]).judge(), None);
        assert!(detector(0, &[None; 10]).judge().expect("no text").contains("binary data"));
    }

    #[test]
    fn a_short_text_is_detected_at_its_end() {
        assert!(detector(0, &[Some("It was dark.")]).judge_at_end().is_some());
        assert_eq!(detector(1, &[Some("It was dark.")]).judge_at_end(), None);
        assert_eq!(
            detector(0, &[Some("missing.txt"), Some("nothing"), Some("My Book")]).judge_at_end(),
            None
        );
        assert!(detector(0, &[None]).judge_at_end().is_some());
        assert_eq!(detector(1, &[None]).judge_at_end(), None);
    }
}
