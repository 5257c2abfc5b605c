//! Parses authors in the form of Project Gutenberg's catalogue: `Shelley, Mary Wollstonecraft, 1797-1851; …`.

/// An author, with the known years. Years before Christ are negative.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Author {
    pub(crate) name: String,
    pub(crate) born: Option<i32>,
    pub(crate) died: Option<i32>,
}

impl Author {
    /// Parses the first person without another role (`[Translator]`), or the first person if all have one.
    pub(crate) fn first_of(authors: &str) -> Self {
        let mut all = authors.split(';').map(str::trim).filter(|one| !one.is_empty());
        let first = all.clone().find(|one| !one.ends_with(']')).or_else(|| all.next());
        Self::parse(first.unwrap_or_default())
    }

    /// Parses one person. A text without years at its end is a name as a whole.
    fn parse(text: &str) -> Self {
        let text = text.rsplit_once('[').filter(|_| text.ends_with(']')).map_or(text, |(before, _)| before);
        let text = text.trim().trim_end_matches(',');
        let nameless = |name: &str| Self { name: name.to_owned(), ..Self::default() };
        // A name may contain commas and hyphens, so only two years at the end are taken for years.
        let Some((name, years)) = text.rsplit_once(',') else { return nameless(text) };
        let Some((born, died)) = years.split_once('-') else { return nameless(text) };
        let (born, died) = (born.trim(), died.trim());
        if !is_year(born) || !is_year(died) || (born.is_empty() && died.is_empty()) {
            return nameless(text);
        }
        // Each year has its own era: `43 BCE-18`, `428 BCE-348 BCE`.
        Self { name: name.trim().to_owned(), born: year(born), died: year(died) }
    }
}

fn is_year(text: &str) -> bool {
    text.is_empty() || year(text).is_some()
}

/// Parses a year such as `1797`, `1547?` or `43 BCE`.
fn year(text: &str) -> Option<i32> {
    let (digits, factor) = text.strip_suffix("BCE").map_or((text, 1), |before| (before, -1));
    let digits = digits.trim().trim_end_matches('?');
    let is_short = digits.len() <= 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse::<i32>().ok().filter(|_| is_short).map(|year| year * factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authors_of_the_catalogue_are_parsed_with_their_years() {
        for (text, name, born, died) in [
            (
                "Shelley, Mary Wollstonecraft, 1797-1851",
                "Shelley, Mary Wollstonecraft",
                Some(1797),
                Some(1851),
            ),
            (
                "Garnett, Constance, 1861-1946 [Translator]; Tolstoy, Leo, graf, 1828-1910",
                "Tolstoy, Leo, graf",
                Some(1828),
                Some(1910),
            ),
            ("Ovid, 43 BCE-18?", "Ovid", Some(-43), Some(18)),
            ("Plato, 428? BCE-348? BCE", "Plato", Some(-428), Some(-348)),
            ("Doe, Jane, 1950-", "Doe, Jane", Some(1950), None),
            ("Doe, John, -1900", "Doe, John", None, Some(1900)),
            ("Various", "Various", None, None),
            ("Dumas, Jean-Pierre", "Dumas, Jean-Pierre", None, None),
            ("Smith, A., 1850-1900 [Editor]", "Smith, A.", Some(1850), Some(1900)),
            ("", "", None, None),
        ] {
            let expected = Author { name: name.to_owned(), born, died };
            assert_eq!(Author::first_of(text), expected, "{text}");
        }
    }
}
