//! Finds and removes the temporary files that killed processes left in a run directory.
//!
//! Writers hold their temporary files ([`flow::temporary`]). The next run sweeps the files that no process
//! holds; `juggle gc` names and removes them. The store sweeps its own directories when it is opened. The
//! owner of the queue and an export sweep theirs.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use flow::{
    atomic_file,
    blobs::BlobKind,
    temporary::{self, Held, Sweep},
};

use sources::snapshot::draft;

use crate::directory;

/// The maximum number of times that a file is created again if another process sweeps it before it is held.
const TRIES_MAX: usize = 64;

/// Removes the leftover files.
///
/// # Errors
/// Returns an error if a directory cannot be read, or a file cannot be removed.
pub(crate) fn sweep(run: &Path) -> io::Result<()> {
    find(run, Sweep::Remove).map(drop)
}

/// Finds the leftover files, and removes them if `how` is [`Sweep::Remove`].
///
/// # Errors
/// Returns the errors of [`sweep`].
pub(crate) fn find(run: &Path, how: Sweep) -> io::Result<Vec<PathBuf>> {
    let ends_so = |name: &str| name.ends_with(".tmp");
    let mut found =
        temporary::sweep(run, how, |name| atomic_file::is_unfinished(name) || name == "LAYOUT.tmp")?;
    found.extend(temporary::sweep(&run.join("hosts"), how, ends_so)?);
    found.extend(temporary::sweep(&run.join(BlobKind::Spool.directory()), how, ends_so)?);
    let is_of_a_list = |name: &str| draft::is_temporary(name) || atomic_file::is_unfinished(name);
    found.extend(temporary::sweep(&directory::sources(run), how, is_of_a_list)?);
    Ok(found)
}

/// Checks that files can be written in the run directory.
///
/// # Errors
/// Returns an error if they cannot.
pub(crate) fn try_to_write(run: &Path) -> io::Result<()> {
    let path = run.join(format!(".juggle-{}.tmp", std::process::id()));
    for _ in 0..TRIES_MAX {
        // A killed process with the same id may have left a file under this name.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        // `create_new` opens nothing that was planted under this name.
        let probe = File::create_new(&path)?;
        // Another process may sweep the file between its creation and the lock. Then it is created again.
        if temporary::hold(&probe, &path)? == Held::Ours {
            return fs::remove_file(&path);
        }
    }
    Err(io::Error::other("files that are made there are taken away again"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_killed_processes_left_is_swept_and_what_living_ones_hold_is_not() {
        let run = tempfile::tempdir().unwrap();
        let left = [
            ".juggle-4194399.tmp",
            ".PROCESSOR.a1b2c3.tmp",
            ".corpus.lock.x.tmp",
            "LAYOUT.tmp",
            "hosts/a.example-0123456789abcdef.robots.17-0.tmp",
            "spool/PG84.spool.part.json.tmp",
            "queue/sources/.adding-17-0",
            "queue/sources/.list.refresh.x1.tmp",
        ];
        let kept =
            [".mine", "corpus.lock", "spool/PG84.spool.part", "hosts/a.robots.json", "queue/sources/a.jsonl"];
        for name in left.iter().chain(&kept) {
            let path = run.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let living = File::create(run.path().join("queue/sources/.adding-18-0")).unwrap();
        living.lock().unwrap();
        assert_eq!(find(run.path(), Sweep::Name).unwrap().len(), left.len());
        try_to_write(run.path()).unwrap();
        sweep(run.path()).unwrap();
        assert!(left.iter().all(|name| !run.path().join(name).exists()));
        assert!(kept.iter().all(|name| run.path().join(name).exists()));
        assert!(run.path().join("queue/sources/.adding-18-0").exists());
    }
}
