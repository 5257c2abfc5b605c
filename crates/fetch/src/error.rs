//! Why the stage could not be set up.

use std::{io, path::PathBuf};

/// Why the stage could not be set up, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The machine or the configuration does not let an HTTP client be made, such as a user agent with a line end.
    #[error("the HTTP client cannot be made: {0}")]
    Client(#[source] reqwest::Error),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The file of further authorities cannot be read.
    #[error("the CA certificates '{}' cannot be read: {source}", path.display())]
    ReadRoots {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It holds none that can be used.
    #[error("'{}' is not a PEM file of CA certificates: {why}", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}
