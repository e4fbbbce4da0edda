//! A build for the torture: the environment says what is out.

use std::env;

/// Safeguards of the function library: what each looks like there, and what it looks like when it is out.
const OF_REDIS: [(&str, &str, &str); 2] = [
    ("attach", "return shard.epoch and attached[base] == shard.epoch", "return shard.epoch"),
    (
        "dedupe",
        "local standing = standing_of(base, poll, voter)\n  local verdict",
        "local standing = nil\n  local verdict",
    ),
];

/// The function library, without the safeguards that are out.
pub fn library(code: &str) -> String {
    let mut code = code.to_owned();
    for (name, there, instead) in OF_REDIS.into_iter().filter(|(name, ..)| is_off(name)) {
        assert!(code.contains(there), "the function library has no safeguard {name}");
        code = code.replace(there, instead);
    }
    code
}

/// Whether `VOXPOP_FAULT_OFF`, a list with commas, names this safeguard.
pub fn is_off(safeguard: &str) -> bool {
    env::var("VOXPOP_FAULT_OFF").is_ok_and(|off| off.split(',').any(|name| name == safeguard))
}

/// Ends the process as a crash would, as often as the variable of this name says: a probability.
pub fn abort_sometimes(moment: &str) {
    let probability: f64 = env::var(moment).ok().and_then(|text| text.parse().ok()).unwrap_or(0.0);
    if rand::random::<f64>() < probability {
        std::process::abort();
    }
}
