use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::symlink,
};

use flow::testing::memory_queue::MemoryQueue;
use tempfile::TempDir;
use tokio::time::{interval, timeout};

use super::{scanner::SETTLED, *};

const HOUR: Duration = Duration::from_secs(3600);

/// A directory that is scanned at chosen times.
struct Inbox {
    directory: TempDir,
    scanner: Scanner,
    now: Instant,
}

impl Inbox {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("inbox");
        fs::create_dir(&path).unwrap();
        Self { scanner: Scanner::new(vec![path]), directory, now: Instant::now() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("inbox").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Returns the names of the files that a scan finds, after a delay.
    fn scan(&mut self, later: Duration) -> Vec<String> {
        self.now += later;
        let files = self.scanner.scan(self.now);
        files.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
    }

    /// Returns the files that have settled after two scans.
    fn settled(&mut self) -> Vec<String> {
        assert!(self.scan(Duration::ZERO).is_empty());
        self.scan(SETTLED)
    }
}

#[test]
fn a_file_is_taken_once_it_stands_still_and_again_when_it_has_changed() {
    let mut inbox = Inbox::new();
    inbox.write("list.tsv", "url\n");
    assert!(inbox.scan(Duration::ZERO).is_empty() && inbox.scanner.is_waiting());
    inbox.write("list.tsv", "url\nhttp://a.example/1\n");
    assert!(inbox.scan(SETTLED).is_empty(), "it has grown");
    assert_eq!(inbox.scan(SETTLED), ["list.tsv"]);
    assert!(inbox.scan(HOUR).is_empty() && !inbox.scanner.is_waiting());
    inbox.write("list.tsv", "url\nhttp://a.example/1\nhttp://a.example/2\n");
    assert_eq!(inbox.settled(), ["list.tsv"]);
}

#[test]
fn a_directory_that_appears_is_warned_of_once_and_a_run_directory_is_not() {
    let mut inbox = Inbox::new();
    for name in ["novels", ".hidden"] {
        fs::create_dir(inbox.path(name)).unwrap();
    }
    fs::create_dir_all(inbox.path("corpus/queue")).unwrap();
    inbox.write("corpus/queue/VERSION", "2\n");
    inbox.write("novels/a.txt", "text");
    assert!(inbox.settled().is_empty());
    assert!(inbox.scanner.warned().iter().eq([&inbox.path("novels")]), "{:?}", inbox.scanner.warned());
}

#[test]
fn a_directory_that_is_named_twice_is_one() {
    let mut inbox = Inbox::new();
    inbox.scanner = Scanner::new(vec![inbox.path(""), inbox.path("")]);
    inbox.write("book.txt", "A text.");
    assert_eq!(inbox.settled(), ["book.txt"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_writer_may_pause_as_long_as_it_likes() {
    let mut inbox = Inbox::new();
    let mut writer = File::create(inbox.path("book.txt")).unwrap();
    writer.write_all(b"Half of ").unwrap();
    assert!(inbox.settled().is_empty());
    assert!(inbox.scan(HOUR).is_empty());
    assert!(!inbox.scanner.is_waiting(), "a writer that takes its time costs no looks");
    writer.write_all(b"a text").unwrap();
    drop(writer);
    assert_eq!(inbox.settled(), ["book.txt"]);
}

#[test]
fn empty_files_and_downloads_under_way_wait() {
    let mut inbox = Inbox::new();
    inbox.write("empty.txt", "");
    inbox.write("book.txt", "half");
    inbox.write("book.txt.aria2", "control");
    assert!(inbox.settled().is_empty());
    inbox.write("empty.txt", "no more");
    fs::remove_file(inbox.path("book.txt.aria2")).unwrap();
    assert!(inbox.scan(Duration::ZERO).contains(&"book.txt".to_owned()));
    assert_eq!(inbox.scan(SETTLED), ["empty.txt"]);
}

#[test]
fn what_is_renamed_into_place_is_taken_even_if_it_looks_the_same() {
    let mut inbox = Inbox::new();
    inbox.write("list.tsv", "url\nhttp://a.example/1\n");
    assert_eq!(inbox.settled(), ["list.tsv"]);
    let modified = fs::metadata(inbox.path("list.tsv")).unwrap().modified().unwrap();
    inbox.write(".list.tsv.x7Gh2k", "url\nhttp://a.example/2\n");
    File::options().write(true).open(inbox.path(".list.tsv.x7Gh2k")).unwrap().set_modified(modified).unwrap();
    assert!(inbox.settled().is_empty(), "a name of rsync's");
    fs::rename(inbox.path(".list.tsv.x7Gh2k"), inbox.path("list.tsv")).unwrap();
    assert_eq!(inbox.settled(), ["list.tsv"]);
}

#[test]
fn a_named_file_may_come_go_and_be_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("list.tsv");
    let (mut scanner, start) = (Scanner::new(vec![path.clone()]), Instant::now());
    assert!(scanner.scan(start).is_empty());
    for (round, text) in (1..).zip(["one", "other"]) {
        fs::write(directory.path().join("new"), text).unwrap();
        fs::rename(directory.path().join("new"), &path).unwrap();
        assert!(scanner.scan(start + HOUR * round).is_empty());
        assert_eq!(scanner.scan(start + HOUR * round + SETTLED), [path.as_path()]);
    }
    fs::remove_file(&path).unwrap();
    assert!(scanner.scan(start + HOUR * 9).is_empty());
}

#[test]
fn a_directory_may_vanish_and_come_back() {
    let mut inbox = Inbox::new();
    let path = inbox.path("");
    fs::remove_dir(&path).unwrap();
    assert!(inbox.settled().is_empty());
    for text in ["before", "after"] {
        fs::create_dir(&path).unwrap();
        inbox.write("book.txt", text);
        assert_eq!(inbox.settled(), ["book.txt"]);
        fs::remove_dir_all(&path).unwrap();
        assert!(inbox.scan(HOUR).is_empty());
    }
}

#[test]
fn links_to_files_are_files_and_other_things_are_not() {
    let mut inbox = Inbox::new();
    fs::create_dir(inbox.path("folder")).unwrap();
    fs::write(inbox.directory.path().join("book"), "A text.").unwrap();
    symlink(inbox.directory.path().join("book"), inbox.path("link.txt")).unwrap();
    symlink(inbox.path("nowhere"), inbox.path("dangling.txt")).unwrap();
    symlink(inbox.path("loop.txt"), inbox.path("loop.txt")).unwrap();
    symlink(inbox.path("folder"), inbox.path("folder.txt")).unwrap();
    assert_eq!(inbox.settled(), ["link.txt"]);
    inbox.write("nowhere", "It is somewhere.");
    assert_eq!(inbox.settled(), ["dangling.txt", "nowhere"]);
}

#[test]
fn thousands_of_texts_are_added_a_thousand_at_a_time() {
    let mut inbox = Inbox::new();
    for number in 0..2500 {
        inbox.write(&format!("{number:04}.txt"), "A text.");
    }
    inbox.write("list.txt", "# books\nhttp://a.example/1\n");
    assert!(inbox.scan(Duration::ZERO).is_empty());
    inbox.now += SETTLED;
    let inputs = inputs(inbox.scanner.scan(inbox.now));
    let counts: Vec<usize> = inputs
        .iter()
        .map(|input| match input {
            Input::Texts(texts) => texts.len(),
            Input::List(..) | Input::Directory(_) => 0,
        })
        .collect();
    assert_eq!(counts, [0, 1000, 1000, 500]);
}

#[tokio::test]
async fn the_system_notifies_of_a_directory_that_was_replaced() {
    const LONG: Duration = Duration::from_secs(60);
    let directory = tempfile::tempdir().unwrap();
    let (path, paths) = (directory.path().join("inbox"), vec![directory.path().join("inbox")]);
    let (changed, mut changes) = mpsc::channel(1);
    let mut notifier = Notifier::new(notifier::system, changed);
    for _ in 0..3 {
        fs::create_dir(&path).unwrap();
        notifier.watch(&paths);
        while changes.try_recv().is_ok() {}
        fs::write(path.join("list.tsv"), "url\n").unwrap();
        timeout(LONG, changes.recv()).await.expect("it is notified").expect("the watcher lives");
        fs::remove_dir_all(&path).unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn without_notifications_there_is_a_scan_every_few_seconds() {
    let directory = tempfile::tempdir().unwrap();
    let (run, inbox) = (directory.path().join("out"), directory.path().join("inbox"));
    fs::create_dir(&run).unwrap();
    let queue = Arc::new(MemoryQueue::new(100, 0));
    let silent: MakeWatcher = |_| Err(notify::Error::new(notify::ErrorKind::MaxFilesWatch));
    let watching = run_with(silent, vec![inbox.clone()], run, Config::default(), queue.clone(), &|_, _| {});
    let dropping = async {
        let mut ticks = interval(SETTLING_INTERVAL);
        for (texts, name) in (1..).zip(["list.tsv", "book.txt"]) {
            fs::create_dir_all(&inbox).unwrap();
            fs::write(inbox.join(name), "pg:84").unwrap();
            let dropped = Instant::now();
            while queue.stats().await.unwrap().unfed < texts {
                ticks.tick().await;
            }
            // The clock is the test's own: the machine's speed does not matter.
            assert!(
                dropped.elapsed() <= RESCAN_INTERVAL + SETTLED + 4 * SETTLING_INTERVAL,
                "{:?}",
                dropped.elapsed()
            );
        }
    };
    tokio::select! {
        ended = watching => panic!("it goes on until dropped: {ended:?}"),
        () = dropping => {}
    }
}
