//! A local text into the spool: `file:` URLs of the user's own list. Blocking.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use flow::{
    blobs::{BlobError, BlobName},
    counters::Counters,
    failure::Reason,
    machine::MachineFailure,
};
use url::Url;

use crate::{
    failure::{DownloadError, FetchFailure},
    response::head::BodyInfo,
    sniff::Sniffer,
    transfer::{
        body_writer::{self, Settled},
        checksum::Checksums,
        download::{Downloaded, unexpected},
        spool::{Spool, SpoolStore},
    },
};

const BUFFER_BYTES: usize = 256 * 1024;

/// A local text to copy.
pub(crate) struct Local {
    pub(crate) spools: SpoolStore,
    pub(crate) url: Url,
    pub(crate) name: BlobName,
    pub(crate) expected: Checksums,
    /// The BLAKE3 of what is stored, as hex digits.
    pub(crate) stored: Option<String>,
    pub(crate) bytes_max: u64,
}

impl Local {
    /// Copies and publishes, if the bytes are the expected ones and not those that are stored. The same rules as for a download hold: a size limit,
    /// not empty, a text. Only regular files are read.
    pub(crate) fn run(self, counters: &Counters) -> Result<Downloaded, DownloadError> {
        let (path, file) = open(&self.url)?;
        let facts = facts(&self.url);
        let mut spool = Spool::open(self.spools.clone(), &self.name)?;
        spool.begin(facts.clone(), None)?;
        if let Err(trouble) = self.copy(&path, file, &mut spool, counters) {
            spool.discard()?;
            return Err(trouble);
        }
        match body_writer::publish_expected(spool, &self.expected, self.stored.as_deref())? {
            Settled::Published(digest) => Ok(Downloaded::Whole(facts, digest)),
            Settled::Unchanged => Ok(Downloaded::Unchanged),
            Settled::Unexpected(mismatch) => Err(unexpected(&facts.url, &mismatch).into()),
            Settled::Suspected(_) | Settled::Refused(_) | Settled::Unpublished => {
                unreachable!("what is published is published or refused")
            }
        }
    }

    fn copy(
        &self,
        path: &Path,
        mut file: File,
        spool: &mut Spool,
        counters: &Counters,
    ) -> Result<(), DownloadError> {
        let refuse =
            |reason, why: &str| FetchFailure::permanent(reason, format!("'{}': {why}", path.display()));
        let not_text = |what: &str| refuse(Reason::NotText, &format!("{what} where a text was expected"));
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut sniffer = Sniffer::default();
        let mut copied = 0;
        loop {
            let read = file.read(&mut buffer).map_err(|error| BlobError::at(path, error))?;
            if read == 0 {
                break;
            }
            counters.bytes.add(read as u64);
            copied += read as u64;
            if copied > self.bytes_max {
                let why = format!("the file is over the limit of {} bytes", self.bytes_max);
                return Err(refuse(Reason::TooLarge, &why).into());
            }
            if let Some(what) = sniffer.feed(&buffer[..read]) {
                return Err(not_text(&what).into());
            }
            spool.append(&buffer[..read])?;
        }
        match sniffer.end() {
            _ if copied == 0 => Err(refuse(Reason::Empty, "the file is empty").into()),
            Some(what) => Err(not_text(&what).into()),
            None => Ok(()),
        }
    }
}

/// Opens a regular file; never waits for a pipe or a device.
fn open(url: &Url) -> Result<(PathBuf, File), FetchFailure> {
    let fail = |what: String| FetchFailure::permanent(Reason::Internal, what);
    let path = url.to_file_path().map_err(|()| fail(format!("{url}: not a path on this machine")))?;
    let told = |error: io::Error| {
        let what = format!("'{}' cannot be read: {error}", path.display());
        match MachineFailure::from_any_io(&error) {
            Some(condition) => FetchFailure::machine(condition, what),
            None => fail(what),
        }
    };
    if !path.metadata().map_err(told)?.is_file() {
        return Err(fail(format!("'{}' is not a regular file", path.display())));
    }
    let file = File::open(&path).map_err(told)?;
    Ok((path, file))
}

fn facts(url: &Url) -> BodyInfo {
    BodyInfo {
        url: url.as_str().to_owned(),
        status: None,
        total: None,
        content_type: None,
        charset: None,
        etag: None,
        last_modified: None,
    }
}
