//! Detects tables without a header, which look like plain lists: `http://a/1.txt,eng,London` is not a URL
//! with commas.
//!
//! A URL may contain commas, semicolons and bars, so a separator alone proves nothing. A line is a row of a
//! table if something in it cannot be part of a URL: a cell before the URL, a space, a quotation mark, or
//! cells without any sign of a URL after a URL that ends like a file. A line with a separator is also a row
//! if the list has the extension `.csv` or `.tsv`. Lines without such a sign are rows if all of them have the
//! same number of cells, at least three, and end with a word.

use crate::{
    error::shown,
    formats::{plain, separator::Separator, table},
    resolve::{gutenberg, names_source},
};

/// The maximum number of lines that are examined.
pub(crate) const LINES_MAX: usize = 20;
/// The extensions of files that people list.
const ENDINGS: [&str; 22] = [
    "txt", "text", "md", "asc", "utf-8", "utf8", "htm", "html", "xhtml", "xml", "tei", "json", "pdf", "epub",
    "rtf", "doc", "docx", "odt", "zip", "gz", "zst", "bz2",
];

/// Detects a table without a header. Returns the message about it, or `None` for a plain list. `lines` are
/// its first lines that are neither blank nor comments.
pub(crate) fn detect(lines: &[String], extension: &str) -> Option<String> {
    let lines: Vec<&str> = lines.iter().map(|line| plain::without_comment(line).trim()).collect();
    let first = lines.first()?;
    let separator = Separator::USUAL.into_iter().find(|separator| is_table(&lines, *separator, extension))?;
    let name = |(at, cell): (usize, &String)| {
        let is_url = names_source(cell) || (separator == Separator::TAB && is_path(cell));
        if is_url { "url".to_owned() } else { format!("column{}", at + 1) }
    };
    let names: Vec<String> = table::cells(first, separator).iter().enumerate().map(name).collect();
    Some(format!(
        "it looks like a table without a header (its first line is '{}'). Add a header line with the names \
         of the columns, such as {}. If it is a plain list, write the characters , ; and | of a URL as \
         %2C, %3B and %7C",
        shown(first),
        names.join(&separator.to_string())
    ))
}

fn is_table(lines: &[&str], separator: Separator, extension: &str) -> bool {
    let rows: Vec<CandidateRow> =
        lines.iter().take(LINES_MAX).map(|line| CandidateRow::new(line, separator)).collect();
    let is_row = |row: &CandidateRow| row.is_row(separator, extension);
    let count = rows.iter().filter(|row| is_row(row)).count();
    (rows.first().is_some_and(is_row) && 2 * count >= rows.len()) || are_columns(&rows)
}

/// Returns whether all lines have the same number of cells, of which only the first is a URL.
fn are_columns(rows: &[CandidateRow]) -> bool {
    let [first, further @ ..] = rows else { return false };
    let width = first.cells.len();
    let is_alike = |row: &CandidateRow| {
        let [url, values @ .., last] = row.cells.as_slice() else { return false };
        let is_word = !last.is_empty() && last.chars().all(|c| c.is_alphabetic() || c == '-');
        row.cells.len() == width && names_source(url) && values.iter().all(|value| is_value(value)) && is_word
    };
    width >= 3 && !further.is_empty() && rows.iter().all(is_alike)
}

/// A line split at a separator.
struct CandidateRow<'l> {
    line: &'l str,
    cells: Vec<String>,
}

impl<'l> CandidateRow<'l> {
    fn new(line: &'l str, separator: Separator) -> Self {
        let cells = if separator.is_in(line) { table::cells(line, separator) } else { vec![line.to_owned()] };
        Self { line, cells }
    }

    fn is_row(&self, separator: Separator, extension: &str) -> bool {
        let [first, further @ ..] = self.cells.as_slice() else { return false };
        if further.is_empty() {
            return false;
        }
        // In a plain list, TABs separate URLs and paths of the same text.
        if separator == Separator::TAB {
            let is_text = |cell: &String| names_source(cell) || is_path(cell);
            let is_other = |cell: &String| !cell.is_empty() && !is_text(cell);
            return self.cells.iter().any(is_text) && self.cells.iter().any(is_other);
        }
        if !self.cells.iter().any(|cell| names_source(cell)) {
            return false;
        }
        let is_marked = self.line.contains([' ', '"']) || extension == "csv" || extension == "tsv";
        let is_file = names_source(first) && has_ending(first) && further.iter().all(|cell| is_value(cell));
        !names_source(first) || is_marked || is_file || is_book(first)
    }
}

fn is_book(cell: &str) -> bool {
    let named = cell.trim().split_once(':').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("pg"));
    named.is_some_and(|(_, number)| gutenberg::number(number).is_some())
}

/// Returns whether a cell may be the path of a file.
fn is_path(cell: &str) -> bool {
    cell.contains('/') || has_ending(cell)
}

/// Returns whether a cell has no sign of a URL.
fn is_value(cell: &str) -> bool {
    !cell.contains(['=', '&', '/', '?', '%', '#']) && !has_ending(cell)
}

fn has_ending(cell: &str) -> bool {
    let ending = cell.trim().rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(list: &str, extension: &str) -> Option<String> {
        let lines: Vec<String> = list.lines().map(str::to_owned).collect();
        detect(&lines, extension)
    }

    #[test]
    fn tables_without_a_header_are_told_with_the_header_to_add() {
        for (list, extension, header) in [
            ("http://h/n1.txt,eng,London\nhttp://h/n2.txt,deu,Bern", "csv", "url,column2,column3"),
            ("http://h/n1.txt,eng,London", "txt", "url,column2,column3"),
            ("http://h/n1.txt;eng;St. Louis", "", "url;column2;column3"),
            ("https://h/get?id=5,eng,London\nhttps://h/get?id=6,deu,Bern", "txt", "url,column2,column3"),
            ("http://h/n1.txt|eng", "", "url|column2"),
            ("http://h/n1.txt\teng\tLondon", "tsv", "url<TAB>column2<TAB>column3"),
            ("n1\thttp://h/n1.txt", "", "column1<TAB>url"),
            ("1\thttp://h/n1", "tsv", "column1<TAB>url"),
            ("mill\tbooks/mill.txt\nlane\tbooks/lane.txt", "txt", "column1<TAB>url"),
            ("1,http://h/get/1\n2,http://h/get/2", "txt", "column1,url"),
            ("\"mill\";\"http://h/n1\";\"Die Mühle; alt\"", "", "column1;url;column3"),
            ("Mill, The,https://h/1", "", "column1,column2,url"),
            ("http://h/1,The Mill", "", "url,column2"),
            ("http://h/a,http://h/b", "csv", "url,url"),
            ("pg:84,Frankenstein", "", "url,column2"),
            ("https://h/x.html,,\nhttps://h/y.html,en,", "txt", "url,column2,column3"),
            ("HTTP://h/n1.TXT, eng # comment", "", "url,column2"),
        ] {
            let message = told(list, extension).expect(list);
            assert!(message.contains("without a header"), "{message}");
            assert!(message.contains(&format!("such as {header}. ")), "{message}");
        }
    }

    #[test]
    fn plain_lists_of_urls_with_separators_in_them_stay_plain() {
        for list in [
            "",
            "http://h/Smith,John.txt\nhttp://h/Doe,Jane.txt",
            "http://www.spiegel.de/politik/0,1518,druck-1,00.html\nhttp://www.spiegel.de/kultur/0,1518,druck-2,00.html",
            "http://h/x;jsessionid=ABC123\nhttp://h/y;jsessionid=DEF456",
            "http://h/page.txt;v=2",
            "https://h/maps/@52.1,13.4,15z\nhttps://h/maps/@53.1,14.4,16z",
            "https://w/api.php?titles=A|B|C",
            "https://h/tags/a,b\nhttps://h/tags/c,d",
            "https://h/x,url,id\nhttps://h/y",
            "https://h/St.Petersburg,1900.txt",
            "https://h/a.txt # Alice, Bob; and | all",
            "https://h/1\thttps://m/1\nhttps://h/2\t./mirror/2",
            "books/a.txt\tother/a.txt",
            "pg:1-100\npg:84",
            "https://web.archive.org/web/2020/https://h/a,b",
        ] {
            assert_eq!(told(list, "txt"), None, "{list}");
        }
        assert_eq!(told("https://h/1\thttps://m/1", "tsv"), None);
        assert_eq!(told("https://h/1\nhttps://h/2", "csv"), None);
    }
}
