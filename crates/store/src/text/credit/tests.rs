use super::*;

fn all(expected: bool, paragraphs: &[&str]) {
    for paragraph in paragraphs {
        assert_eq!(is_credit(paragraph.lines()), expected, "{paragraph:?}");
    }
}
