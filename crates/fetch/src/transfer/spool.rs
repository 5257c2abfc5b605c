//! The spool: one body on its way to the disk. Blocks.
//!
//! The bytes are hashed as they arrive. A small body of which nothing is on the disk stays in memory until it
//! is published. Any other is appended to the file `P` of the spool. The note `P.json`
//! holds what a later request needs to resume the body: the info of its first response, its strong validator,
//! and the boot of the machine. Invariants:
//!
//! 1. If `P.json` exists, `P` holds a prefix of the body it describes. It is written (temporary file, rename)
//!    after bytes of that body, and removed before `P` is emptied or published.
//! 2. A part of another boot is never resumed, because its bytes may not have reached the disk. So nothing
//!    here needs fsync.
//! 3. Only a part that can be resumed is kept. A body without a strong validator leaves nothing.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, ErrorKind, Seek, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use flow::{
    blobs::{BlobError, BlobName, BlobStore, Change, Digest, Kept, Publishing, StagedBlob, StagedFile},
    safe_file, temporary,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    free_space::{self, CHECK_EVERY_BYTES, FreeSpaceMin},
    response::{
        head::{BodyInfo, PartialBody},
        validator::Validator,
    },
    sniff::SNIFF_BYTES,
    transfer::memory_budget::MemoryBudget,
};

/// The size from which a body can be resumed even if the process is killed.
pub(crate) const NOTE_FROM_BYTES: u64 = 1 << 20;
/// The minimum size of a part that is kept. Its first bytes have been judged.
const PART_BYTES_MIN: u64 = SNIFF_BYTES as u64;
/// The size up to which a body is in memory.
const MEMORY_BYTES_MAX: u64 = NOTE_FROM_BYTES;
/// The size limit of `P.json`.
const NOTE_BYTES_MAX: u64 = 16 * 1024;
const HASH_BUFFER_BYTES: usize = 64 * 1024;
/// The time after a check during which small bodies need no other.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The store of all spooled bodies.
#[derive(Clone)]
pub(crate) struct SpoolStore {
    blobs: Arc<dyn BlobStore>,
    /// Identifies the boot of the machine. If it is not known, nothing is resumed.
    boot_id: Option<String>,
    /// The free space to keep.
    min_free: FreeSpaceMin,
    /// The time of the last check that found enough free space.
    checked_at: Arc<Mutex<Option<Instant>>>,
    /// The directory of the files, once one was opened.
    directory: Arc<OnceLock<PathBuf>>,
    /// The memory of downloads that are not on the disk yet.
    pub(crate) memory: MemoryBudget,
}

impl SpoolStore {
    pub(crate) fn new(blobs: Arc<dyn BlobStore>, min_free: FreeSpaceMin) -> Self {
        let boot_id =
            fs::read_to_string(BOOT_ID).ok().map(|id| id.trim().to_owned()).filter(|id| !id.is_empty());
        let (checked_at, directory, memory) = Default::default();
        Self { blobs, boot_id, min_free, checked_at, directory, memory }
    }

    /// Returns whether a small body may be received before the disk is checked.
    pub(crate) fn has_room(&self) -> bool {
        let checked_at = *self.checked_at.lock().unwrap_or_else(PoisonError::into_inner);
        self.min_free == FreeSpaceMin(0) || checked_at.is_some_and(|at| at.elapsed() < CHECK_INTERVAL)
    }
}

/// The content of `P.json`.
#[derive(Debug, Serialize, Deserialize)]
struct PartNote {
    #[serde(rename = "facts")]
    info: BodyInfo,
    validator: Validator,
    boot_id: String,
}

/// The state of `P.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum NoteState {
    /// The file does not exist.
    Absent,
    /// The file exists and cannot be used.
    No,
    Yes,
}

/// One body on its way to the disk.
pub(crate) struct Spool {
    spools: SpoolStore,
    name: BlobName,
    body: SpooledBody,
    note: Option<PartNote>,
    note_state: NoteState,
    hasher: blake3::Hasher,
    bytes: u64,
    /// The number of bytes at which the free space is checked again.
    next_check_at: u64,
}

/// The bytes of a body that have arrived.
enum SpooledBody {
    Memory(Vec<u8>),
    File(StagedFile),
}

impl Spool {
    /// Returns a spool for a body of which nothing is on the disk, and which is in memory while it is small.
    pub(crate) fn in_memory(spools: SpoolStore, name: &BlobName) -> Self {
        Self::new(spools, name, SpooledBody::Memory(Vec::new()), 0)
    }

    fn new(spools: SpoolStore, name: &BlobName, body: SpooledBody, bytes: u64) -> Self {
        let (note, note_state) = (None, NoteState::Absent);
        let next_check_at = bytes.saturating_add(CHECK_EVERY_BYTES);
        let hasher = blake3::Hasher::new();
        Self { spools, name: name.clone(), body, note, note_state, hasher, bytes, next_check_at }
    }

    /// Opens the part of a body that exists, or creates it.
    ///
    /// # Errors
    /// Returns [`BlobError::DiskFull`] if there is too little free space, and other errors if the file cannot
    /// be opened.
    pub(crate) fn open(spools: SpoolStore, name: &BlobName) -> Result<Self, BlobError> {
        let mut staged = spools.blobs.resume(name)?;
        let bytes = staged.file.metadata().map_err(|error| BlobError::at(&staged.path, error))?.len();
        if let Err(full) = spools.min_free.check(&staged, 0) {
            if bytes == 0 {
                staged.kept = Kept::No;
            }
            return Err(full);
        }
        spools.directory.get_or_init(|| free_space::directory(&staged.path).to_owned());
        *spools.checked_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        let (mut note, mut note_state) = read_note(&note_path(&staged.path));
        let may_be_resumed = |note: &PartNote| {
            Some(&note.boot_id) == spools.boot_id.as_ref()
                && bytes >= PART_BYTES_MIN
                && note.info.total.is_none_or(|total| bytes < total)
        };
        if !note.as_ref().is_some_and(may_be_resumed) {
            note = None;
            note_state = note_state.min(NoteState::No);
        }
        Ok(Self { note, note_state, ..Self::new(spools, name, SpooledBody::File(staged), bytes) })
    }

    /// Returns the part that can be resumed.
    pub(crate) fn partial_body(&self) -> Option<PartialBody> {
        let note = self.note.as_ref()?;
        Some(PartialBody { info: note.info.clone(), validator: note.validator.clone(), offset: self.bytes })
    }

    /// Begins a body. It can be resumed later if it has a strong validator.
    pub(crate) fn begin(&mut self, info: BodyInfo, validator: Option<Validator>) -> Result<(), BlobError> {
        self.clear()?;
        let total = info.total.unwrap_or(0);
        if total > MEMORY_BYTES_MAX {
            self.move_to_file()?;
        } else if let SpooledBody::Memory(body) = &mut self.body {
            body.reserve_exact(total as usize);
        }
        // After `clear`: the space of an older part is free by now.
        match (&self.body, self.spools.directory.get()) {
            (SpooledBody::File(staged), _) => self.spools.min_free.check(staged, total)?,
            (SpooledBody::Memory(_), Some(directory)) => self.spools.min_free.check_in(directory, total)?,
            // Without a file, the disk was not checked yet either, because nothing need stay free.
            (SpooledBody::Memory(_), None) => {}
        }
        let boot_id = self.spools.boot_id.clone();
        self.note = validator.zip(boot_id).map(|(validator, boot_id)| PartNote { info, validator, boot_id });
        Ok(())
    }

    /// Continues after the bytes that are there: reads them again for the hash, and passes them to `read`.
    pub(crate) fn reread(&mut self, mut read: impl FnMut(&[u8])) -> Result<(), BlobError> {
        let SpooledBody::File(staged) = &self.body else {
            unreachable!("only a part that is on the disk is continued")
        };
        let total = self.note.as_ref().and_then(|note| note.info.total).unwrap_or(self.bytes);
        self.spools.min_free.check(staged, total.saturating_sub(self.bytes))?;
        let at = |error| BlobError::at(&staged.path, error);
        self.hasher.reset();
        read_windows(&staged.file, |window| {
            self.hasher.update(window);
            read(window);
        })
        .map_err(at)?;
        if self.hasher.count() == self.bytes {
            Ok(())
        } else {
            Err(at(io::Error::other("the part changed while it was read")))
        }
    }

    /// Appends the next bytes.
    pub(crate) fn append(&mut self, chunk: &[u8]) -> Result<(), BlobError> {
        self.hasher.update(chunk);
        if self.bytes + chunk.len() as u64 > MEMORY_BYTES_MAX {
            self.move_to_file()?;
        }
        self.bytes += chunk.len() as u64;
        match &mut self.body {
            SpooledBody::Memory(body) => body.extend(chunk),
            SpooledBody::File(staged) => {
                staged.file.write_all(chunk).map_err(|error| BlobError::at(&staged.path, error))?;
                if self.bytes >= self.next_check_at {
                    self.spools.min_free.check(staged, 0)?;
                    self.next_check_at = self.bytes.saturating_add(CHECK_EVERY_BYTES);
                }
            }
        }
        // Not for each small body: a note costs a file of its own.
        if self.bytes >= NOTE_FROM_BYTES {
            self.write_note();
        }
        Ok(())
    }

    /// Moves a body from memory to its file.
    fn move_to_file(&mut self) -> Result<(), BlobError> {
        let SpooledBody::Memory(body) = &self.body else { return Ok(()) };
        let mut opened = Self::open(self.spools.clone(), &self.name)?;
        // Whatever is there belongs to no attempt.
        opened.clear()?;
        let SpooledBody::File(mut staged) = opened.body else { unreachable!("it opens a file") };
        staged.file.write_all(body).map_err(|error| BlobError::at(&staged.path, error))?;
        self.body = SpooledBody::File(staged);
        Ok(())
    }

    /// Ends before the body does: keeps a part that can be resumed, and nothing else.
    pub(crate) fn suspend(mut self) -> Result<(), BlobError> {
        if self.bytes >= PART_BYTES_MIN && self.note.is_some() {
            self.move_to_file()?;
            self.write_note();
        }
        match self.note_state {
            NoteState::Yes => Ok(()),
            NoteState::Absent | NoteState::No => self.discard(),
        }
    }

    /// Removes the body and its note.
    pub(crate) fn discard(mut self) -> Result<(), BlobError> {
        if let SpooledBody::File(staged) = &mut self.body {
            staged.kept = Kept::No;
        }
        self.remove_note()
    }

    /// Returns the number of bytes of the body.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the length and hash of the body.
    pub(crate) fn digest(&self) -> Digest {
        Digest { bytes: self.bytes, blake3: self.hasher.finalize() }
    }

    /// Returns the SHA-256 of the body in hex digits. Reads it again: few lists give one, so it is not
    /// computed while the bytes arrive.
    pub(crate) fn sha256(&mut self) -> Result<String, BlobError> {
        let mut hasher = Sha256::new();
        match &self.body {
            SpooledBody::Memory(body) => hasher.update(body),
            SpooledBody::File(staged) => read_windows(&staged.file, |window| hasher.update(window))
                .map_err(|error| BlobError::at(&staged.path, error))?,
        }
        Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Begins to publish the whole body.
    pub(crate) fn publish(mut self) -> Result<Publishing, BlobError> {
        self.remove_note()?;
        let (blobs, blake3) = (&self.spools.blobs, Some(self.digest().blake3));
        let staged = match self.body {
            SpooledBody::File(staged) => staged.into(),
            SpooledBody::Memory(body) => StagedBlob::with_bytes(self.name, body),
        };
        Ok(blobs.begin_publishing(vec![Change::Staged(StagedBlob { blake3, ..staged })]))
    }

    fn clear(&mut self) -> Result<(), BlobError> {
        self.remove_note()?;
        match &mut self.body {
            SpooledBody::Memory(body) => body.clear(),
            SpooledBody::File(staged) if self.bytes > 0 => {
                let emptied = staged.file.set_len(0).and_then(|()| staged.file.rewind());
                emptied.map_err(|error| BlobError::at(&staged.path, error))?;
            }
            SpooledBody::File(_) => {}
        }
        self.hasher.reset();
        (self.note, self.bytes) = (None, 0);
        self.next_check_at = CHECK_EVERY_BYTES;
        Ok(())
    }

    fn remove_note(&mut self) -> Result<(), BlobError> {
        if self.note_state != NoteState::Absent
            && let SpooledBody::File(staged) = &self.body
        {
            let path = note_path(&staged.path);
            safe_file::remove(&path).map_err(|error| BlobError::at(&path, error))?;
            self.note_state = NoteState::Absent;
        }
        Ok(())
    }

    /// Writes the note. If that fails, the body cannot be resumed, which is no reason to fail.
    fn write_note(&mut self) {
        let Some(note) = self.note.as_ref().filter(|_| self.note_state != NoteState::Yes) else { return };
        let SpooledBody::File(staged) = &self.body else { return };
        let path = note_path(&staged.path);
        let written = serde_json::to_vec(note)
            .map_err(io::Error::from)
            .and_then(|bytes| temporary::replace(&path, &path.with_extension("json.tmp"), &bytes));
        match written {
            Ok(()) => self.note_state = NoteState::Yes,
            Err(error) => {
                tracing::debug!(path = %path.display(), %error, "failed to write a note: this download cannot be resumed");
                self.note = None;
            }
        }
    }
}

fn note_path(staged: &Path) -> PathBuf {
    let mut path = staged.as_os_str().to_owned();
    path.push(".json");
    path.into()
}

/// Reads a file from its start to its end, and passes its bytes to `take`.
fn read_windows(mut file: &File, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    file.rewind()?;
    let mut reader = BufReader::with_capacity(HASH_BUFFER_BYTES, file);
    loop {
        let window = reader.fill_buf()?;
        if window.is_empty() {
            return Ok(());
        }
        take(window);
        let bytes = window.len();
        reader.consume(bytes);
    }
}

/// Reads the note, and returns the state of its file.
fn read_note(path: &Path) -> (Option<PartNote>, NoteState) {
    // Checked before reading: a note is small, and anything else is no note.
    let length = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return (None, NoteState::Absent),
        found => found.map_or(u64::MAX, |file| file.len()),
    };
    let bytes = if length <= NOTE_BYTES_MAX { safe_file::read(path).ok() } else { None };
    match bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
        Some(note) => (Some(note), NoteState::Yes),
        None => (None, NoteState::No),
    }
}

#[cfg(test)]
mod tests;
