//! Errors are for people: one clear message with what to do, the documented exit code, nothing lost, no
//! panic.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use test_server::Script;
use tokio::process::Command;

use crate::harness::{Harness, program};

const NONE: &[&str] = &[];

#[tokio::test(flavor = "multi_thread")]
async fn without_sources_it_says_how_to_name_some() {
    let harness = Harness::of_texts(1, 1);
    for command in ["pipeline", "add"] {
        harness.juggle(&[command], "out", NONE).await.expect_error(2, &["no sources were given", "-i FILE"]);
    }
    assert!(!harness.path("out").exists(), "nothing was made");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_list_is_named() {
    let harness = Harness::of_texts(1, 1);
    let missing = harness.path("no-such-list.tsv");
    harness.juggle(&["pipeline"], "out", &[&missing]).await.expect_error(3, &["no-such-list.tsv"]);
    let directory = harness.path("www");
    harness
        .juggle(&["add"], "out", &[Path::new("--catalog"), &directory])
        .await
        .expect_error(3, &["it is a directory"]);
    let no_column = harness.write("wrong.tsv", "place\tname\nhttp://a.invalid/\tx\n");
    harness
        .juggle(&["pipeline"], "out", &[&no_column])
        .await
        .expect_error(3, &["wrong.tsv", "a column of URLs"]);
    let broken = harness.write("broken.gz", "\u{1f}");
    fs::write(&broken, [0x1f, 0x8b, 8, 0, 0, 0]).unwrap();
    harness.juggle(&["pipeline"], "out", &[&broken]).await.expect_error(3, &["broken.gz"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_line_is_reported_with_its_number_and_skipped() {
    let harness = Harness::of_texts(2, 5);
    let list = format!(
        "{}\n\nnot a source\nftp://a.invalid/x\n{}\n",
        harness.server.url("/t0.txt"),
        harness.server.url("/t1.txt")
    );
    let list = harness.write("list.txt", &list);
    let ended = harness.juggle(&["pipeline"], "out", &[&list]).await.expect_error(8, &["line 3", "line 4"]);
    assert!(ended.stdout.contains("2 documents"), "{}", ended.stdout);
    assert!(ended.stdout.contains("Skipped 2 invalid lines of the source lists"), "{}", ended.stdout);
    let only_bad = harness.write("bad.txt", "???\n");
    harness.juggle(&["pipeline"], "bad", &[&only_bad]).await.expect_error(3, &["line 1", "names a text"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_text_of_one_id_is_reported_and_does_not_replace_the_first() {
    let harness = Harness::of_texts(2, 5);
    let rows = |order: [usize; 2]| {
        let row = |n: &usize| format!("{}\tsame\n", harness.server.url(&format!("/t{n}.txt")));
        format!("url\tid\n{}", order.iter().map(row).collect::<String>())
    };
    let list = harness.write("twice.tsv", &rows([0, 1]));
    let ended = harness
        .juggle(&["pipeline"], "out", &[&list])
        .await
        .expect_error(8, &["'same'", "/t0.txt", "/t1.txt"]);
    assert!(ended.stdout.contains("Skipped 1 listed text: another text has the same id"), "{}", ended.stdout);
    // Later too, when the first is long done.
    let later = harness.write("later.tsv", &rows([1, 0]));
    harness.juggle(&["pipeline"], "out", &[&later]).await.expect_error(8, &["'same'", "/t1.txt"]);
    assert_eq!(harness.read("out/raw/same_raw.txt"), harness.read("www/t0.txt"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unwritable_directory_is_named() {
    let harness = Harness::of_texts(1, 1);
    harness.write("file", "in the way");
    let list = harness.path("list.tsv");
    for out in ["file", "file/below"] {
        harness.juggle(&["pipeline"], out, &[&list]).await.expect_error(3, &["file", "-o DIR"]);
    }
    assert_eq!(harness.read("file"), "in the way");
}

#[tokio::test(flavor = "multi_thread")]
async fn inspecting_a_directory_without_a_run_says_so_and_creates_none() {
    let harness = Harness::of_texts(1, 1);
    for words in
        [&["status"][..], &["queue", "ls"], &["export", "combined"], &["fetch"], &["store"], &["process"]]
    {
        harness.juggle(words, "out", NONE).await.expect_error(3, &["there is no run", "juggle pipeline"]);
    }
    assert!(!harness.path("out").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_host_is_a_network_failure_with_its_url() {
    let harness = Harness::of_texts(1, 1);
    let url = "http://no-such-host.invalid/a.txt";
    let ended = harness.juggle(&["pipeline", url, "--retry", "1"], "out", NONE).await.expect(4);
    assert!(ended.stdout.contains("dns") && ended.stdout.contains(url), "{}", ended.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_address_is_named_and_nothing_is_sent_there() {
    let harness = Harness::of_texts(1, 1);
    let other = Harness::of_texts(1, 1);
    let run = |url: String| {
        let mut command = program("juggle");
        command.args(["pipeline", &url, "--no-progress"]).arg("-o").arg(harness.path("out"));
        async move {
            let output = command.output().await.unwrap();
            (output.status.code(), String::from_utf8(output.stdout).unwrap())
        }
    };
    let (code, said) = run(other.server.url("/t0.txt")).await;
    assert_eq!(code, Some(8), "{said}");
    assert!(said.contains("forbidden_address") && said.contains("--allow-host"), "{said}");
    assert_eq!(other.server.request_count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_a_host_that_is_not_allowed_is_not_followed() {
    let harness = Harness::of_texts(1, 1);
    let other = Harness::of_texts(1, 1);
    let target = format!("http://localhost:{}/t0.txt", other.server.addr().port());
    harness.server.respond("/t0.txt", Script::redirect(&target));
    let list = harness.path("list.tsv");
    let summary = harness.juggle(&["pipeline", "--json"], "out", &[&list]).await.expect(8).json();
    assert_eq!(summary["failures"][0]["reason"], "forbidden_address");
    assert_eq!(other.server.request_count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_a_newer_version_is_left_alone() {
    let harness = Harness::of_texts(1, 5);
    let list = harness.path("list.tsv");
    harness.juggle(&["pipeline"], "out", &[&list]).await.expect(0);
    fs::write(harness.path("out/queue/VERSION"), "99\n").unwrap();
    let tree = harness.tree("out");
    for words in [&["pipeline"][..], &["status"], &["fetch"], &["queue", "ls"]] {
        harness.juggle(words, "out", NONE).await.expect_error(3, &["newer version of juggle", "99"]);
    }
    assert_eq!(harness.tree("out"), tree);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_queue_is_left_alone_and_the_way_out_works() {
    let harness = Harness::of_texts(3, 5);
    let list = harness.path("list.tsv");
    harness.juggle(&["pipeline"], "out", &[&list]).await.expect(0);
    let tree = harness.tree("out");
    let queue = harness.path("out/queue");
    let database = fs::read_dir(&queue)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_dir() && path.file_name().unwrap().to_str().unwrap().starts_with("db."))
        .unwrap();
    fs::write(database.join("db"), "damaged").unwrap();
    harness
        .juggle(&["pipeline"], "out", &[&list])
        .await
        .expect_error(3, &["damaged", "It was not changed", "juggle rebuild"]);
    assert!(database.exists());
    // Without the database the rest of the queue is no queue either.
    fs::rename(&database, harness.path("damaged")).unwrap();
    harness.juggle(&["pipeline"], "out", &[&list]).await.expect_error(3, &["damaged", "juggle rebuild"]);
    harness.juggle(&["rebuild"], "out", &[] as &[&str]).await.expect(0);
    harness.juggle(&["pipeline"], "out", &[&list]).await.expect(0);
    assert_eq!(harness.tree("out"), tree);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_whose_owner_does_not_answer_is_in_use() {
    let harness = Harness::of_texts(1, 5);
    let list = harness.path("list.tsv");
    harness.juggle(&["pipeline"], "out", &[&list]).await.expect(0);
    let lock = fs::File::open(harness.path("out/queue/lock")).unwrap();
    lock.lock().unwrap();
    let ended = harness.juggle(&["pipeline"], "out", &[&list]).await;
    ended.expect_error(11, &["does not answer", "another output directory"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_flags_and_values_are_usage_errors() {
    let harness = Harness::of_texts(1, 1);
    for (words, said) in [
        (&["pipeline", "--wait=-1"][..], "--wait"),
        (&["pipeline", "--max-filesize", "12 parsecs"], "max-filesize"),
        (&["pipeline", "--mirror", "nonsense"], "BASE=BASE"),
        (&["pipeline", "--no-such-flag"], "--no-such-flag"),
        (&["queue", "ls", "--lane", "slow"], "fetch, store or process"),
        (&["frobnicate"], "frobnicate"),
    ] {
        let mut command = program("juggle");
        let output = command.args(words).current_dir(harness.directory.path()).output().await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{words:?}: {stderr}");
        assert!(stderr.contains(said), "{words:?}: {stderr}");
    }
}

/// Returns the option of `unshare` that lets this user mount a file system: in a namespace of users if the
/// system allows it, otherwise as root.
async fn way_to_mount(mount: &Path) -> Option<&'static str> {
    for way in ["-Urm", "-m"] {
        let probe = [way, "mount", "-t", "tmpfs", "tmpfs"];
        let may = Command::new("unshare").args(probe).arg(mount).output().await;
        if may.is_ok_and(|output| output.status.success()) {
            return Some(way);
        }
    }
    None
}

/// Runs a script that may mount a small file system, which no other process sees.
async fn on_a_small_disk(script: &str, mount: &Path, command: &str) -> Option<(Option<i32>, String)> {
    let Some(way) = way_to_mount(mount).await else {
        eprintln!("this system makes no private mounts: a full disk is only tested in the crates");
        return None;
    };
    let output = Command::new("unshare")
        .args([way, "sh", "-c", script, "sh"])
        .arg(mount)
        .arg(command)
        .output()
        .await
        .unwrap();
    Some((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// Every file that a run on a full disk left is complete, and the same command finishes once there is room.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_the_run_and_loses_nothing() {
    let harness = Harness::of_texts(40, 2_000);
    harness.juggle(&["pipeline"], "roomy", &[harness.path("list.tsv")]).await.expect(0);
    let roomy = harness.tree("roomy");
    let bytes = roomy.values().map(Vec::len).sum::<usize>();
    for tenths in [3, 5, 7, 9] {
        let out = harness.path(&format!("out{tenths}"));
        fs::create_dir(&out).unwrap();
        let command = format!(
            "{} pipeline {} -o {} --no-progress --wait 0 -x 16 --allow-host 127.0.0.1 --min-free-space 0",
            env!("CARGO_BIN_EXE_juggle"),
            harness.path("list.tsv").display(),
            out.display()
        );
        let script = format!(
            "mount -t tmpfs -o size={} tmpfs $1 || exit 99
            $2; first=$?
            cp -r $1 $1.full
            mount -o remount,size=200m $1 && $2 >&2 || exit 98
            cp -r $1 $1.kept; exit $first",
            bytes / 10 * tenths
        );
        let Some((code, said)) = on_a_small_disk(&script, &out, &command).await else { return };
        assert_whole(&harness, &format!("out{tenths}.full"), &roomy);
        assert_eq!(code, Some(9), "{said}");
        assert!(
            said.contains("no space left") && said.contains("same command") && !said.contains("panicked"),
            "{said}"
        );
        crate::harness::assert_same(&harness.tree(&format!("out{tenths}.kept")), &roomy);
    }
}

/// Asserts that every file under a final name in one directory has the bytes that it has in another, and a
/// download those of its raw file.
fn assert_whole(harness: &Harness, left: &str, roomy: &BTreeMap<PathBuf, Vec<u8>>) {
    let is_hidden =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    for (path, bytes) in harness.tree(left).into_iter().filter(|(path, _)| !is_hidden(path)) {
        assert!(roomy.get(&path) == Some(&bytes), "{left}: {} is cut", path.display());
    }
    let downloads = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "spool");
    let spool = fs::read_dir(harness.path(left).join("spool")).unwrap().map(|entry| entry.unwrap().path());
    for path in spool.filter(downloads) {
        let bytes = fs::read(&path).unwrap();
        assert!(roomy.values().any(|raw| *raw == bytes), "{left}: {} is cut", path.display());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_is_never_filled_below_the_floor() {
    let harness = Harness::of_texts(40, 6_000);
    let out = harness.path("out");
    fs::create_dir(&out).unwrap();
    harness.juggle(&["pipeline"], "roomy", &[harness.path("list.tsv")]).await.expect(0);
    // The fetch stage alone: what is downloaded may be stored and processed below the floor. The margin is
    // for the downloads that run at the same time, and the queue.
    let script = format!(
        "juggle() {{ {} \"$@\" -o {} --no-progress --wait 0 -x 4 -j 4 --allow-host 127.0.0.1 --min-free-space 20MiB; }}
        mount -t tmpfs -o size=24m tmpfs $1 || exit 99
        juggle fetch -i {}; first=$?
        [ $(stat -f -c %f $1) -gt $((18 * 256)) ] || exit 97
        mount -o remount,size=200m $1 && juggle pipeline >&2 || exit 98
        cp -r $1 $1.kept; exit $first",
        env!("CARGO_BIN_EXE_juggle"),
        out.display(),
        harness.path("list.tsv").display(),
    );
    let Some((code, said)) = on_a_small_disk(&script, &out, "").await else { return };
    assert_eq!(code, Some(9), "{said}");
    assert!(said.contains("--min-free-space") && said.contains("same command"), "{said}");
    crate::harness::assert_same(&harness.tree("out.kept"), &harness.tree("roomy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_too_full_for_the_queue_stops_the_stages_and_loses_nothing() {
    let harness = Harness::of_texts(10, 500);
    let out = harness.path("out");
    fs::create_dir(&out).unwrap();
    harness.juggle(&["pipeline"], "roomy", &[harness.path("list.tsv")]).await.expect(0);
    let command = format!(
        "juggle() {{ {} $1 {} -o {} --no-progress --wait 0 -x 16 --allow-host 127.0.0.1 --min-free-space 0; }}",
        env!("CARGO_BIN_EXE_juggle"),
        "$2",
        out.display()
    );
    let list = harness.path("list.tsv");
    let script = format!(
        "{command}
        mount -t tmpfs -o size=256k $1 $1 || exit 99
        juggle add {} >&2 || exit 97
        juggle fetch; first=$?
        mount -o remount,size=200m $1
        juggle fetch >&2 && juggle store >&2 && juggle process >&2 || exit 98
        cp -r $1 $1.kept; exit $first",
        list.display()
    );
    let Some((code, said)) = on_a_small_disk(&script, &out, "").await else { return };
    assert_eq!(code, Some(9), "{said}");
    assert!(
        said.contains("no space left") && said.contains("same command") && !said.contains("panicked"),
        "{said}"
    );
    crate::harness::assert_same(&harness.tree("out.kept"), &harness.tree("roomy"));
}
