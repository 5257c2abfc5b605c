//! Settings that are one of a few words.

use std::{fmt, str::FromStr};

/// A word that is not one of those allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use one of: {allowed}")]
pub struct InvalidChoice {
    allowed: String,
}

macro_rules! choice {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $word,)+ })
            }
        }

        impl FromStr for $name {
            type Err = InvalidChoice;

            fn from_str(text: &str) -> Result<Self, InvalidChoice> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(InvalidChoice { allowed: [$($word),+].join(", ") }),
                }
            }
        }
    };
}

choice! {
    /// Colours on standard error.
    Color {
        /// Where it is a terminal that shows them.
        Auto = "auto",
        /// Everywhere.
        Always = "always",
        /// Nowhere.
        Never = "never",
    }
}

choice! {
    /// The form of the log.
    LogFormat {
        /// Lines for people.
        Text = "text",
        /// One JSON object a line.
        Json = "json",
    }
}

choice! {
    /// Whether robots.txt is obeyed.
    Robots {
        /// It is.
        On = "on",
        /// It is not asked for.
        Off = "off",
    }
}

choice! {
    /// A switch as the environment sets it.
    Switch {
        /// Given.
        On = "true",
        /// Not given.
        Off = "false",
    }
}

/// What to do when a document has failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Go on with the others.
    KeepGoing,
    /// Claim no more and end.
    FailFast,
}

/// Whether servers are asked for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// They are.
    Online,
    /// They are not: what would have to be fetched waits.
    Offline,
}

/// Whether anything is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// Yes.
    Real,
    /// No: say what would be done.
    Dry,
}

/// How much is said on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// Progress, warnings and errors.
    Normal,
    /// More, from 1.
    Verbose(u8),
}

/// Whether progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Bars on a terminal, plain lines elsewhere.
    Shown,
    /// None.
    Hidden,
}

/// The form of the result on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultFormat {
    /// A table for people.
    Table,
    /// JSON for programs.
    Json,
}
