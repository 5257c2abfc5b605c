//! Searches a segment for commits that its index log does not have.
//!
//! A writer begins a group only after the one before it is durable. So only the last group of a segment can
//! be incomplete: after a crash, parts of it may be missing, in any order. It was never acknowledged, and
//! does not count. A group that is followed by a whole commit was acknowledged. If it is damaged, its commit
//! counts all the same, so that the damage is found by whoever reads the blobs.

use std::{fs::File, io};

use memchr::memmem;

use super::{
    commit::{Commit, Op, SegmentKey, unseal},
    index_log::COMMIT_BYTES_MAX,
    segment::{Segment, read_up_to},
    warc::{COMMIT_START, HEAD_BYTES_MAX, RECORD_END, content_length},
};

/// The number of bytes that are searched at a time.
const WINDOW_BYTES: usize = 4 << 20;
/// The number of bytes that are checked at a time.
const CHECK_BYTES: usize = 1 << 20;

/// A commit that was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) commit: Commit,
    /// The offset after its record.
    pub(super) end: u64,
}

/// Returns the commits of a segment from an offset on, in order, without an incomplete group at the end.
pub(super) fn commits_from(segment: &Segment, offset: u64) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut begin = offset;
    let mut last_whole = 0;
    each_start(&segment.file, offset, |start| {
        let Some(commit) = read_commit(&segment.file, &segment.key, start)? else { return Ok(None) };
        if is_whole(segment, &commit.commit, begin)? {
            last_whole = found.len() + 1;
        }
        begin = commit.end;
        found.push(commit);
        Ok(Some(begin))
    })?;
    found.truncate(last_whole);
    Ok(found)
}

/// Passes each offset at which a commit may begin to `visit`, which returns the offset after it if it is one.
fn each_start(
    file: &File,
    mut offset: u64,
    mut visit: impl FnMut(u64) -> io::Result<Option<u64>>,
) -> io::Result<()> {
    let finder = memmem::Finder::new(COMMIT_START.as_bytes());
    let mut window = vec![0; WINDOW_BYTES];
    loop {
        let filled = read_up_to(file, &mut window, offset)?;
        offset = match finder.find(&window[..filled]) {
            Some(at) => {
                let start = offset + at as u64;
                visit(start)?.unwrap_or(start + 1)
            }
            // A start may lie across the end of the window.
            None if filled == WINDOW_BYTES => offset + (filled - COMMIT_START.len() + 1) as u64,
            None => return Ok(()),
        };
    }
}

/// Reads the commit whose record begins at an offset, if there is one.
fn read_commit(file: &File, key: &SegmentKey, offset: u64) -> io::Result<Option<Found>> {
    let mut head = vec![0; HEAD_BYTES_MAX];
    let filled = read_up_to(file, &mut head, offset)?;
    let Some(length) = memmem::find(&head[..filled], RECORD_END) else { return Ok(None) };
    let Some(block_bytes) = std::str::from_utf8(&head[..length]).ok().and_then(content_length) else {
        return Ok(None);
    };
    if block_bytes > COMMIT_BYTES_MAX as u64 {
        return Ok(None);
    }
    let mut block = vec![0; block_bytes as usize + RECORD_END.len()];
    let block_at = offset + (length + RECORD_END.len()) as u64;
    if read_up_to(file, &mut block, block_at)? < block.len() || !block.ends_with(RECORD_END) {
        return Ok(None);
    }
    let end = block_at + block.len() as u64;
    block.truncate(block_bytes as usize);
    let commit = unseal(&block, key, offset).and_then(Commit::from_bytes);
    Ok(commit.map(|commit| Found { commit, end }))
}

/// Returns whether all records of a commit's group, which begins at an offset, are as they were written.
fn is_whole(segment: &Segment, commit: &Commit, begin: u64) -> io::Result<bool> {
    let is_new =
        |op: &&Op| op.place.is_some_and(|it| it.segment == segment.number && u64::from(it.record) >= begin);
    for op in commit.ops.iter().filter(is_new) {
        let Some(place) = op.place else { continue };
        let head = crc_of(&segment.file, u64::from(place.record), place.content())?;
        let content = crc_of(&segment.file, place.content(), place.content_end())?;
        if op.head_crc() != head || content != Some(place.crc) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Returns the CRC-32 of the bytes between two offsets, or `None` if the file ends before.
fn crc_of(file: &File, mut from: u64, to: u64) -> io::Result<Option<u32>> {
    let mut hasher = crc32fast::Hasher::new();
    let mut window = Vec::new();
    while from < to {
        window.resize(CHECK_BYTES.min((to - from) as usize), 0);
        let filled = read_up_to(file, &mut window, from)?;
        if filled < window.len() {
            return Ok(None);
        }
        hasher.update(&window);
        from += filled as u64;
    }
    Ok(Some(hasher.finalize()))
}
