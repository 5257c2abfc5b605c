//! Plants links and special files in a run directory. Nothing may be opened through them, nothing outside may
//! change, and no command may hang.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::Path,
};

use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::harness::Harness;

/// The kinds of files that are planted.
#[derive(Debug, Clone, Copy)]
enum Plant {
    Link,
    Dangling,
    Pipe,
    Socket,
}

impl Plant {
    const ALL: [Self; 4] = [Self::Link, Self::Dangling, Self::Pipe, Self::Socket];

    /// Puts the file in the place of a path. `outside` is the target of a link.
    fn at(self, path: &Path, outside: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else if path.symlink_metadata().is_ok() {
            fs::remove_file(path).unwrap();
        }
        match self {
            Self::Link => symlink(outside, path).unwrap(),
            Self::Dangling => symlink(outside.join("nowhere"), path).unwrap(),
            Self::Pipe => mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap(),
            Self::Socket => drop(UnixListener::bind(path).unwrap()),
        }
    }
}

/// The files of a run directory that juggle opens by name.
const FILES: [&str; 12] = [
    "PROCESSOR",
    "LAYOUT",
    "duplicates.tsv",
    "corpus.lock",
    "queue/lock",
    "queue/VERSION",
    "queue/tail",
    "queue/queue.sock",
    "raw/t0_raw.txt",
    "text/t0_text.txt",
    "meta/t0.json",
    "spool/t0.spool.part",
];

/// The directories that juggle creates in a run directory.
const DIRECTORIES: [&str; 9] =
    ["queue", "queue/sources", "spool", "raw", "text", "meta", "logs", "tokens", "stats"];

#[tokio::test(flavor = "multi_thread")]
async fn a_special_file_in_place_of_a_file_is_not_opened_and_hangs_nothing() {
    let harness = Harness::of_texts(2, 5);
    let outside = harness.write("precious", "precious\n");
    harness.juggle(&["pipeline"], "whole", &[harness.path("list.tsv")]).await.expect(0);
    for name in FILES {
        for plant in Plant::ALL {
            let out = format!("{}-{plant:?}", name.replace('/', "-"));
            copy(&harness.path("whole"), &harness.path(&out));
            plant.at(&harness.path(&out).join(name), &outside);
            let ended = harness.juggle(&["pipeline"], &out, &[harness.path("list.tsv")]).await;
            let what = format!("{plant:?} as {name}: {:?}\n{}", ended.code, ended.stderr);
            assert!(matches!(ended.code, Some(0 | 3 | 8)), "{what}");
            assert!(!ended.stderr.contains("panicked"), "{what}");
            assert_eq!(harness.read("precious"), "precious\n", "{what}");
            assert!(!outside.with_file_name("nowhere").exists(), "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_place_of_a_directory_is_refused_by_name_and_nothing_is_written_through_it() {
    let harness = Harness::of_texts(1, 5);
    for name in DIRECTORIES {
        let (out, elsewhere) =
            (name.replace('/', "-"), harness.path(&format!("elsewhere-{}", name.replace('/', "-"))));
        fs::create_dir_all(&elsewhere).unwrap();
        fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o755)).unwrap();
        Plant::Link.at(&harness.path(&out).join(name), &elsewhere);
        let ended = harness.juggle(&["pipeline"], &out, &[harness.path("list.tsv")]).await;
        ended.expect_error(3, &[name, "this must be a directory, but it is a link or a file"]);
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "{name}");
        assert_eq!(fs::metadata(&elsewhere).unwrap().permissions().mode() & 0o777, 0o755, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_special_file_in_place_of_the_lock_to_match_is_refused_and_hangs_nothing() {
    let harness = Harness::of_texts(1, 5);
    harness.juggle(&["pipeline"], "whole", &[harness.path("list.tsv")]).await.expect(0);
    let outside = harness.path("outside.lock");
    fs::copy(harness.path("whole/corpus.lock"), &outside).unwrap();
    for plant in Plant::ALL {
        let out = format!("{plant:?}");
        copy(&harness.path("whole"), &harness.path(&out));
        plant.at(&harness.path(&out).join("corpus.lock"), &outside);
        let ended = harness.juggle(&["pipeline", "--locked"], &out, &[harness.path("list.tsv")]).await;
        ended.expect_error(3, &["corpus.lock", "it is a link or a special file"]);
    }
    // A path that the user names may be a link.
    let link = harness.path("link.lock");
    symlink(&outside, &link).unwrap();
    let locked = format!("--locked={}", link.display());
    harness.juggle(&["pipeline", &locked], "whole", &[harness.path("list.tsv")]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_run_directory_itself_may_be_a_link() {
    let harness = Harness::of_texts(1, 5);
    fs::create_dir(harness.path("real")).unwrap();
    symlink(harness.path("real"), harness.path("out")).unwrap();
    harness.juggle(&["pipeline"], "out", &[harness.path("list.tsv")]).await.expect(0);
    assert_eq!(harness.tree("real").len(), 6);
}

/// Copies a directory tree without its sockets.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}
