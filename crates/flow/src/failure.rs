//! The failure of a job: a reason for programs and a message for people.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// The kind of a failure.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Reason { $($(#[$doc])* $variant,)* }

        impl Reason {
            /// All reasons.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Returns the name in commands and JSON.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

reasons! {
    /// The host name could not be resolved.
    Dns = "dns",
    /// There was no connection, or it broke before a response came.
    Connect = "connect",
    /// The TLS handshake or the certificate failed.
    Tls = "tls",
    /// A timeout expired: for the connection, for the next bytes, or for the whole request.
    Timeout = "timeout",
    /// The response has an error status.
    HttpStatus = "http_status",
    /// The body ended before its announced end.
    Truncated = "truncated",
    /// The body is over the size limit.
    TooLarge = "too_large",
    /// `Content-Encoding` is unknown, or the body does not match it.
    BadEncodingHeader = "bad_encoding_header",
    /// Too many redirects, or one that cannot be followed.
    Redirect = "redirect",
    /// The address is loopback, private or link-local, and its host is not on the allow list.
    ForbiddenAddress = "forbidden_address",
    /// robots.txt forbids it.
    Robots = "robots",
    /// The body is not a text, for example an HTML page in its place.
    NotText = "not_text",
    /// The host returns block pages in place of documents.
    SoftBan = "soft_ban",
    /// The body is empty, or nothing is left after the boilerplate is removed.
    Empty = "empty",
    /// The bytes do not decode in any plausible encoding.
    Undecodable = "undecodable",
    /// The disk is full.
    DiskFull = "disk_full",
    /// An error in juggle or of this machine.
    Internal = "internal",
    /// The command of `--exec` failed, or its answer is invalid.
    Command = "command",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Reason {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.iter().copied().find(|reason| reason.name() == text).ok_or_else(|| {
            let all: Vec<_> = Self::ALL.iter().map(|reason| reason.name()).collect();
            format!("unknown reason '{text}': use one of {}", all.join(" "))
        })
    }
}

/// The longest failure message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 300;

/// A failure: a reason and a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind of failure.
    pub reason: Reason,
    /// The message for people, at most [`MESSAGE_BYTES_MAX`] bytes.
    pub message: String,
}

impl Failure {
    /// Creates a failure. A message that is too long is cut at a character boundary.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > MESSAGE_BYTES_MAX {
            // The ellipsis counts towards the limit.
            message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX - '…'.len_utf8()));
            message.push('…');
        }
        Self { reason, message }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_the_same_name_everywhere() {
        for reason in Reason::ALL {
            let json = serde_json::to_string(reason).unwrap();
            assert_eq!(json, format!("\"{reason}\""));
            assert_eq!(reason.name().parse(), Ok(*reason));
        }
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let failure = Failure::new(Reason::Internal, "é".repeat(400));
        assert!(failure.message.len() <= MESSAGE_BYTES_MAX);
        assert!(failure.message.ends_with("é…"));
    }
}
