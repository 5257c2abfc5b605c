//! Recognises books of Project Gutenberg by `pg:84` and by their URLs.

use std::ops::RangeInclusive;

use flow::document::DocumentId;
use url::Url;

/// The highest book number accepted: more than ten times what the catalogue holds.
const NUMBER_MAX: u32 = 999_999;

/// Returns the number of `pg:N` from the text after the colon.
///
/// # Errors
/// Returns a message if the text is not a book number.
pub(crate) fn named(digits: &str) -> Result<u32, String> {
    number(digits).ok_or_else(|| {
        format!(
            "a book has a number from 1 to {NUMBER_MAX} and is written as pg:84. Several books are \
            written as pg:1-100"
        )
    })
}

/// Returns the numbers of `pg:N-M`, both ends included, or `None` if the cell is not a range of books.
/// Returns an error message for an invalid range.
pub(crate) fn range(cell: &str) -> Option<Result<RangeInclusive<u32>, String>> {
    let (scheme, rest) = cell.trim().split_once(':')?;
    let (first, last) = rest.split_once('-').filter(|_| scheme.eq_ignore_ascii_case("pg"))?;
    Some(match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => Ok(first..=last),
        (Some(_), Some(_)) => Err("the range ends before it begins. Write the lower number first".to_owned()),
        _ => Err(format!("a range of books is two numbers from 1 to {NUMBER_MAX}, as in pg:1-100")),
    })
}

/// Returns whether a host is the main site.
pub(crate) fn is_main_host(host: &str) -> bool {
    matches!(host.trim_end_matches('.'), "gutenberg.org" | "www.gutenberg.org")
}

/// Returns the id of the book whose text is at a URL, or `None` if the URL is not that of a book. Knows the
/// layouts of the site and of its mirrors: `cache/epub/N/pgN.txt`, `files/N/N-0.txt`, `ebooks/N.txt.utf-8`
/// and the main tree `1/0/8/1080/1080-0.txt`.
///
/// The UTF-8 formats are `PG1080`. The older formats have other bytes and therefore other ids, whatever the
/// order of the list: `1080.txt` is `PG1080-ascii`, `1080-8.txt` is `PG1080-8`.
pub(crate) fn book(url: &Url) -> Option<DocumentId> {
    let is_named = url.host_str().is_some_and(is_gutenberg_host)
        || url.path_segments()?.any(|segment| segment == "gutenberg");
    // Numbers in the paths of other hosts mean something else.
    let (number, form) = laid_out(url).filter(|_| is_named)?;
    match form {
        "" => Some(DocumentId::gutenberg(number)),
        form => format!("PG{number}-{form}").parse().ok(),
    }
}

/// Returns whether two URLs are those of one book with this id, in any format and on any host. They are not
/// two texts with the same id then.
pub(crate) fn are_same_book(id: &str, one: &str, other: &str) -> bool {
    let is_of = |url: &str| {
        let number = Url::parse(url).ok().and_then(|url| laid_out(&url).map(|(number, _)| number));
        number.is_some_and(|number| DocumentId::gutenberg(number).as_str() == id)
    };
    is_of(one) && is_of(other)
}

/// Returns the number and format of a book by the path of its URL.
fn laid_out(url: &Url) -> Option<(u32, &str)> {
    let segments: Vec<&str> = url.path_segments()?.collect();
    let (file, folders) = segments.split_last()?;
    match folders {
        [.., "ebooks"] => Some((number(file.split_once(".txt")?.0)?, "")),
        [.., "cache", "epub", number] | [.., "files", number] => of_file(file, number),
        [tree @ .., number] if is_tree(tree, number) => of_file(file, number),
        _ => None,
    }
}

/// Parses a book number.
pub(crate) fn number(digits: &str) -> Option<u32> {
    // Longer digit strings would overflow.
    let plain = (1..=9).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = plain.then(|| digits.parse().ok())??;
    (1..=NUMBER_MAX).contains(&number).then_some(number)
}

fn is_gutenberg_host(host: &str) -> bool {
    host == "pglaf.org" || host.ends_with(".pglaf.org") || host.split('.').any(|label| label == "gutenberg")
}

/// Returns the number and format of `N.txt`, `N-0.txt`, `N-8.txt`, `pgN.txt` or `pgN.txt.utf8`. Pictures and
/// archives in the same folder are not books.
fn of_file<'f>(file: &'f str, folder: &str) -> Option<(u32, &'f str)> {
    let generated = file.strip_prefix("pg");
    let (form, _) = generated.unwrap_or(file).strip_prefix(folder)?.split_once(".txt")?;
    let form = match (generated, form) {
        (Some(_), "") | (None, "-0") => "",
        (None, "") => "ascii",
        (_, form) => form.strip_prefix('-')?,
    };
    Some((number(folder)?, form))
}

/// Returns whether the last folders are those of a number in the main tree.
fn is_tree(folders: &[&str], number: &str) -> bool {
    if !number.is_ascii() || number.is_empty() {
        return false;
    }
    let tree = tree(number);
    folders.ends_with(&tree.split('/').collect::<Vec<_>>())
}

/// Returns the folders of the main tree above a book: all digits but the last, so `1/0/8` for 1080, or `0`
/// for 5.
pub(super) fn tree(number: &str) -> String {
    match &number[..number.len() - 1] {
        "" => "0".to_owned(),
        digits => digits.chars().map(String::from).collect::<Vec<_>>().join("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(url: &str) -> Option<String> {
        book(&Url::parse(url).expect("a URL")).map(String::from)
    }

    #[test]
    fn every_layout_of_site_and_mirrors_is_recognised() {
        for url in [
            "https://www.gutenberg.org/cache/epub/1080/pg1080.txt",
            "https://www.gutenberg.org/cache/epub/1080/pg1080.txt.utf8",
            "https://www.gutenberg.org/files/1080/1080-0.txt",
            "https://www.gutenberg.org/ebooks/1080.txt.utf-8",
            "https://gutenberg.pglaf.org/1/0/8/1080/1080-0.txt",
            "https://mirror.example.edu/pub/gutenberg/1/0/8/1080/1080-0.txt",
        ] {
            assert_eq!(id(url).as_deref(), Some("PG1080"), "{url}");
        }
        assert_eq!(id("https://aleph.pglaf.org/0/5/5-0.txt").as_deref(), Some("PG5"));
    }

    #[test]
    fn older_forms_of_a_book_do_not_take_its_id() {
        for (url, expected) in [
            ("https://gutenberg.org/files/84/84.txt", "PG84-ascii"),
            ("http://aleph.gutenberg.org/1/0/8/1080/1080-8.txt", "PG1080-8"),
        ] {
            assert_eq!(id(url).as_deref(), Some(expected), "{url}");
        }
    }

    #[test]
    fn other_files_and_other_hosts_are_no_books() {
        for url in [
            "https://example.org/files/84/84-0.txt",
            "https://notgutenberg.org/files/84/84-0.txt",
            "https://www.gutenberg.org/files/84/84-h.zip",
            "https://www.gutenberg.org/files/84/841-0.txt",
            "https://www.gutenberg.org/files/0/0.txt",
            "https://www.gutenberg.org/files/1000000/1000000.txt",
            "https://www.gutenberg.org/2/84/84-0.txt",
            "https://www.gutenberg.org/ebooks/84",
            "https://www.gutenberg.org/",
            "https://www.gutenberg.org/é//é.txt",
        ] {
            assert_eq!(id(url), None, "{url}");
        }
    }

    #[test]
    fn books_are_named_by_number_and_range() {
        assert_eq!(named("84"), Ok(84));
        for digits in ["", "0", "-1", "+1", "1000000", "99999999999", "1.5", "x", "８４", "1-9"] {
            assert!(named(digits).is_err(), "{digits:?}");
        }
        assert_eq!(range("pg:1-100"), Some(Ok(1..=100)));
        assert_eq!(range(" PG:7-7 "), Some(Ok(7..=7)));
        assert_eq!(range("pg:84"), None);
        assert_eq!(range("http://a-b/1-2"), None);
        for (cell, part) in [("pg:9-1", "lower number"), ("pg:1-", "two numbers"), ("pg:0-3", "two numbers")]
        {
            let message = range(cell).expect("a range").expect_err(cell);
            assert!(message.contains(part), "{message}");
        }
        assert!(range("pg:1-2-3").expect("a range").is_err());
        assert!(range("pg:1-1000000").expect("a range").is_err());
    }

    #[test]
    fn the_same_book_on_two_hosts_is_no_conflict() {
        let (one, other) =
            ("https://www.gutenberg.org/files/84/84-0.txt", "http://127.0.0.1:1/8/84/84-8.txt");
        assert!(are_same_book("PG84", one, other));
        assert!(!are_same_book("PG8", one, other));
        assert!(!are_same_book("PG84", one, "http://127.0.0.1:1/my.txt"));
    }
}
