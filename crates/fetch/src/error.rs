//! Why the stage could not be set up.

/// Why the stage could not be set up, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The machine or the configuration does not let an HTTP client be made, such as a user agent with a line end.
    #[error("the HTTP client cannot be made: {0}")]
    Client(#[source] reqwest::Error),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}
