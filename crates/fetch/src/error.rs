//! Errors of setting up the stage.

use std::{io, path::PathBuf};

/// An error of setting up the stage.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The HTTP client cannot be created, for example because the user agent contains a line end.
    #[error("cannot create the HTTP client: {0}")]
    Client(#[source] reqwest::Error),
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The file of additional certificate authorities cannot be read.
    #[error("cannot read the CA certificates '{}': {source}", path.display())]
    ReadRoots {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The file contains no usable certificate.
    #[error("'{}' is not a PEM file of CA certificates: {why}", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
}
