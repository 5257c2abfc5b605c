//! Lists with one JSON object a line, named like the columns of a table. Numbers are taken as they are
//! written; `mirror` may be a list of strings, and so may authors and languages. Any other value that is
//! neither a string nor a number is carried along as JSON.

use serde_json::{Map, Value};

use crate::{
    error::shown,
    formats::{
        columns::{self, Column},
        row::SourceRow,
    },
};

/// The keys whose lists are joined with semicolons, as in catalogues.
const JOINED: [&str; 4] = ["author", "authors", "language", "languages"];

/// Parses a line as a row. `url_column` is the value of `--url-column`.
pub(crate) fn row(line: &str, url_column: Option<&str>) -> Result<SourceRow, String> {
    let object: Map<String, Value> = serde_json::from_str(line)
        .map_err(|error| format!("not a JSON object such as {{\"url\":\"https://…\"}}: {error}"))?;
    let mut row = SourceRow::default();
    let names: Vec<&String> = object.keys().collect();
    for (column, (name, value)) in columns::of_names(&names, url_column)?.iter().zip(&object) {
        put(&mut row, column, name, value)?;
    }
    Ok(row)
}

fn put(row: &mut SourceRow, column: &Column, name: &str, value: &Value) -> Result<(), String> {
    match (column, value) {
        (_, Value::Null) => {}
        (_, Value::String(text)) => row.put(column, text),
        (Column::Mirror, Value::Array(mirrors)) => {
            for mirror in mirrors {
                let mirror = mirror.as_str().ok_or("'mirror' has a value that is not a string")?;
                row.put(column, mirror);
            }
        }
        // Ids are often numbers in JSON; their digits are kept as written.
        (Column::Id, Value::Number(number)) => row.put(column, &number.to_string()),
        (Column::Other(name), Value::Array(items))
            if is_joined(name) && items.iter().all(Value::is_string) =>
        {
            let items: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            row.put(column, &items.join("; "));
        }
        (Column::Other(_), value) => row.put(column, &value.to_string()),
        _ => return Err(format!("'{}' must be a string", shown(name.trim()))),
    }
    Ok(())
}

fn is_joined(name: &str) -> bool {
    JOINED.iter().any(|joined| joined.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_wrong_type_are_named() {
        for (line, part) in [
            ("[1]", "not a JSON object"),
            ("{\"url\":\"http://a/\"", "not a JSON object"),
            (r#"{"url":1}"#, "'url' must be a string"),
            (r#"{"url":["http://a/"]}"#, "'url' must be a string"),
            (r#"{"url":"http://a/","mirror":[1]}"#, "'mirror'"),
        ] {
            let message = row(line, None).expect_err(line);
            assert!(message.contains(part), "{message}");
        }
        let deep = format!("{{\"url\":{}1{}}}", "[".repeat(20_000), "]".repeat(20_000));
        assert!(row(&deep, None).is_err());
    }

    #[test]
    fn authors_in_a_list_are_written_as_in_a_catalogue() {
        let line = r#"{"link":"http://a/","author":["Roe, Richard","Doe, Jane"],"tags":["x"],"Language":["en","fr"]}"#;
        let listed = row(line, None).expect("a row").into_listed();
        let cell = |name: &str| listed.columns[name].as_str();
        assert_eq!((cell("author"), cell("Language")), ("Roe, Richard; Doe, Jane", "en; fr"));
        assert_eq!(cell("tags"), "[\"x\"]");
    }

    #[test]
    fn the_key_of_the_url_is_chosen_as_a_column_is() {
        for (line, part) in [
            (r#"{"link":"http://a/","href":"http://b/"}"#, "'href' and 'link'"),
            (r#"{"link":1}"#, "'link' must be a string"),
        ] {
            let message = row(line, None).expect_err(line);
            assert!(message.contains(part), "{message}");
        }
        assert!(row(r#"{"link":"http://a/","href":"http://b/"}"#, Some("href")).is_ok());
    }
}
