//! The ways in which a queue is used. Their names are those of the JSON and stay.

use std::{fmt, str::FromStr};

/// A way to use a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// One task that enqueues, leases and acknowledges 256 jobs at a time.
    BatchesInProcess,
    /// 64 tasks of one process, each with one job at a time.
    TasksInProcess,
    /// One thread with one job at a time.
    OneInProcess,
    /// Four processes, each with 64 jobs at a time.
    FourProcesses,
    /// One other process with one job at a time.
    OneClient,
}

/// Place of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// In the worker's own process, if the tool can be.
    InProcess,
    /// In another process.
    Socket,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::BatchesInProcess,
        Self::TasksInProcess,
        Self::OneInProcess,
        Self::FourProcesses,
        Self::OneClient,
    ];

    /// The name in tables and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BatchesInProcess => "in process, 256 a batch",
            Self::TasksInProcess => "in process, 64 tasks one by one",
            Self::OneInProcess => "in process, one thread one by one",
            Self::FourProcesses => "four processes, 64 a batch",
            Self::OneClient => "one client over the socket, one by one",
        }
    }

    /// Place of the queue.
    #[must_use]
    pub const fn reach(self) -> Reach {
        match self {
            Self::BatchesInProcess | Self::TasksInProcess | Self::OneInProcess => Reach::InProcess,
            Self::FourProcesses | Self::OneClient => Reach::Socket,
        }
    }

    /// Processes that work.
    #[must_use]
    pub const fn processes(self) -> u64 {
        match self {
            Self::FourProcesses => 4,
            Self::BatchesInProcess | Self::TasksInProcess | Self::OneInProcess | Self::OneClient => 1,
        }
    }

    /// Tasks in each of them, each with a connection of its own.
    #[must_use]
    pub const fn tasks(self) -> u64 {
        match self {
            Self::TasksInProcess => 64,
            Self::BatchesInProcess | Self::OneInProcess | Self::FourProcesses | Self::OneClient => 1,
        }
    }

    /// Jobs that a task has at a time.
    #[must_use]
    pub const fn batch(self) -> usize {
        match self {
            Self::BatchesInProcess => 256,
            Self::FourProcesses => 64,
            Self::TasksInProcess | Self::OneInProcess | Self::OneClient => 1,
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Shape {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|shape| shape.name() == text)
            .ok_or_else(|| format!("unknown shape '{text}'"))
    }
}
