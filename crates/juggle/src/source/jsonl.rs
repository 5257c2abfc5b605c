//! Lists with one JSON object a line, named like the columns of a table. Numbers are taken as they are written;
//! `mirror` may be a list of strings; what is neither string nor number is carried along as JSON.

use serde_json::{Map, Value};

use super::{
    error::shown,
    row::{Column, Row},
};

/// The row of a line.
pub(crate) fn row(line: &str) -> Result<Row, String> {
    let object: Map<String, Value> = serde_json::from_str(line)
        .map_err(|error| format!("not a JSON object such as {{\"url\":\"https://…\"}}: {error}"))?;
    let mut row = Row::default();
    for (name, value) in &object {
        put(&mut row, &Column::named(name), name, value)?;
    }
    Ok(row)
}

fn put(row: &mut Row, column: &Column, name: &str, value: &Value) -> Result<(), String> {
    match (column, value) {
        (_, Value::Null) => {}
        (_, Value::String(text)) => row.put(column, text),
        (Column::Mirror, Value::Array(mirrors)) => {
            for mirror in mirrors {
                let mirror = mirror.as_str().ok_or("'mirror' holds something that is not a string")?;
                row.put(column, mirror);
            }
        }
        (Column::Id, Value::Number(number)) => row.put(column, &number.to_string()),
        (Column::Other(_), value) => row.put(column, &value.to_string()),
        _ => return Err(format!("'{}' must be a string", shown(name.trim()))),
    }
    Ok(())
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
            let message = row(line).expect_err(line);
            assert!(message.contains(part), "{message}");
        }
        let deep = format!("{{\"url\":{}1{}}}", "[".repeat(20_000), "]".repeat(20_000));
        assert!(row(&deep).is_err());
    }
}
