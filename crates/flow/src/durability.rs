//! The durability of acknowledged writes.

use crate::choices;

choices! {
    /// The failures that an acknowledged write survives.
    Durability {
        /// Power loss. Every acknowledged write was synced to the medium.
        #[default]
        Power = "power",
        /// The death of the process. The operating system writes to the medium later.
        Process = "process",
    }
}
