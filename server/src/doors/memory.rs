//! What is counted in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use domain::Timestamp;

use super::bounded::keep_bounded;
use super::rate::Rate;
use super::throttle::Tries;

/// Counts that are forgotten when they say nothing any more. Clones share them.
#[derive(Clone, Default)]
pub(super) struct Memory(Arc<Mutex<Counts>>);

#[derive(Default)]
struct Counts {
    /// Up to when a rate has been used, in microseconds.
    used: HashMap<String, u64>,
    /// Tries to sign in.
    tries: HashMap<String, Tries>,
}

impl Memory {
    /// Takes one of a rate; else says how long to wait.
    pub(super) fn take(&self, key: &str, rate: Rate, now: Timestamp) -> Option<Duration> {
        let (at, now) = (now, micros(now));
        let mut counts = self.lock();
        keep_bounded(&mut counts.used, at, |used| of_micros(*used));
        let used = counts.used.get(key).copied().unwrap_or(0);
        match rate.take(used, now) {
            Ok(next) => {
                counts.used.insert(key.to_owned(), next);
                None
            }
            Err(wait) => Some(wait),
        }
    }

    /// Adds one to what was used of a rate, whatever that is; says how long the next has to wait. Who goes far beyond a rate
    /// owes no more than who is just beyond it: others may share what is counted.
    pub(super) fn charge(&self, key: &str, rate: Rate, now: Timestamp) -> Duration {
        let (at, now) = (now, micros(now));
        let mut counts = self.lock();
        keep_bounded(&mut counts.used, at, |used| of_micros(*used));
        let most = now.saturating_add(rate.window_micros()).saturating_add(rate.interval_micros());
        let used = rate.charge(counts.used.get(key).copied().unwrap_or(0), now).min(most);
        counts.used.insert(key.to_owned(), used);
        rate.take(used, now).err().unwrap_or_default()
    }

    /// Changes what is known of somebody's tries.
    pub(super) fn tries<T>(&self, key: &str, now: Timestamp, change: impl FnOnce(&mut Tries) -> T) -> T {
        let mut counts = self.lock();
        keep_bounded(&mut counts.tries, now, Tries::forgotten_at);
        let tries = counts.tries.entry(key.to_owned()).or_default();
        if tries.is_forgotten(now) {
            *tries = Tries::default();
        }
        change(tries)
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of_micros(micros: u64) -> Timestamp {
    Timestamp::from_millis(i64::try_from(micros / 1_000).unwrap_or(i64::MAX))
}

fn micros(time: Timestamp) -> u64 {
    u64::try_from(time.millis()).unwrap_or(0).saturating_mul(1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doors::Limit;
    use crate::doors::bounded::MOST;

    #[test]
    fn a_burst_far_beyond_a_rate_is_over_as_soon_as_one_just_beyond_it() {
        let Ok(Limit::At(rate)) = "600/1m".parse() else { panic!() };
        let (memory, now) = (Memory::default(), Timestamp::from_millis(1_000_000));
        let waits: Vec<Duration> = (0..100_000).map(|_| memory.charge("hall", rate, now)).collect();
        assert_eq!(waits[598], Duration::ZERO);
        assert_eq!(waits[599], Duration::from_millis(100));
        assert_eq!(waits.last(), Some(&Duration::from_millis(200)));
    }

    #[test]
    fn a_flood_of_strangers_does_not_fill_the_memory() {
        let Ok(Limit::At(rate)) = "2/1s".parse() else { panic!() };
        let memory = Memory::default();
        let mut now = Timestamp::from_millis(1_000_000);
        for number in 0..MOST + 10 {
            memory.take(&number.to_string(), rate, now);
        }
        assert!(memory.lock().used.len() <= MOST);
        now = now.plus(Duration::from_secs(10));
        for number in 0..MOST {
            memory.take(&format!("later {number}"), rate, now);
        }
        assert!(memory.lock().used.len() <= MOST);
    }
}
