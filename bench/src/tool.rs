//! The tools that are compared.

use std::{fmt, str::FromStr};

/// A queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// Ours.
    Juggle,
    /// A stream with a consumer group.
    Redis,
    /// A stream with a work queue's retention and a pull consumer.
    JetStream,
    /// A table.
    Sqlite,
}

impl Tool {
    /// All of them, ours first.
    pub const ALL: [Self; 4] = [Self::Juggle, Self::Redis, Self::JetStream, Self::Sqlite];

    /// The name in tables and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Juggle => "juggle",
            Self::Redis => "Redis Streams",
            Self::JetStream => "NATS JetStream",
            Self::Sqlite => "SQLite table",
        }
    }

    /// The command that installs it.
    #[must_use]
    pub const fn install(self) -> &'static str {
        match self {
            Self::Juggle | Self::Sqlite => "built in",
            Self::Redis => "apt-get install redis-server",
            Self::JetStream => "apt-get install nats-server",
        }
    }
}

impl fmt::Display for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Tool {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|tool| tool.name() == text).ok_or_else(|| format!("unknown tool '{text}'"))
    }
}
