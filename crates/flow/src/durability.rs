//! The durability of acknowledged writes.

use crate::names::impl_names;

/// The failures that an acknowledged write survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Durability {
    /// Power loss. Every acknowledged write was synced to the medium.
    #[default]
    Power,
    /// The death of the process. The operating system writes to the medium later.
    Process,
}

impl Durability {
    /// All values.
    pub const ALL: [Self; 2] = [Self::Power, Self::Process];

    /// Returns the name in options.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Power => "power",
            Self::Process => "process",
        }
    }
}

impl_names!(Durability, "unknown durability '{}': use power or process");
