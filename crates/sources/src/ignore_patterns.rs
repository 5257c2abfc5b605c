//! Recognises unfinished files of editors, downloaders, copiers and office programs by their names.

use std::path::{Path, PathBuf};

/// The prefixes of hidden files, which rsync, vim and `LibreOffice` write first, and of the lock files of
/// emacs and Microsoft Office.
const PREFIXES: [&str; 3] = [".", "#", "~"];
/// The endings of unfinished files, separated by spaces.
const ENDINGS: &str = "~ .tmp .temp .part .partial .filepart .crdownload .opdownload .download .!qb .!ut .!bt .aria2 .swp \
    .swo .swx .kate-swp .bak .orig .lock .lck";
/// The middle parts of names such as `list.tsv.tmp.1234` and `list.tsv.part-Frag1`.
const MIDDLES: [&str; 3] = [".tmp.", ".tmp-", ".part-"];
/// The files by which vim tests whether a directory is writable.
const PROBES: [&str; 3] = ["4913", "5036", "5159"];
/// The endings of control files. While such a file exists, the file without the ending is being downloaded.
const COMPANIONS: [&str; 2] = [".aria2", ".part"];

/// Returns whether a file is unfinished, by its name.
pub(crate) fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    PREFIXES.iter().any(|start| name.starts_with(start))
        || ENDINGS.split(' ').any(|ending| name.ends_with(ending))
        || MIDDLES.iter().any(|middle| name.contains(middle))
        || PROBES.contains(&name.as_str())
}

/// Returns the control files that exist while a file is being downloaded.
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
    fn unfinished_files_are_recognised_by_their_names() {
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
    fn other_names_are_not_ignored() {
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
