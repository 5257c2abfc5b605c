//! Tests source lists as people and their programs write them, files that are not lists, and directories of
//! texts.

use std::{fs, path::Path};

use serde_json::Value;

use crate::harness::{Ended, Harness};

/// Two texts on this machine, as a list names them.
struct Shelf {
    harness: Harness,
    mill: String,
    ferry: String,
}

impl Shelf {
    fn new() -> Self {
        let harness = Harness::of_texts(0, 0);
        let text = |name: &str| {
            let path = harness.write(name, &format!("A tale of the {name}.\n"));
            path.to_str().unwrap().to_owned()
        };
        let (mill, ferry) = (text("mill.txt"), text("ferry.txt"));
        Self { harness, mill, ferry }
    }

    /// Writes a list, with `{mill}` and `{ferry}` replaced by the paths of the texts.
    fn list(&self, name: &str, form: &str) -> Vec<u8> {
        let list = form.replace("{mill}", &self.mill).replace("{ferry}", &self.ferry).into_bytes();
        fs::write(self.harness.path(name), &list).unwrap();
        list
    }

    async fn run(&self, words: &[&str], out: &str, list: &str, more: &[&str]) -> Ended {
        let path = self.harness.path(list);
        self.harness.juggle(words, out, &[&[path.to_str().unwrap()], more].concat()).await
    }
}

fn meta(harness: &Harness, out: &str, id: &str) -> Value {
    serde_json::from_str(&harness.read(&format!("{out}/meta/{id}.json"))).unwrap()
}

/// Returns the lines on standard error that are not blank.
fn told(ended: &Ended) -> Vec<&str> {
    ended.stderr.lines().filter(|line| !line.trim().is_empty()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_read_whatever_program_wrote_them() {
    let shelf = Shelf::new();
    for (number, form) in [
        "id;url;title\nmill;{mill};\"The Mill; old\"\nferry;{ferry};Ferry\n",
        "sep=;\r\nid;url;title\r\nmill;{mill};\"The Mill; old\"\r\nferry;{ferry};Ferry\r\n",
        "SEP=^\nid^Link^title\nmill^{mill}^The Mill; old\nferry^{ferry}^Ferry\n",
        "\u{feff}id,url,title\rmill,{mill},The Mill; old\rferry,{ferry},Ferry\r",
        "id|Text URL|title\nmill|{mill}|The Mill; old\nferry|{ferry}|Ferry",
        "id\thref\ttitle\nmill\t{mill}\t\"The Mill;\nold\"\nferry\t{ferry}\tFerry\n",
        "{\"id\":\"mill\",\"uri\":\"{mill}\",\"title\":\"The Mill; old\"}\r{\"id\":\"ferry\",\"uri\":\"{ferry}\"}\r",
    ]
    .into_iter()
    .enumerate()
    {
        let (name, out) = (format!("list{number}"), format!("out{number}"));
        let list = shelf.list(&name, form);
        shelf.run(&["pipeline"], &out, &name, &[]).await.expect(0);
        assert_eq!(meta(&shelf.harness, &out, "mill")["title"], "The Mill; old", "{form}");
        assert_eq!(shelf.harness.read(&format!("{out}/text/ferry_text.txt")), "A tale of the ferry.txt.\n");

        let utf_16: Vec<u8> =
            str::from_utf8(&list).unwrap().encode_utf16().flat_map(u16::to_be_bytes).collect();
        fs::write(shelf.harness.path("wide"), [&b"\xfe\xff"[..], &utf_16].concat()).unwrap();
        let added = shelf.run(&["add", "--json"], &out, "wide", &[]).await.expect(0).json();
        assert_eq!((&added["entries"], &added["bad_lines"]), (&2.into(), &0.into()), "{form}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_column_of_urls_may_be_chosen() {
    let shelf = Shelf::new();
    shelf.list("list.csv", "id,link,href,Fundort\nmill,,,{mill}\n");
    let ended = shelf.run(&["add"], "out", "list.csv", &[]).await;
    ended.expect_error(3, &["'link' and 'href'", "--url-column"]);
    let added = shelf.run(&["add", "--json"], "out", "list.csv", &["--url-column", "fundort"]).await;
    assert_eq!(added.expect(0).json()["entries"], 1);
    let ended = shelf.run(&["add"], "out", "list.csv", &["--url-column", "Place"]).await;
    ended.expect_error(3, &["'Place'", "Fundort"]);
    shelf.harness.write("juggle.toml", "url_column = \"Fundort\"\n");
    let mut command = shelf.harness.command("juggle", &["plan", "list.csv", "--json"], "other");
    let planned = command.current_dir(shelf.harness.path("")).output().await.unwrap();
    let planned: Value = serde_json::from_slice(&planned.stdout).unwrap();
    assert_eq!(planned["entries"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_a_header_is_refused_and_nothing_is_asked_for() {
    let harness = Harness::of_texts(2, 3);
    let (one, two) = (harness.server.url("/t0.txt"), harness.server.url("/t1.txt"));
    for (name, list, header) in [
        ("list.csv", format!("{one},eng,London\n{two},deu,Bern\n"), "url,column2,column3"),
        ("list.txt", format!("1;{one}\n2;{two}\n"), "column1;url"),
        ("list.tsv", format!("{one}\teng\n"), "url<TAB>column2"),
    ] {
        let path = harness.write(name, &list);
        for command in ["pipeline", "plan"] {
            let ended = harness.juggle(&[command], "out", &[&path]).await;
            let ended = ended.expect_error(3, &[name, "without a header", header]);
            assert_eq!(told(&ended).len(), 1, "{}", ended.stderr);
        }
    }
    assert_eq!(harness.server.request_count(), 0);
    // A list is not a table if its commas and semicolons belong to URLs.
    let list = harness.write("plain.txt", &format!("{one}?a,1;x\n{two}?b,2;y\n"));
    assert_eq!(harness.juggle(&["add", "--json"], "out", &[list]).await.expect(0).json()["entries"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_not_a_list_is_reported_in_one_line_and_nothing_is_added() {
    let harness = Harness::of_texts(1, 1);
    let novel: String = (0..600).map(|n| format!("It was a dark and stormy night, number {n}.\n")).collect();
    let zip = b"PK\x03\x04\x14\0\0\0\x08\0junk\xff\0".to_vec();
    let good = harness.path("list.tsv");
    for (name, bytes, words) in [
        ("a novel.txt", novel.clone().into_bytes(), ["looks like a text", "'file:///"]),
        ("haiku", b"An old silent pond\n".to_vec(), ["looks like a text", "file:///"]),
        (
            "latin.txt",
            novel.replace("dark", "d\u{e4}rk").chars().map(|c| c as u8).collect(),
            ["binary", "UTF-8"],
        ),
        ("books.zip", zip, ["a ZIP archive", "Unpack it"]),
        ("inbox", b"From a@b Mon Jan  5 10:00:00 2026\nSubject: x\n\ny\n".to_vec(), ["mailbox", "texts"]),
        ("crawl.warc", b"WARC/1.1\r\nWARC-Type: warcinfo\r\n".to_vec(), ["WARC", "texts"]),
        ("page.txt", b"<!doctype html>\n<p>x</p>\n".to_vec(), ["HTML page", "one URL per line"]),
        ("list.json", b"[\n {\"url\": \"http://a.example/\"}\n]\n".to_vec(), ["JSON array", "jq"]),
    ] {
        let path = harness.path(name);
        fs::write(&path, bytes).unwrap();
        for command in ["pipeline", "plan"] {
            let ended = harness.juggle(&[command], "out", &[&good, &path]).await;
            let ended = ended.expect_error(3, &[name, words[0], words[1]]);
            assert!(told(&ended).len() <= 1, "{}", ended.stderr);
        }
    }
    let status = harness.juggle::<&str>(&["status", "--json"], "out", &[]).await.expect(0).json();
    assert_eq!((&status["pending"], harness.server.request_count()), (&0.into(), 0));
    harness.server.respond("/novel", test_server::Script::bytes(novel));
    let url = harness.server.url("/novel");
    let ended = harness.juggle(&["add"], "out", &["-i", &url]).await;
    ended.expect_error(3, &["looks like a text", "as a source, without -i"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_invalid_lines_are_reported_and_the_others_are_counted() {
    let harness = Harness::of_texts(1, 1);
    let bad: String = (0..602).map(|n| format!("missing/{n}.txt\n")).collect();
    let list = harness.write("paths.txt", &format!("{bad}{}\n", harness.server.url("/t0.txt")));
    for command in ["add", "plan"] {
        let ended = harness.juggle(&[command], "out", &[&list]).await;
        let ended = ended.expect_error(8, &["line 10: ", "and 592 more invalid lines"]);
        assert!(!ended.stderr.contains("line 11: "), "{}", ended.stderr);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_texts_with_a_taken_id_are_reported_and_the_others_are_counted() {
    let harness = Harness::of_texts(30, 1);
    let rows: String =
        (0..30).map(|n| format!("{},same\n", harness.server.url(&format!("/t{n}.txt")))).collect();
    let list = harness.write("list.csv", &format!("url,id\n{rows}"));
    let more = [list.to_str().unwrap(), "--json"];
    let ended = harness.juggle(&["pipeline"], "out", &more).await.expect_error(8, &["They are only counted"]);
    assert_eq!(ended.stderr.matches("is listed for").count(), 10, "{}", ended.stderr);
    assert_eq!(ended.json()["conflicts"], 29);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_names_no_text_is_reported() {
    let harness = Harness::of_texts(0, 0);
    fs::create_dir(harness.path("nothing")).unwrap();
    let catalog =
        "Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves\n1,Text,1971-12-01,X,en,Y,,,\n";
    for (name, list) in [
        ("empty.txt", ""),
        ("comments.txt", "# nothing\n\n"),
        ("header.csv", "url,title\n"),
        ("books.csv", catalog),
    ] {
        let list = harness.write(name, list);
        let filter = if name == "books.csv" { &["--language", "xx"][..] } else { &[] };
        for command in ["pipeline", "add", "plan"] {
            let words = [&[list.to_str().unwrap()], filter].concat();
            let ended =
                harness.juggle(&[command], "out", &words).await.expect_error(0, &[name, "names no text"]);
            assert_eq!(ended.stderr.contains("--language xx"), name == "books.csv", "{}", ended.stderr);
        }
    }
    let directory = harness.path("nothing");
    harness.juggle(&["add"], "out", &[directory]).await.expect_error(0, &["nothing' names no text"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_is_a_source_of_its_texts() {
    let harness = Harness::of_texts(0, 0);
    let put = |name: &str, text: &str| {
        let path = harness.path("my novels").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    for (name, text) in [
        ("a/Roman 001.txt", "One.\n"),
        ("b/Roman 001.txt", "Two.\n"),
        ("Die M\u{fc}hle.md", "Three.\n"),
        ("README", "Four.\n"),
        (".hidden.txt", "x"),
        ("cover.jpg", "x"),
        ("list.tsv", "url\nhttp://a.example/\n"),
    ] {
        put(name, text);
    }
    let directory = harness.path("my novels");
    let ended = harness.juggle(&["pipeline", "--json"], "out", &[&directory]).await;
    let ended = ended.expect_error(0, &["texts found: 4", "files skipped: 2", "cover.jpg", "list.tsv"]);
    assert_eq!(ended.json()["documents"], 4);
    let mut ids: Vec<String> = fs::read_dir(harness.path("out/meta"))
        .unwrap()
        .map(|file| file.unwrap().file_name().to_str().unwrap().rsplit_once('-').unwrap().0.to_owned())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, ["Die-Muhle", "README", "Roman-001", "Roman-001"]);
    // The same directory under another name; the run directory in it is not a text.
    fs::rename(harness.path("out"), directory.join("out")).unwrap();
    let words = [Path::new("-i"), directory.as_path()];
    assert_eq!(harness.juggle(&["plan", "--json"], "other", &words).await.expect(0).json()["entries"], 4);
    let run = directory.join("out");
    harness.juggle(&["add"], "other", &[&run]).await.expect_error(3, &["run directory of juggle"]);
    let list = harness.write("list.txt", "my novels\n");
    harness.juggle(&["add"], "other", &[list]).await.expect_error(3, &["is a directory", "as a source"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn author_and_language_of_a_list_reach_meta_and_every_export() {
    let shelf = Shelf::new();
    shelf.list("list.csv", "id,url,title,Author,Language\nmill,{mill},The Mill,\"Roe, Richard\",de\n");
    shelf.run(&["pipeline"], "out", "list.csv", &[]).await.expect(0);
    let mill = meta(&shelf.harness, "out", "mill");
    assert_eq!((&mill["author"], &mill["language"]), (&"Roe, Richard".into(), &"de".into()));
    let more = ["--jsonl-compress", "none"];
    shelf.harness.juggle(&["export", "metadata", "jsonl"], "out", &more).await.expect(0);
    let metadata = shelf.harness.read("out/export/metadata.csv");
    assert!(metadata.contains("mill,The Mill,\"Roe, Richard\",,,['de'],"), "{metadata}");
    let file = fs::read_dir(shelf.harness.path("out/export/jsonl")).unwrap().next().unwrap().unwrap().path();
    let row = fs::read_to_string(file).unwrap();
    assert!(row.contains("\"author\":\"Roe, Richard\"") && row.contains("\"language\":\"de\""), "{row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn queue_ls_says_how_many_listed_texts_are_not_in_the_queue_yet() {
    let harness = Harness::of_texts(3, 1);
    let list = harness.path("list.tsv");
    harness.juggle(&["add"], "out", &[list]).await.expect(0);
    let listed = harness.juggle::<&str>(&["queue", "ls"], "out", &[]).await.expect(0).stdout;
    assert!(listed.contains("3 listed texts not in the queue yet"), "{listed}");
    harness.juggle::<&str>(&["pipeline"], "out", &[]).await.expect(0);
    let listed = harness.juggle::<&str>(&["queue", "ls"], "out", &[]).await.expect(0).stdout;
    assert!(!listed.contains("not in the queue yet"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn printed_commands_can_be_pasted_into_a_shell() {
    let harness = Harness::of_texts(0, 0);
    let list = harness.write("list.tsv", &format!("url\tid\n{}\tbad\n", harness.server.url("/none")));
    let out = "my run's";
    let ended = harness.juggle(&["pipeline"], out, &[list]).await.expect(8);
    let line = ended.stdout.lines().find(|line| line.contains("juggle queue retry")).unwrap();
    let word = format!("-o \"{}\"", harness.path(out).display());
    assert_eq!(line.matches(&word).count(), 2, "{line}");
    let status = harness.juggle::<&str>(&["status"], out, &[]).await.stdout;
    assert!(status.contains(&word), "{status}");
}
