//! What killed processes have left in a run directory: files on their way to names that they never got.
//!
//! Writers hold such files ([`flow::temporary`]); what nobody holds is swept by the next run, and named and removed by
//! `juggle gc`. The store sweeps its own directories when it is opened, the owner of the queue its own, and an export its
//! own.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use flow::{
    blobs::BlobKind,
    temporary::{self, Held, Sweep},
    whole_file,
};

use crate::{directory, source::snapshot};

/// How often a file is made again that another process sweeps before it is held.
const TRIES_MAX: usize = 64;

/// Removes them.
///
/// # Errors
/// Where a directory cannot be read, or a file cannot be removed.
pub(crate) fn sweep(run: &Path) -> io::Result<()> {
    find(run, Sweep::Remove).map(drop)
}

/// Finds them, and removes them if that is asked for.
///
/// # Errors
/// As [`sweep`].
pub(crate) fn find(run: &Path, how: Sweep) -> io::Result<Vec<PathBuf>> {
    let ends_so = |name: &str| name.ends_with(".tmp");
    let mut found =
        temporary::sweep(run, how, |name| whole_file::is_unfinished(name) || name == "LAYOUT.tmp")?;
    found.extend(temporary::sweep(&run.join("hosts"), how, ends_so)?);
    found.extend(temporary::sweep(&run.join(BlobKind::Spool.directory()), how, ends_so)?);
    let is_of_a_list = |name: &str| snapshot::is_temporary(name) || whole_file::is_unfinished(name);
    found.extend(temporary::sweep(&directory::sources(run), how, is_of_a_list)?);
    Ok(found)
}

/// Tries that files can be written in the run directory.
///
/// # Errors
/// Where they cannot.
pub(crate) fn try_to_write(run: &Path) -> io::Result<()> {
    let path = run.join(format!(".juggle-{}.tmp", std::process::id()));
    for _ in 0..TRIES_MAX {
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        // Made anew, so that nothing that was planted under its name is opened.
        let probe = File::create_new(&path)?;
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
