//! Sources, from what is named on the command line to what is stored: books, ranges, the catalogue, hashes.

use std::fs;

use test_server::Script;

use crate::harness::Harness;

/// Serves books as a mirror of Project Gutenberg does.
fn mirror(books: &[u32]) -> Harness {
    let harness = Harness::of_texts(0, 0);
    for number in books {
        put_book(&harness, *number);
    }
    harness
}

fn put_book(harness: &Harness, number: u32) {
    let folder = harness.path(&format!("www/cache/epub/{number}"));
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("pg{number}.txt")), format!("This is book {number}.\n")).unwrap();
}

const CATALOG: &str = r#"Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves
1,Text,1971-12-01,The Declaration,en,"Jefferson, Thomas",History,E201,Politics
2,Sound,1972-12-01,A Song,en,Anon,Songs,M,Audio
3,Text,1973-11-01,"Inaugural
Address",en; fr,"Kennedy, John F.",Presidents,E838,
84,Text,1993-10-01,"Frankenstein; or, the ""Modern"" Prometheus",en,"Shelley, Mary Wollstonecraft",Horror tales,PR,Gothic
85,Text,2000-01-01,Der Prozess,de,"Kafka, Franz",Trials,PT,
"#;

fn stored(harness: &Harness, out: &str) -> Vec<String> {
    let mut ids: Vec<String> = fs::read_dir(harness.path(out).join("meta"))
        .unwrap()
        .map(|file| file.unwrap().file_name().to_string_lossy().trim_end_matches(".json").to_owned())
        .collect();
    ids.sort_unstable();
    ids
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_of_books_comes_from_the_mirror_that_is_named() {
    let harness = mirror(&[8, 9, 10, 11]);
    let base = harness.server.base_url();
    let more = ["pg:8-10", "--gutenberg-mirror", &base];
    let summary = harness.juggle(&["pipeline", "--json"], "out", &more).await.expect(0).json();
    assert_eq!(summary["documents"], 3);
    assert_eq!(stored(&harness, "out"), ["PG10", "PG8", "PG9"]);
    assert_eq!(harness.server.request_count(), 3);
    // Named singly and in another list, they are the same books and no conflict.
    let list = harness.write("again.txt", "pg:9\npg:8-10\n");
    let again = harness.juggle(&["pipeline", "--json", "--gutenberg-mirror", &base], "out", &[list]).await;
    assert_eq!((again.expect(0).json()["documents"].as_u64(), harness.server.request_count()), (Some(3), 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_from_the_site_is_the_same_as_from_a_mirror() {
    let harness = mirror(&[9, 10]);
    let base = harness.server.base_url();
    let site = format!("https://www.gutenberg.org={base}");
    harness.juggle(&["pipeline"], "out", &["pg:9", "--mirror", &site]).await.expect(0);
    let more = ["pg:9-10", "--gutenberg-mirror", &base];
    let summary = harness.juggle(&["pipeline", "--json"], "out", &more).await.expect(0).json();
    assert_eq!((&summary["documents"], &summary["conflicts"]), (&2.into(), &0.into()));
    assert_eq!(harness.server.request_count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_that_one_mirror_lacks_comes_from_the_next() {
    let (first, second) = (mirror(&[]), mirror(&[]));
    fs::create_dir_all(second.path("www/8/84")).unwrap();
    fs::write(second.path("www/8/84/84-0.txt"), "It was on a dreary night of November.\n").unwrap();
    let (one, other) = (first.server.base_url(), second.server.base_url());
    let more = ["pg:84-84", "--gutenberg-mirror", &one, "--gutenberg-mirror", &other];
    let summary = first.juggle(&["pipeline", "--json"], "out", &more).await.expect(0).json();
    assert_eq!(summary["documents"], 1);
    assert_eq!(first.read("out/text/PG84_text.txt"), "It was on a dreary night of November.\n");
    let asked =
        |harness: &Harness| harness.server.requests().iter().map(|r| r.path.clone()).collect::<Vec<_>>();
    assert_eq!(asked(&first), ["/cache/epub/84/pg84.txt", "/8/84/84-0.txt"]);
    assert_eq!(asked(&second), ["/cache/epub/84/pg84.txt", "/8/84/84-0.txt"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_book_that_no_mirror_has_costs_few_requests() {
    let harness = mirror(&[]);
    let base = harness.server.base_url();
    let more = ["pg:84-84", "--gutenberg-mirror", &base];
    let summary = harness.juggle(&["pipeline", "--json"], "out", &more).await.expect(8).json();
    assert_eq!(summary["failures"][0]["reason"], "http_status");
    assert_eq!(harness.server.request_count(), 4, "one for each form");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_is_a_source_as_file_and_as_url() {
    let harness = mirror(&[1, 3, 84, 85]);
    let base = harness.server.base_url();
    let file = harness.write("books.csv", CATALOG);
    let packed = harness.path("packed.gz");
    fs::write(&packed, gzip(CATALOG)).unwrap();
    harness.server.respond("/feeds/pg_catalog.csv.gz", Script::bytes(gzip(CATALOG)));
    harness.server.respond("/other/name", Script::bytes(CATALOG));
    let (by_name, by_flag) =
        (harness.server.url("/feeds/pg_catalog.csv.gz"), harness.server.url("/other/name"));
    let ways: [&[&str]; 5] = [
        &[file.to_str().unwrap()],
        &["--catalog", packed.to_str().unwrap()],
        &["-i", file.to_str().unwrap()],
        &[&by_name],
        &["--catalog", &by_flag],
    ];
    for (number, way) in ways.iter().enumerate() {
        let out = format!("out{number}");
        let mut more = vec!["--gutenberg-mirror", &base, "--language", "EN", "--author", "john kennedy"];
        more.extend(["--author", "shelley", "--limit", "2"]);
        more.extend(*way);
        harness.juggle(&["pipeline"], &out, &more).await.expect(0);
        assert_eq!(stored(&harness, &out), ["PG3", "PG84"], "{way:?}");
    }
    assert_eq!(
        (harness.server.count("/feeds/pg_catalog.csv.gz"), harness.server.count("/other/name")),
        (1, 1)
    );
    let meta: serde_json::Value = serde_json::from_str(&harness.read("out0/meta/PG3.json")).unwrap();
    assert_eq!(meta["title"], "Inaugural Address");
    assert_eq!(
        (&meta["listed"]["language"], &meta["listed"]["issued"]),
        (&"en; fr".into(), &"1973-11-01".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn other_filters_make_another_list() {
    let harness = mirror(&[]);
    let file = harness.write("pg_catalog.csv", CATALOG);
    for (filter, entries) in [("en", 3), ("de", 1), ("en", 3)] {
        let more = ["--catalog", file.to_str().unwrap(), "--language", filter];
        let added = harness.juggle(&["add", "--json"], "out", &more).await.expect(0).json();
        assert_eq!(added["entries"], entries);
    }
    let status = harness.juggle::<&str>(&["status", "--json"], "out", &[]).await.expect(0).json();
    assert_eq!(status["pending"], 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_from_the_web_names_nothing_on_this_machine() {
    let harness = Harness::of_texts(2, 3);
    let secret = harness.write("secret.txt", "a secret\n");
    let text = harness.server.url("/t1.txt");
    let list = format!("{}\n{text}\nfile://{}\n", secret.display(), secret.display());
    harness.server.respond("/list.txt", Script::bytes(list));
    let url = harness.server.url("/list.txt");
    let ended = harness.juggle(&["pipeline", "--json"], "out", &["-i", &url]).await;
    let summary = ended.expect_error(8, &["line 1", "line 3", "only a local list"]).json();
    assert_eq!(summary["documents"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_cannot_be_fetched_adds_nothing() {
    let harness = Harness::of_texts(1, 1);
    harness.server.respond("/cut", Script::bytes(CATALOG).cut_after(100));
    harness.server.respond("/page", Script::bytes("<html>not a list</html>"));
    let good = harness.path("list.tsv");
    for (path, code, words) in [
        ("/gone", 4, &["404", "Nothing was added"][..]),
        ("/cut", 4, &["broke off"]),
        ("/page", 3, &["not the catalogue of Project Gutenberg"]),
    ] {
        let url = harness.server.url(path);
        let more = [good.to_str().unwrap(), "--catalog", &url];
        harness.juggle(&["add"], "out", &more).await.expect_error(code, words);
    }
    // Loopback is refused for lists as for texts, where nobody allows it.
    let mut command = crate::harness::program("juggle");
    command.args(["add", "--catalog", &harness.server.url("/cut"), "-o"]).arg(harness.path("out"));
    let refused = String::from_utf8(command.output().await.unwrap().stderr).unwrap();
    assert!(refused.contains("--allow-host"), "{refused}");
    let added = harness.juggle(&["add", "--json"], "out", &[good]).await.expect(0).json();
    assert_eq!(added["entries"], 1);
    let status = harness.juggle::<&str>(&["status", "--json"], "out", &[]).await.expect(0).json();
    assert_eq!(status["pending"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_need_a_catalogue() {
    let harness = Harness::of_texts(1, 1);
    let list = harness.path("list.tsv");
    for filter in [["--language", "en"], ["--limit", "3"]] {
        let more = [list.to_str().unwrap(), filter[0], filter[1]];
        harness.juggle(&["add"], "out", &more).await.expect_error(2, &["--catalog", filter[0]]);
    }
    harness.juggle(&["add"], "out", &["--limit", "0"]).await.expect(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn bulk_from_the_main_site_is_refused_before_anything_is_added() {
    let harness = Harness::of_texts(1, 1);
    let line = |n: u32| format!("https://www.gutenberg.org/files/{n}/{n}-0.txt\n");
    let half = harness.write("half.txt", &(1..=60).map(line).collect::<String>());
    let rest = harness.write("rest.txt", &(61..=101).map(line).collect::<String>());
    let good = harness.path("list.tsv");
    for command in ["add", "pipeline"] {
        let refused = harness.juggle(&[command], "out", &[&good, &half, &rest]).await;
        refused.expect_error(
            2,
            &["101 texts", "--mirror https://www.gutenberg.org=", "--gutenberg-mirror", "harvest"],
        );
    }
    harness.juggle(&["add", "-n"], "out", &[&half, &rest]).await.expect_error(2, &["101 texts"]);
    let status = harness.juggle::<&str>(&["status", "--json"], "out", &[]).await.expect(0).json();
    assert_eq!(status["pending"], 0);
    assert_eq!(fs::read_dir(harness.path("out/queue/sources")).unwrap().count(), 0);
    let mirror = format!("https://www.gutenberg.org={}", harness.server.base_url());
    let more = [half.to_str().unwrap(), rest.to_str().unwrap(), "--mirror", &mirror];
    let added = harness.juggle(&["add", "--json"], "out", &more).await.expect(0).json();
    assert_eq!(added["entries"], 101);
    let books: String = (1..=200).map(|n| format!("pg:{n}\n")).collect();
    let books = harness.write("books.txt", &books);
    let added = harness.juggle(&["add", "--json"], "other", &[books]).await.expect(0).json();
    assert_eq!(added["entries"], 200, "books beyond a handful go to mirrors");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_sha256_is_checked() {
    let harness = Harness::of_texts(0, 0);
    let text = "Call me Ishmael.\n";
    fs::write(harness.path("www/whale.txt"), text).unwrap();
    let local = harness.write("local.txt", text);
    // As sha256sum says.
    let good = "7376efceaacd85bc1d8dbfdaf8a17fb7c5ce4a31d2be652a52a8e834e09c4c7e".to_uppercase();
    let bad = "0".repeat(64);
    let blake3 = blake3::hash(text.as_bytes()).to_hex().to_string();
    let (url, file) = (harness.server.url("/whale.txt"), local.display());
    let list = format!(
        "url\tid\tsha256\tblake3\n{url}\tgood\t{good}\t\n{url}?2\tboth\t{good}\t{blake3}\n{url}?3\tbad\t{bad}\t\n\
         {url}?4\tworse\t{bad}\t{blake3}\n{file}\tfile\t{good}\t\n{file}\tbadfile\t{bad}\t\n"
    );
    let list = harness.write("list.tsv", &list);
    let summary = harness.juggle(&["pipeline", "--json"], "out", &[list]).await.expect(8).json();
    assert_eq!(stored(&harness, "out"), ["both", "file", "good"]);
    let failures = summary["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 3);
    for failure in failures {
        assert_eq!(failure["reason"], "not_text");
        assert!(failure["message"].as_str().unwrap().contains("SHA-256"), "{failure}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listed_encoding_is_used_and_a_guess_from_few_letters_is_reported() {
    let harness = mirror(&[]);
    // "Да, мир" in windows-1251.
    harness.server.respond("/given", Script::bytes(b"\xC4\xE0, \xEC\xE8\xF0.\n".to_vec()));
    harness.server.respond("/guessed", Script::bytes(b"\xC4\xE0, \xEC\xE8\xF0!\n".to_vec()));
    let [given, guessed] = ["/given", "/guessed"].map(|path| harness.server.url(path));
    let list = format!(
        "url\tid\tencoding\n{given}\tgiven\twindows-1251\n{guessed}\tguessed\t\n{guessed}\tbad\tcp-0\n"
    );
    let list = harness.write("encodings.tsv", &list);
    let more = [list.to_str().unwrap(), "--json", "--max-connection-per-server", "2"];
    let ended = harness
        .juggle(&["pipeline"], "out", &more)
        .await
        .expect_error(8, &["encodings.tsv, line 4", "'cp-0'"]);
    let advice = "juggle redecode guessed --encoding LABEL";
    assert!(
        ended.stderr.lines().any(|line| line.contains("WARN") && line.contains(advice)),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("'given'"), "{}", ended.stderr);
    let summary = ended.json();
    assert_eq!((&summary["documents"], &summary["doubtful_encodings"]), (&2.into(), &1.into()), "{summary}");
    let text = |id: &str| fs::read_to_string(harness.path(&format!("out/text/{id}_text.txt"))).unwrap();
    assert_eq!(text("given"), "Да, мир.\n");

    let asked = harness.server.request_count();
    let read_as = async |id: &str, encoding: &str| {
        harness.juggle(&["redecode"], "out", &[id, "--encoding", encoding]).await
    };
    read_as("guessed", "cp-0").await.expect_error(2, &["unknown encoding 'cp-0'"]);
    read_as("nobody", "cp1251").await.expect_error(3, &["'nobody' is not stored"]);
    // KOI8-R has letters of the other case there.
    for (encoding, expected) in [("koi8-r", "дЮ, ЛХП!\n"), ("cp1251", "Да, мир!\n")] {
        read_as("guessed", encoding).await.expect(0);
        read_as("guessed", encoding).await.expect_error(3, &["still has pending jobs"]);
        let summary = harness.juggle(&["pipeline", "--json"], "out", &[] as &[&str]).await.expect(0).json();
        assert_eq!(
            (&summary["documents"], &summary["doubtful_encodings"]),
            (&2.into(), &0.into()),
            "{summary}"
        );
        assert_eq!(text("guessed"), expected);
    }
    assert_eq!(harness.server.request_count(), asked, "nothing is fetched");
    let tokens = fs::read_to_string(harness.path("out/tokens/guessed_tokens.txt")).unwrap();
    assert_eq!(tokens, "да\nмир\n");
}
