//! Maps the columns of a table, or the keys of a JSON object, to their meaning.
//!
//! The column that `--url-column` names holds the URLs. Without that option it is the column `url`; if there
//! is none, it is the only column with another usual name ([`URL_NAMES`]). Two such columns are an error,
//! never a guess.

use crate::error::shown;

/// The other names of the column `url`, separated by spaces. Case, spaces, hyphens and underscores are
/// ignored: `Download URL` matches.
const URL_NAMES: &str = "link href address uri hyperlink permalink webaddress downloadurl downloadlink texturl textlink \
    fileurl sourceurl";

/// A column with a meaning, or any other column, which is carried along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Column {
    Url,
    Id,
    Title,
    Mirror,
    Blake3,
    Sha256,
    Encoding,
    Other(String),
}

impl Column {
    /// Returns the column with this name, ignoring case.
    pub(crate) fn named(name: &str) -> Self {
        let name = name.trim();
        match name.to_ascii_lowercase().as_str() {
            "url" => Self::Url,
            "id" => Self::Id,
            "title" => Self::Title,
            "mirror" => Self::Mirror,
            "blake3" => Self::Blake3,
            "sha256" => Self::Sha256,
            "encoding" => Self::Encoding,
            _ => Self::Other(name.to_owned()),
        }
    }
}

/// Returns the columns with these names. `url_column` is the value of `--url-column`. No column is
/// [`Column::Url`] if no name fits.
///
/// # Errors
/// Returns an error that says how to choose if two columns may hold the URLs.
pub(crate) fn of_names<N: AsRef<str>>(names: &[N], url_column: Option<&str>) -> Result<Vec<Column>, String> {
    let mut columns: Vec<Column> = names.iter().map(|name| Column::named(name.as_ref())).collect();
    if let Some(chosen) = url_column {
        for (column, name) in columns.iter_mut().zip(names) {
            if folded(name.as_ref()) == folded(chosen) {
                *column = Column::Url;
            // A column `url` that is not chosen is kept like any other column.
            } else if *column == Column::Url {
                *column = Column::Other(name.as_ref().trim().to_owned());
            }
        }
    } else if !columns.contains(&Column::Url)
        && let Some(at) = only_url(names)?
    {
        columns[at] = Column::Url;
    }
    Ok(columns)
}

/// Returns the index of the only column that has another usual name of `url`.
///
/// # Errors
/// Returns an error that says how to choose if there are two such columns.
fn only_url<N: AsRef<str>>(names: &[N]) -> Result<Option<usize>, String> {
    let mut found = names.iter().enumerate().filter(|(_, name)| is_url_name(name.as_ref()));
    match (found.next(), found.next()) {
        (Some((_, first)), Some((_, second))) => Err(format!(
            "its columns '{}' and '{}' could both be the column of URLs. Choose one with --url-column \
             NAME, or rename it to 'url'",
            shown(first.as_ref()),
            shown(second.as_ref())
        )),
        (first, _) => Ok(first.map(|(at, _)| at)),
    }
}

fn is_url_name(name: &str) -> bool {
    let name: String = folded(name).chars().filter(|c| !matches!(c, ' ' | '-' | '_')).collect();
    URL_NAMES.split(' ').any(|other| other == name)
}

/// Returns the name without surrounding space and in lower case, for comparisons.
fn folded(name: &str) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url_of(names: &[&str], url_column: Option<&str>) -> Result<Option<usize>, String> {
        Ok(of_names(names, url_column)?.iter().position(|column| *column == Column::Url))
    }

    #[test]
    fn the_column_of_urls_is_found_by_its_usual_names() {
        for name in ["url", " URL ", "Link", "HREF", "address", "uri", "download_url", "Text URL", "file-url"]
        {
            assert_eq!(url_of(&["id", name], None), Ok(Some(1)), "{name}");
        }
        for name in ["", "urls of it", "linked", "name"] {
            assert_eq!(url_of(&["id", name], None), Ok(None), "{name}");
        }
    }

    #[test]
    fn of_two_columns_url_wins_else_they_are_named() {
        assert_eq!(url_of(&["link", "url"], None), Ok(Some(1)));
        let columns = of_names(&["link", "url"], None).expect("one is url");
        assert_eq!(columns[0], Column::Other("link".to_owned()));
        let message = url_of(&["href", "x", "Download URL"], None).expect_err("ambiguous");
        for part in ["'href'", "'Download URL'", "--url-column"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn a_column_that_is_asked_for_goes_before_all_others() {
        assert_eq!(url_of(&["url", "Volltext ÄÖ"], Some("volltext äö ")), Ok(Some(1)));
        assert_eq!(url_of(&["href", "link", "id"], Some("id")), Ok(Some(2)));
        assert_eq!(url_of(&["url", "link"], Some("nothing")), Ok(None), "no other is taken in its place");
        let columns = of_names(&["url", "link"], Some("link")).expect("it is there");
        assert_eq!(columns, [Column::Other("url".to_owned()), Column::Url]);
    }
}
