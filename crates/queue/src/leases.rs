//! Which jobs are leased to whom, for the next owner.
//!
//! A lease must outlive the owner of the queue, so that a broker that is killed costs nobody work and no attempt's number
//! is given twice. It need not outlive the machine: every client lives on the same one. So leases are not forced to the
//! medium with the log, but appended here, to `queue/leases`, and only have to reach the system.
//!
//! The file is records of [`RECORD_BYTES`] each: job id (16), attempt (u32), pid (u32), start of the process (u64), nonce
//! (u64), time of the claim (u64), CRC-32 (u32) over all of it and [`FORMAT`]; numbers are little-endian. A record counts
//! if its attempt is later than what the log says of the job. After a power cut the file may hold anything: what is no
//! record is passed over.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use flow::{
    clock::Millis,
    job::{JobId, Lease},
};

use crate::session::Session;

/// Ends the checksummed bytes of a record; another layout takes another.
const FORMAT: &[u8] = b"lease 1";
const RECORD_BYTES: usize = 52;
/// Records that may pile up before the file is written anew.
const RECORDS_KEPT: usize = 20_000;

/// A lease as it is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) lease: Lease,
    pub(crate) session: Session,
    pub(crate) at_ms: Millis,
}

/// The file, open for appending.
#[derive(Debug)]
pub(crate) struct Leases {
    path: PathBuf,
    file: Option<File>,
    /// Records in it.
    written: usize,
    /// Records that it may hold before it is written anew.
    room: usize,
}

impl Leases {
    /// The file in this directory. Touches nothing.
    pub(crate) fn of(directory: &Path) -> Self {
        Self { path: directory.join("leases"), file: None, written: 0, room: 0 }
    }

    /// What was granted, in that order.
    ///
    /// # Errors
    /// Where there is a file that cannot be read.
    pub(crate) fn read(&self) -> io::Result<Vec<Granted>> {
        match fs::read(&self.path) {
            Ok(bytes) => Ok(bytes.chunks_exact(RECORD_BYTES).filter_map(decode).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Whether so many more make the file worth writing anew.
    pub(crate) const fn is_full(&self, more: usize) -> bool {
        self.file.is_none() || self.written + more > self.room
    }

    /// Appends what was granted.
    ///
    /// # Errors
    /// Those of the file system; the file must not be used any more.
    pub(crate) fn append(&mut self, granted: &[Granted]) -> io::Result<()> {
        let bytes: Vec<u8> = granted.iter().flat_map(encode).collect();
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.write_all(&bytes)?;
        self.written += granted.len();
        Ok(())
    }

    /// Writes the file anew with the leases that are held.
    ///
    /// # Errors
    /// Those of the file system; the old file is there still.
    pub(crate) fn replace(&mut self, held: &[Granted]) -> io::Result<()> {
        let temporary = self.path.with_extension("tmp");
        fs::write(&temporary, held.iter().flat_map(encode).collect::<Vec<u8>>())?;
        let file = OpenOptions::new().append(true).open(&temporary)?;
        fs::rename(temporary, &self.path)?;
        self.file = Some(file);
        (self.written, self.room) = (held.len(), RECORDS_KEPT + 2 * held.len());
        Ok(())
    }
}

fn encode(granted: &Granted) -> [u8; RECORD_BYTES] {
    let Granted { lease: Lease { id, attempt }, session: Session { pid, started, nonce }, at_ms } = granted;
    let mut record = [0; RECORD_BYTES];
    record[..16].copy_from_slice(id.as_bytes());
    record[16..20].copy_from_slice(&attempt.to_le_bytes());
    record[20..24].copy_from_slice(&pid.to_le_bytes());
    record[24..32].copy_from_slice(&started.to_le_bytes());
    record[32..40].copy_from_slice(&nonce.to_le_bytes());
    record[40..48].copy_from_slice(&at_ms.to_le_bytes());
    let checksum = checksum(&record[..48]);
    record[48..].copy_from_slice(&checksum.to_le_bytes());
    record
}

fn decode(record: &[u8]) -> Option<Granted> {
    let (id, rest) = record.split_first_chunk()?;
    let (attempt, rest) = rest.split_first_chunk()?;
    let (pid, rest) = rest.split_first_chunk()?;
    let (started, rest) = rest.split_first_chunk()?;
    let (nonce, rest) = rest.split_first_chunk()?;
    let (at_ms, rest) = rest.split_first_chunk()?;
    let written = u32::from_le_bytes(*rest.first_chunk()?);
    (written == checksum(&record[..48])).then(|| Granted {
        lease: Lease { id: JobId::from_bytes(*id), attempt: u32::from_le_bytes(*attempt) },
        session: Session {
            pid: u32::from_le_bytes(*pid),
            started: u64::from_le_bytes(*started),
            nonce: u64::from_le_bytes(*nonce),
        },
        at_ms: u64::from_le_bytes(*at_ms),
    })
}

fn checksum(record: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(record);
    hasher.update(FORMAT);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(attempt: u32) -> Granted {
        let session = Session { pid: 2, started: 3, nonce: 4 };
        Granted { lease: Lease { id: JobId::from_bytes([0xAB; 16]), attempt }, session, at_ms: 5 }
    }

    #[test]
    fn the_stored_bytes_of_a_lease_do_not_change() {
        let mut golden = [0; RECORD_BYTES];
        golden[..16].copy_from_slice(&[0xAB; 16]);
        for (at, number) in [(16, 1), (20, 2), (24, 3), (32, 4), (40, 5)] {
            golden[at] = number;
        }
        golden[48..].copy_from_slice(&[191, 106, 31, 0]);
        assert_eq!(encode(&granted(1)), golden);
        assert_eq!(decode(&golden), Some(granted(1)));
    }

    #[test]
    fn leases_come_back_in_order_and_what_is_no_record_is_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let mut leases = Leases::of(directory.path());
        assert_eq!(leases.read().unwrap(), []);
        assert!(leases.is_full(1));
        leases.replace(&[granted(1)]).unwrap();
        leases.append(&[granted(2), granted(3)]).unwrap();
        assert_eq!(leases.read().unwrap(), [granted(1), granted(2), granted(3)]);
        let mut bytes = fs::read(&leases.path).unwrap();
        bytes[RECORD_BYTES + 20] ^= 1;
        bytes.truncate(bytes.len() - 1);
        fs::write(&leases.path, bytes).unwrap();
        assert_eq!(leases.read().unwrap(), [granted(1)]);
    }
}
