//! The setting `--ca-certificate`: certificate authorities that are trusted in addition to those of the
//! system.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use rustls::pki_types::{CertificateDer, pem::PemObject};

use crate::error::FetchError;

/// The size limit of the file in bytes. The file of the system has about 220 KiB.
const FILE_BYTES_MAX: u64 = 8 << 20;

/// Reads the certificates of a PEM file.
///
/// # Errors
/// Returns an error if the file cannot be read, has no certificate, or has an incomplete one.
pub(crate) fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, FetchError> {
    let unread = |source| FetchError::ReadRoots { path: path.to_owned(), source };
    let pem = bytes(path).map_err(unread)?;
    let refuse = |why: String| FetchError::Roots { path: path.to_owned(), why };
    let roots: Vec<_> = CertificateDer::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| refuse(error.to_string()))?;
    // Without this check a wrong file would only be noticed when the first server is not trusted.
    if roots.is_empty() {
        return Err(refuse("there is no '-----BEGIN CERTIFICATE-----' in it".to_owned()));
    }
    Ok(roots)
}

fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut pem = Vec::new();
    // One byte more than the limit, to notice a larger file.
    File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut pem)?;
    if pem.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 8 MiB"));
    }
    Ok(pem)
}
