//! `--ca-certificate`: authorities that are trusted beside the system's.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use rustls::pki_types::{CertificateDer, pem::PemObject};

use crate::error::FetchError;

/// The largest file that is read; the system's own is about 220 KiB.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// The certificates of a PEM file, at least one.
///
/// # Errors
/// Where it cannot be read, or has no certificate, or one that is cut off.
pub(crate) fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, FetchError> {
    let unread = |source| FetchError::ReadRoots { path: path.to_owned(), source };
    let pem = bytes(path).map_err(unread)?;
    let refuse = |why: String| FetchError::Roots { path: path.to_owned(), why };
    let roots: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| refuse(error.to_string()))?;
    if roots.is_empty() {
        return Err(refuse("there is no '-----BEGIN CERTIFICATE-----' in it".to_owned()));
    }
    Ok(roots)
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut pem = Vec::new();
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut pem)?;
    if pem.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 8 MiB"));
    }
    Ok(pem)
}
