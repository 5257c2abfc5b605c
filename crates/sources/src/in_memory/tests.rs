use super::*;
use crate::filters::Filters;

const CATALOG: &str = r#"Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves
1,Text,1971-12-01,The Declaration of Independence,en,"Jefferson, Thomas, 1743-1826","United States -- History; Revolutions",E201; JK,Politics; American Revolutionary War
2,Sound,1972-12-01,A Song,en,Anon,Songs,M,Audio
3,Text,1973-11-01,"John F. Kennedy's
Inaugural Address",en; fr,"Kennedy, John F.",Presidents,E838,
84,Text,1993-10-01,"Frankenstein; or, the ""Modern"" Prometheus",en,"Shelley, Mary Wollstonecraft, 1797-1851",Science fiction; Horror tales,PR,Gothic Fiction; Movie Books
x,Text,1999-01-01,Bad Number,en,,,,
85,Text,2000-01-01,Der Prozeß,de,"Kafka, Franz",Trials,PT,
"#;

fn ids(filters: Filters) -> Vec<String> {
    let rules = Config { filters, ..Config::default() };
    let said = parse_catalog(CATALOG.as_bytes(), &rules).expect("the catalogue");
    said.entries.iter().map(|entry| entry.id.to_string()).collect()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn the_catalogue_lists_its_texts_in_order_with_what_it_says_of_them() {
    let said = parse_catalog(CATALOG.as_bytes(), &Config::default()).expect("the catalogue");
    assert_eq!(ids(Filters::default()), ["PG1", "PG3", "PG84", "PG85"]);
    assert_eq!(said.bad.iter().map(|bad| bad.line).collect::<Vec<_>>(), [7]);
    let listed = &said.entries[1].listed;
    assert_eq!(listed.title.as_deref(), Some("John F. Kennedy's Inaugural Address"));
    let columns: Vec<_> =
        listed.columns.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let expected = [
        ("authors", "Kennedy, John F."),
        ("issued", "1973-11-01"),
        ("language", "en; fr"),
        ("locc", "E838"),
        ("subjects", "Presidents"),
    ];
    assert_eq!(columns, expected);
    assert!(said.entries[0].urls.iter().all(|url| !url.contains("www.gutenberg.org")));
}

#[test]
fn filters_pick_books() {
    let none = Filters::default;
    for (filters, expected) in [
        (Filters { languages: texts(&["EN"]), ..none() }, &["PG1", "PG3", "PG84"][..]),
        (Filters { languages: texts(&["fr", "de"]), ..none() }, &["PG3", "PG85"]),
        (Filters { languages: texts(&["e"]), ..none() }, &[]),
        (Filters { authors: texts(&["mary shelley"]), ..none() }, &["PG84"]),
        (Filters { authors: texts(&["KAFKA", "jefferson"]), ..none() }, &["PG1", "PG85"]),
        (Filters { titles: texts(&["inaugural john"]), ..none() }, &["PG3"]),
        (Filters { titles: texts(&["PROZESS"]), ..none() }, &[]),
        (Filters { subjects: texts(&["horror"]), ..none() }, &["PG84"]),
        (Filters { bookshelves: texts(&["politics"]), ..none() }, &["PG1"]),
        (Filters { languages: texts(&["en"]), subjects: texts(&["presidents"]), ..none() }, &["PG3"]),
        (Filters { limit: Some(2), ..none() }, &["PG1", "PG3"]),
        (Filters { languages: texts(&["de"]), limit: Some(1), ..none() }, &["PG85"]),
    ] {
        assert_eq!(ids(filters.clone()), expected, "{filters:?}");
    }
}

#[test]
fn what_a_cell_says_is_bounded() {
    let long = "ü".repeat(5_000);
    let row = format!("9,Text,2000-01-01,{long},en,\"{long}\",,,\n");
    let said = parse_catalog(row.as_bytes(), &Config::default()).expect("the catalogue");
    let listed = &said.entries[0].listed;
    for text in [listed.title.as_deref().unwrap_or_default(), &listed.columns["authors"]] {
        assert!(text.len() < 4_200 && text.ends_with('…'), "{}", text.len());
    }
}

#[test]
fn a_row_whose_json_is_too_long_is_bad_and_does_not_count() {
    // JSON writes a control character with six bytes.
    let long = "\u{1}".repeat(4_000);
    let row = format!("9,Text,2000-01-01,{long},en,{long},{long},,{long}\n10,Text,,Short,en,,,,\n");
    let rules = Config { filters: Filters { limit: Some(1), ..Filters::default() }, ..Config::default() };
    let said = parse_catalog(row.as_bytes(), &rules).expect("the catalogue");
    assert_eq!(said.bad.iter().map(|bad| bad.line).collect::<Vec<_>>(), [2]);
    assert!(said.bad[0].message.contains("60 KiB"), "{}", said.bad[0]);
    assert_eq!(said.entries[0].id.as_str(), "PG10");
}

#[test]
fn bad_lines_are_told_in_order_even_before_the_line_that_tells_the_form() {
    for rest in ["not a url\nhttps://a.example/1\n", "{\"url\":1}\n", "url,id\nx,\n"] {
        let list = [b"a\0\nb\xff\n", rest.as_bytes()].concat();
        let said = parse(&list, &Config::default()).expect("a list");
        assert!(said.bad.iter().map(|bad| bad.line).take(2).eq([1, 2]), "{:?}", said.bad);
        assert_eq!(said.bad.len(), 3, "{:?}", said.bad);
    }
}

#[test]
fn a_carriage_return_inside_of_a_line_ends_no_row() {
    let list = b"id,url,title\r\nx,https://a.example/1,a\rb\r\ny,https://a.example/2,\"c\rd\r\ne\"\r\nz,https://a.example/3,\r\n";
    let said = parse(list, &Config::default()).expect("a list");
    assert_eq!(said.bad, []);
    let titles: Vec<_> = said.entries.iter().map(|entry| entry.listed.title.as_deref()).collect();
    assert_eq!(titles, [Some("a b"), Some("c d e"), None]);
}

#[test]
fn a_url_is_no_header_whatever_is_in_it() {
    let said = parse(b"https://a.example/x,url,id\nhttps://a.example/y\n", &Config::default());
    let urls: Vec<_> = said.expect("a list").entries.into_iter().flat_map(|entry| entry.urls).collect();
    assert_eq!(urls, ["https://a.example/x,url,id", "https://a.example/y"]);
}

#[test]
fn nothing_of_this_machine_is_named_by_bytes() {
    let said = parse(b"/etc/passwd\nfile:///etc/passwd\nhttps://a.example/1\n", &Config::default());
    let said = said.expect("a list");
    assert_eq!((said.entries.len(), said.bad.len()), (1, 2));
}
