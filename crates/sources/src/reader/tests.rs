use std::fs;

use super::*;
use crate::{config::Config, error::BadLine};

/// Returns the entries and the invalid lines of a list named `name`.
fn read(name: &str, list: impl AsRef<[u8]>) -> (Vec<Entry>, Vec<BadLine>) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(name);
    fs::write(&path, list).expect("writable");
    let (mut entries, mut bad) = (Vec::new(), Vec::new());
    for item in
        EntryReader::open(Input::List(ListLocation::File(path), ListKind::List), &context()).expect("opens")
    {
        match item {
            Ok(entry) => entries.push(entry),
            Err(ReadError::Line(line)) => bad.push(line),
            Err(ReadError::Source(error)) => panic!("{error}"),
        }
    }
    (entries, bad)
}

fn open(name: &str, list: impl AsRef<[u8]>) -> Result<EntryReader, SourceError> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(name);
    fs::write(&path, list).expect("writable");
    EntryReader::open(Input::List(ListLocation::File(path), ListKind::List), &context())
}

fn context() -> ReadContext {
    ReadContext::new(&Config::default())
}

fn urls(entries: &[Entry]) -> Vec<Vec<&str>> {
    entries.iter().map(|entry| entry.urls.iter().map(String::as_str).collect()).collect()
}

fn lines(bad: &[BadLine]) -> Vec<u64> {
    bad.iter().map(|bad| bad.line).collect()
}

#[test]
fn plain_lines_hold_one_text_each() {
    let list = "# books\n\nhttps://a.example/1 # one\nhttps://a.example/2\thttps://b.example/2\r\npg:84\n";
    let (entries, bad) = read("list", list);
    assert_eq!(bad, []);
    assert_eq!(
        urls(&entries[..2]),
        [vec!["https://a.example/1"], vec!["https://a.example/2", "https://b.example/2"]]
    );
    assert_eq!(entries[2].id.as_str(), "PG84");
    assert_ne!(entries[0].id, entries[1].id);
}

#[test]
fn a_bad_line_is_reported_with_its_number_and_the_rest_is_read() {
    let long = "x".repeat(70_000);
    let mut list = format!("https://a.example/1\nftp://x/\n{long}\nnot a file\n").into_bytes();
    list.extend(b"https://a.example/\xff\nhttps://a.example/\0\n\nhttps://a.example/2");
    let (entries, bad) = read("list.txt", list);
    assert_eq!(urls(&entries), [["https://a.example/1"], ["https://a.example/2"]]);
    assert_eq!(lines(&bad), [2, 3, 4, 5, 6]);
    assert_eq!(bad[1].to_string(), "line 3: the line is longer than 64 KiB. Write one text per line");
}

#[test]
fn a_table_gives_ids_titles_mirrors_hashes_and_further_columns() {
    let hash = "AB".repeat(32);
    let list = format!(
        "\u{feff}Title\turl\tID\tmirror\tmirror\tblake3\tshelf\n\
         Alice \"in\" W.\thttps://a.example/1\talice\thttps://b.example/1 https://c.example/1\thttps://d.example/1\t{hash}\t7\n\
         \"Bob\ttab\"\thttps://a.example/2\n\
         \"Open\thttps://a.example/3\t84\t\t\t\t\t\t\n"
    );
    let (entries, bad) = read("list.tsv", list);
    assert_eq!(bad, []);
    let mirrors =
        ["https://a.example/1", "https://b.example/1", "https://c.example/1", "https://d.example/1"];
    assert_eq!(urls(&entries), [&mirrors[..], &["https://a.example/2"], &["https://a.example/3"]]);
    assert_eq!(entries[0].id.as_str(), "alice");
    assert_eq!(entries[0].listed.title.as_deref(), Some("Alice \"in\" W."));
    assert_eq!(entries[0].listed.blake3, Some("ab".repeat(32)));
    assert_eq!(entries[0].listed.columns, [("shelf".to_owned(), "7".to_owned())].into());
    assert_eq!(entries[1].listed.title.as_deref(), Some("Bob tab"));
    assert_eq!(entries[2].listed.title.as_deref(), Some("\"Open"));
    assert_eq!(entries[2].id.as_str(), "84");
}

#[test]
fn csv_cells_may_be_quoted_over_several_lines() {
    let list = "url,title\nhttps://a.example/1,\"One, \"\"two\"\"\n\nthree\"\nhttps://a.example/2,\n";
    let (entries, bad) = read("list.csv", list);
    assert_eq!(bad, []);
    assert_eq!(entries[0].listed.title.as_deref(), Some("One, \"two\" three"));
    assert_eq!(urls(&entries)[1], ["https://a.example/2"]);
    assert_eq!(entries[1].listed.title, None);
}

#[test]
fn an_open_quotation_mark_costs_only_its_line() {
    for rest in ["", "\n\u{1}", &"\nhttps://a.example/x".repeat(4000)] {
        let list = format!("url,title\nhttps://a.example/1,\"Open\nhttps://a.example/2,ok{rest}\n");
        let (entries, bad) = read("list.csv", list.replace('\u{1}', "\0"));
        assert_eq!(bad[0].line, 2);
        assert!(bad[0].message.contains("quotation mark"), "{}", bad[0]);
        assert_eq!(urls(&entries)[0], ["https://a.example/2"]);
        assert_eq!(entries.len() + bad.len(), 2 + rest.lines().skip(1).count());
    }
}

#[test]
fn a_quoted_cell_of_tsv_goes_over_lines_only_if_the_row_is_whole_then() {
    let list = "url\ttitle\tshelf\n\
                https://a.example/1\t\"One,\ntwo \"\"and\"\" three\"\t7\n\
                https://a.example/2\t\"Open\n\
                https://a.example/3\tx\ty\n\
                https://a.example/4\tz\t\"Four\n4\"\n";
    let (entries, bad) = read("list.tsv", list);
    assert_eq!(bad, []);
    let titles: Vec<_> = entries.iter().map(|entry| entry.listed.title.as_deref()).collect();
    assert_eq!(titles, [Some("One, two \"and\" three"), Some("\"Open"), Some("x"), Some("z")]);
    assert_eq!(entries[3].listed.columns["shelf"], "Four\n4");
}

#[test]
fn bad_cells_of_a_table_are_named() {
    let list = "url\tid\tblake3\n\tx\t\nhttps://a.example/1\t../x\t\nhttps://a.example/1\t\tabc\n\
                https://a.example/1\ta\t\textra\nhttps://a.example/1\n";
    let (entries, bad) = read("list", list);
    assert_eq!(entries.len(), 1);
    let parts = ["has no URL", "document id", "BLAKE3", "the header has 3"];
    for (bad, (line, part)) in bad.iter().zip((2..).zip(parts)) {
        assert!(bad.line == line && bad.message.contains(part), "{bad}");
    }
    assert_eq!(bad.len(), parts.len());
}

#[test]
fn jsonl_has_the_same_names() {
    let list = r#"{"url":"https://a.example/1","id":84,"title":"One","mirror":["https://b.example/1"],"year":1818,"tags":["x"],"none":null}
{"url":"https://a.example/2","mirror":"https://b.example/2 https://c.example/2"}
{"id":"x"}
{"url":"https://a.example/3"
"#;
    let (entries, bad) = read("list", list);
    assert_eq!(entries[0].id.as_str(), "84");
    assert_eq!(urls(&entries)[0], ["https://a.example/1", "https://b.example/1"]);
    assert_eq!(urls(&entries)[1].len(), 3);
    let columns = [("year", "1818"), ("tags", "[\"x\"]")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(entries[0].listed.columns, columns.into());
    assert_eq!(lines(&bad), [3, 4]);
}

#[test]
fn the_same_url_twice_is_one_candidate() {
    let list = "pg:84\thttps://WWW.gutenberg.org/files/84/84-0.txt\thttps://a.example/x\n";
    let (entries, _) = read("list", list);
    assert_eq!((entries[0].urls.len(), entries[0].urls[8].as_str()), (9, "https://a.example/x"));
}

#[test]
fn a_book_is_known_from_any_of_its_urls() {
    let list = "https://x.example/frank.txt\thttps://www.gutenberg.org/files/84/84-0.txt\n";
    assert_eq!(read("list", list).0[0].id.as_str(), "PG84");
}

#[test]
fn what_is_no_list_is_refused_as_a_whole() {
    for (name, list, part) in [
        ("list.json", &b"[{\"url\":\"https://a.example/\"}]"[..], "JSON array"),
        ("list.csv", b"id,name\n1,x\n", "a column of URLs"),
        ("list", b"id\ttitle\n1\tx\n", "a column of URLs"),
        ("list", b"url,id,url\n", "twice"),
    ] {
        let error = open(name, list).err().expect(part);
        assert!(matches!(error, SourceError::NotAList { .. }), "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn a_table_without_extension_and_a_plain_list_with_one_are_read() {
    assert_eq!(read("list", "url\nhttps://a.example/1\n").0.len(), 1);
    assert_eq!(read("list.tsv", "https://a.example/1\thttps://b.example/1\n").0.len(), 1);
    assert_eq!(read("list.csv", "").0.len(), 0);
    let (entries, bad) = read("list", b"\xff\nurl,id\nhttps://a.example/1,x\n");
    assert_eq!((entries.len(), lines(&bad)), (1, vec![1]));
}

#[test]
fn a_list_cut_short_while_packed_ends_with_an_error() {
    use std::io::Write;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    packed.write_all("https://a.example/1\n".repeat(10_000).as_bytes()).expect("memory writes");
    let packed = packed.finish().expect("memory writes");
    let mut reader = open("list.gz", &packed[..packed.len() - 9]).expect("opens");
    assert!(reader.by_ref().any(|item| matches!(item, Err(ReadError::Source(SourceError::Read { .. })))));
    assert!(reader.next().is_none());
}

#[test]
fn a_typed_url_that_is_no_source_is_a_usage_error_and_keeps_its_password() {
    let typed = vec!["https://me:secret@a.example/x".to_owned()];
    let error = EntryReader::open(Input::Texts(typed), &context()).err().expect("refused");
    assert!(matches!(error, SourceError::Argument { .. }));
    assert!(!error.to_string().contains("secret") && error.to_string().contains("a.example"), "{error}");
}

#[test]
fn a_text_with_too_much_to_say_is_refused() {
    let line = |bytes| format!("url,note\nhttps://a.example/1,{}\n", "\u{1}".repeat(bytes));
    assert_eq!(read("list", line(9_000)).0.len(), 1);
    let (entries, bad) = read("list", line(60_000));
    assert_eq!((entries.len(), lines(&bad)), (0, vec![2]));
    let many: Vec<String> = (0..17).map(|n| format!("https://a.example/{n}")).collect();
    assert!(read("list", many.join("\t")).1[0].message.contains("17 URLs"));
}

#[test]
fn the_lists_in_data_are_good() {
    let (books, bad) = read("gutenberg.tsv", include_str!("../../../../data/gutenberg.tsv"));
    assert_eq!((books.len(), bad), (10, vec![]));
    for book in &books {
        let number = book.id.as_str().trim_start_matches("PG");
        assert!(book.urls[0].starts_with("https://www.gutenberg.org/") && book.urls.len() == 3, "{book:?}");
        for url in &book.urls {
            assert_eq!(read("list", url).0[0].id.as_str(), format!("PG{number}"), "{url}");
        }
    }
    let (texts, bad) = read("sources.tsv", include_str!("../../../../data/sample/sources.tsv"));
    assert_eq!((texts.len(), bad), (13, vec![]));
    assert!(texts.iter().all(|text| text.listed.columns.contains_key("language")));
}

#[test]
fn a_range_of_books_is_one_entry_a_book() {
    let (entries, bad) = read("list", "pg:7-9 # three\nhttps://a.example/1\nPG:9-9\n");
    assert_eq!(bad, []);
    let ids: Vec<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    assert_eq!((&ids[..3], ids[4]), (&["PG7", "PG8", "PG9"][..], "PG9"));
    assert_eq!(entries[2], entries[4]);
    let (entries, bad) = read("list", "url\tshelf\tid\npg:7-8\t3\npg:9-10\t\tx\n");
    assert_eq!((entries.len(), entries[1].listed.columns["shelf"].as_str()), (2, "3"));
    assert!(
        bad[0].line == 3 && bad[0].message.contains("cannot have an id, a title or a hash"),
        "{}",
        bad[0]
    );
}

#[test]
fn an_encoding_is_kept_as_it_is_written() {
    let (entries, bad) =
        read("list", "url\tEncoding\nhttps://a.example/1\tKOI8-R\npg:1-1\tlatin1\nhttps://a.example/2\t\n");
    let encodings: Vec<_> = entries.iter().map(|entry| entry.listed.encoding.as_deref()).collect();
    assert_eq!((encodings, bad), (vec![Some("KOI8-R"), Some("latin1"), None], vec![]));
}

#[test]
fn a_range_stands_alone_and_in_order() {
    for (list, part) in [
        ("pg:1-3\thttps://a.example/1", "--gutenberg-mirror"),
        ("https://a.example/1\tpg:1-3", "pg:1-100"),
        ("pg:3-1", "lower number"),
        ("pg:1-9999999", "two numbers"),
        ("url,title\npg:1-3,Three", "cannot have an id, a title or a hash"),
        ("url,sha256\npg:1-3,00", "cannot have an id, a title or a hash"),
        (r#"{"url":"pg:1-3","blake3":"x"}"#, "cannot have an id, a title or a hash"),
        ("url,sha256\nhttps://a.example/1,00", "SHA-256"),
        ("url,encoding\nhttps://a.example/1,utf-9", "windows-1251"),
        ("url,encoding\npg:1-3,utf-9", "windows-1251"),
    ] {
        let (entries, bad) = read("list", list);
        assert!(entries.is_empty() && bad.len() == 1 && bad[0].message.contains(part), "{list}: {bad:?}");
    }
    let range = |typed: &str| EntryReader::open(Input::Texts(vec![typed.to_owned()]), &context());
    assert_eq!(range("pg:1-999999").expect("a range").count(), 999_999);
    assert!(matches!(range("pg:2-1"), Err(SourceError::Argument { .. })));
}

#[test]
fn one_document_in_many_spellings_is_one_job() {
    let list =
        "https://a.example/%7eme/x\nHTTPS://A.example.:443/y/../~me/%78#top\nhttps://a.example/%7Eme/./x\n";
    let (entries, bad) = read("list", list);
    assert_eq!((entries.len(), bad), (3, vec![]));
    assert!(entries.iter().all(|entry| *entry == entries[0]), "{entries:?}");
    let (one, _) = read("list", entries[0].urls[0].as_str());
    assert_eq!(one[0], entries[0]);
}

#[test]
fn a_text_under_the_name_of_a_table_is_called_a_text_and_how_to_take_it_is_said() {
    let book = "The old house stood at the end of the lane.\nNobody, they said, lived in it.\n";
    for (name, list) in [
        ("book.csv", book.to_owned()),
        ("book.tsv", format!("\u{feff}{}", book.repeat(500))),
        ("buch.csv", "第一章 开头\r这是一个古老的房子。它站在巷子的尽头，很安静。\r".to_owned()),
    ] {
        let message = open(name, list).map(|_| ()).expect_err(name).to_string();
        assert!(message.contains("it looks like a text, not a source list"), "{message}");
        assert!(message.contains("To add it as a text, use"), "{message}");
    }
    for list in ["a,b\n1,2\n", "sep=;\nIt was old\nand grey\n"] {
        let message = open("x.csv", list).map(|_| ()).expect_err(list).to_string();
        assert!(message.contains("not a header with a column of URLs"), "{message}");
    }
}

#[test]
fn a_text_under_the_name_of_json_lines_is_called_a_text_and_a_bad_line_is_not() {
    let message =
        open("book.jsonl", "The cat sat\non the mat.\n").map(|_| ()).expect_err("a text").to_string();
    assert!(message.contains("it looks like a text"), "{message}");
    let (entries, bad) = read("list.jsonl", "a stray line\n{\"url\":\"https://a.example/1\"}\n");
    assert_eq!((urls(&entries), lines(&bad)), (vec![vec!["https://a.example/1"]], vec![1]));
}

#[test]
fn quoted_cells_may_have_spaces_before_them() {
    let (entries, bad) = read("list.csv", "id, url, \"title\"\nx, \"https://a.example/1\", \"Mill, The\"\n");
    assert_eq!(bad, []);
    assert_eq!(urls(&entries), [["https://a.example/1"]]);
    assert_eq!(entries[0].listed.title.as_deref(), Some("Mill, The"));
}

#[test]
fn a_socket_is_called_a_socket() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("list.txt");
    let _listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    let error = EntryReader::open(Input::List(ListLocation::File(path), ListKind::List), &context())
        .map(|_| ())
        .expect_err("no list");
    assert!(error.to_string().contains("it is a socket"), "{error}");
}
