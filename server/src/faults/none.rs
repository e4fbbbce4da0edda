//! An ordinary build: every safeguard is there.

/// The function library as it is.
pub fn library(code: &str) -> String {
    code.to_owned()
}

/// Whether a safeguard is out: never.
pub fn is_off(_safeguard: &str) -> bool {
    false
}

/// Ends the process now and then: never.
pub fn abort_sometimes(_moment: &str) {}
