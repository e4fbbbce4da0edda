//! A build for the torture: the environment says what is out.

use std::env;

/// The function library, without the safeguard that `VOXPOP_FAULT_OFF` names if it is one of Redis.
pub fn library(code: &str) -> String {
    let (there, instead) = match env::var("VOXPOP_FAULT_OFF").as_deref() {
        Ok("attach") => ("return shard.epoch and attached[base] == shard.epoch", "return shard.epoch"),
        Ok("dedupe") => (
            "local standing = standing_of(base, poll, voter)\n  local verdict",
            "local standing = nil\n  local verdict",
        ),
        _ => return code.to_owned(),
    };
    assert!(code.contains(there), "the function library has no such safeguard");
    code.replace(there, instead)
}

/// Whether `VOXPOP_FAULT_OFF` names this safeguard.
pub fn is_off(safeguard: &str) -> bool {
    env::var("VOXPOP_FAULT_OFF").as_deref() == Ok(safeguard)
}

/// Ends the process as a crash would, as often as the variable of this name says: a probability.
pub fn abort_sometimes(moment: &str) {
    let probability: f64 = env::var(moment).ok().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    if rand::random::<f64>() < probability {
        std::process::abort();
    }
}
