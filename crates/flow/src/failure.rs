//! Why a job failed, as a word that machines can rely on and a sentence for people.

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

            /// The name used in JSON and on the command line.
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
    /// No connection, or it broke before an answer came.
    Connect = "connect",
    /// The TLS handshake or the certificate failed.
    Tls = "tls",
    /// A deadline passed: connecting, idle, or in all.
    Timeout = "timeout",
    /// The server answered with an error status.
    HttpStatus = "http_status",
    /// The body ended before its announced end.
    Truncated = "truncated",
    /// The body is over the size limit.
    TooLarge = "too_large",
    /// `Content-Encoding` is unknown or lies.
    BadEncodingHeader = "bad_encoding_header",
    /// Too many redirects, or one that cannot be followed.
    Redirect = "redirect",
    /// The address is loopback, private or link-local and not allowed by name.
    ForbiddenAddress = "forbidden_address",
    /// robots.txt forbids it.
    Robots = "robots",
    /// What came is not a text, such as an HTML page in its place.
    NotText = "not_text",
    /// The host answers with pages that turn robots away.
    SoftBan = "soft_ban",
    /// Nothing came, or nothing is left after the boilerplate is cut.
    Empty = "empty",
    /// The bytes do not decode in any plausible encoding.
    Undecodable = "undecodable",
    /// No room on the disk.
    DiskFull = "disk_full",
    /// A fault in juggle or on this machine.
    Internal = "internal",
    /// The command of `--exec` failed, or its answer cannot be used.
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
            format!("no reason is called '{text}': use one of {}", all.join(" "))
        })
    }
}

/// The longest failure message that is kept, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 300;

/// One failure: a typed reason and a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind.
    pub reason: Reason,
    /// What happened, for people. At most [`MESSAGE_BYTES_MAX`] bytes.
    pub message: String,
}

impl Failure {
    /// A failure; an over-long message is cut at a character boundary.
    pub fn new(reason: Reason, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > MESSAGE_BYTES_MAX {
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
