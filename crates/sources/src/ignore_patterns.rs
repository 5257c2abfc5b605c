//! Files that are somebody's unfinished work, by their names: of editors, downloaders, copiers and office programs.

use std::path::{Path, PathBuf};

/// Hidden files, which rsync, vim and `LibreOffice` write first; what emacs and Microsoft Office lock with.
const STARTS: [&str; 3] = [".", "#", "~"];
const ENDINGS: [&str; 21] = [
    "~",
    ".tmp",
    ".temp",
    ".part",
    ".partial",
    ".filepart",
    ".crdownload",
    ".opdownload",
    ".download",
    ".!qb",
    ".!ut",
    ".!bt",
    ".aria2",
    ".swp",
    ".swo",
    ".swx",
    ".kate-swp",
    ".bak",
    ".orig",
    ".lock",
    ".lck",
];
/// What stands inside of a name, as in `list.tsv.tmp.1234` and `list.tsv.part-Frag1`.
const MIDDLES: [&str; 3] = [".tmp.", ".tmp-", ".part-"];
/// vim tries with these whether it may write into a directory.
const PROBES: [&str; 3] = ["4913", "5036", "5159"];
/// While this stands beside a file, that file is being downloaded.
const COMPANIONS: [&str; 2] = [".aria2", ".part"];

/// Whether a file of this name is not finished, whatever is in it.
pub(crate) fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    STARTS.iter().any(|start| name.starts_with(start))
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
        || MIDDLES.iter().any(|middle| name.contains(middle))
        || PROBES.contains(&name.as_str())
}

/// The files that stand beside this one while it is being downloaded.
pub(crate) fn companions(path: &Path) -> impl Iterator<Item = PathBuf> {
    COMPANIONS.iter().map(move |ending| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        name.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_work_is_known_by_its_name() {
        for name in [
            ".list.tsv.swp",
            ".list.tsv.Xk3f9a",
            ".~lock.list.csv#",
            ".#list.tsv",
            "#list.tsv#",
            "~$list.csv",
            "list.tsv~",
            "list.tsv.bak",
            "4913",
            "list.tsv.tmp",
            "list.TMP",
            "list.tsv.tmp.4711",
            "book.txt.part",
            "book.txt.filepart",
            "Unconfirmed 1234.crdownload",
            "book.txt.!qB",
            "book.txt.aria2",
            ".nfs000000000123",
        ] {
            assert!(is_temporary(&Path::new("/inbox").join(name)), "{name}");
        }
    }

    #[test]
    fn other_names_are_taken() {
        for name in [
            "list.tsv",
            "book.txt",
            "84",
            "parts.csv",
            "temporary.tsv",
            "a.tmpl",
            "list.tsv.gz",
            "é",
            "4913.txt",
        ] {
            assert!(!is_temporary(&Path::new("/in.tmp/box").join(name)), "{name}");
        }
    }
}
