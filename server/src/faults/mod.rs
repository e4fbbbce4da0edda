//! Switches with which the torture (see its README) takes a safeguard out or ends the process at the worst moment,
//! to show that its checker notices. They are there only in a build with the feature `faults`; in any other build
//! nothing of them is left.

#[cfg(not(feature = "faults"))]
mod none;
#[cfg(feature = "faults")]
mod some;

#[cfg(not(feature = "faults"))]
pub use none::{abort_sometimes, is_off, library};
#[cfg(feature = "faults")]
pub use some::{abort_sometimes, is_off, library};

/// The SQL upsert's guard: the higher ballot id stands.
pub const UPSERT: &str = "upsert";
/// The comparison of fence and checkpoint before a batch is written.
pub const FENCE: &str = "fence";
/// Telling Redis later what it was not told when it was committed.
pub const OUTBOX: &str = "outbox";

/// After a host's command is committed to SQL, before Redis is told.
pub const AFTER_INTENT: &str = "VOXPOP_FAULT_ABORT_AFTER_INTENT";
/// After a batch is committed to SQL, before the watermark is raised.
pub const AFTER_COMMIT: &str = "VOXPOP_FAULT_ABORT_AFTER_COMMIT";
