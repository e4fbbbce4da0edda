//! Tries to sign in: the first few cost nothing, each one after them has to wait twice as long as the last. Counted by
//! account and by address, before the password is looked at, so that tries side by side do not slip by.

use std::time::Duration;

use domain::{Problem, Timestamp, Username};
use sha2::{Digest, Sha256};

use super::{Doors, Who};
use crate::auth::Sender;
use crate::auth::key::hex;
use crate::error::Result;

/// By account: so many tries for nothing, the longest wait, and after how long without one they are forgotten. The wait
/// is short enough for an owner to come in while somebody guesses: a guesser has a try a minute (ASVS 5, 6.3.1).
const ACCOUNT: Policy =
    Policy { free: 5, longest: Duration::from_secs(60), kept: Duration::from_secs(60 * 60) };
/// By address: more for nothing, since halls and offices share one.
const ADDRESS: Policy =
    Policy { free: 30, longest: Duration::from_secs(15 * 60), kept: Duration::from_secs(24 * 60 * 60) };
/// How long an address that an account signed in from keeps no others from letting it in again.
const KNOWN: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the first wait is.
const FIRST: Duration = Duration::from_secs(1);

#[derive(Clone, Copy)]
struct Policy {
    free: u32,
    longest: Duration,
    kept: Duration,
}

/// What is known of somebody's tries.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tries {
    failed: u32,
    wait_until: Timestamp,
    forget_at: Timestamp,
}

impl Tries {
    /// When they say nothing any more.
    pub(super) fn forgotten_at(&self) -> Timestamp {
        self.forget_at
    }

    /// Whether they do not now.
    pub(super) fn is_forgotten(&self, now: Timestamp) -> bool {
        self.forget_at <= now
    }

    /// Counts a try as failed until it is known to have succeeded; else says how long to wait.
    fn attempt(&mut self, policy: Policy, now: Timestamp) -> Option<Duration> {
        if self.wait_until > now {
            return Some(self.wait_until.since(now));
        }
        self.failed = self.failed.saturating_add(1);
        let wait = policy.wait(self.failed);
        self.wait_until = now.plus(wait);
        self.forget_at = now.plus(policy.kept.max(wait));
        None
    }
}

impl Policy {
    /// How long the next try has to wait after so many.
    fn wait(self, failed: u32) -> Duration {
        match failed.checked_sub(self.free) {
            None | Some(0) => Duration::ZERO,
            Some(over) => FIRST.saturating_mul(1 << (over - 1).min(20)).min(self.longest),
        }
    }
}

/// A try that was let through. It counts as failed unless it is said to have succeeded.
#[must_use]
pub struct Attempt {
    doors: Doors,
    account: String,
    address: String,
    /// Whether it counts for the address, too.
    is_of_address: bool,
}

impl Doors {
    /// Lets somebody try a password of an account, or refuses with 429 `too_many_attempts` and when to try again; the same
    /// whether there is such an account or not.
    pub async fn attempt(&self, account: &Username, sender: &Sender) -> Result<Attempt> {
        // Names are not needed in Redis, and what was typed there may be anything, a password even.
        let account = format!("try:account:{}", hex(&Sha256::digest(account.as_str())));
        let address = format!("try:address:{}", Who::from(sender.address).0);
        // The address first: one that has to wait must not keep accounts waiting. Who signed in from there lately may try
        // all the same: whoever guesses beside them keeps them out of nothing.
        let wait = self.count_try(&address, ADDRESS).await;
        if let Some(wait) = wait.filter(|_| !self.knows_here(&account, &address)) {
            return Err(too_often(wait).into());
        }
        let is_of_address = wait.is_none();
        if let Some(wait) = self.count_try(&account, ACCOUNT).await {
            if is_of_address {
                self.take_back(&address, false).await;
            }
            return Err(too_often(wait).into());
        }
        Ok(Attempt { doors: self.clone(), account, address, is_of_address })
    }

    /// Whether an account has signed in from an address within a day, on this node.
    fn knows_here(&self, account: &str, address: &str) -> bool {
        self.waiting.left(&known(account, address), self.clock.now()).is_some()
    }

    async fn count_try(&self, key: &str, policy: Policy) -> Option<Duration> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let numbers = [u64::from(policy.free), millis(FIRST), millis(policy.longest), millis(policy.kept)];
        match self.ask("try", key, &numbers).await {
            Some(0) => return None,
            Some(wait) => return Some(Duration::from_millis(wait)),
            None => {}
        }
        let now = self.clock.now();
        self.memory.tries(key, now, |tries| tries.attempt(policy, now))
    }

    async fn take_back(&self, key: &str, all: bool) {
        if self.ask("forgive", key, &[u64::from(all)]).await.is_some() {
            return;
        }
        self.memory.tries(key, self.clock.now(), |tries| {
            tries.failed = if all { 0 } else { tries.failed.saturating_sub(1) };
            // It was let through, so there was nothing to wait for before it.
            tries.wait_until = Timestamp::default();
        });
    }
}

fn known(account: &str, address: &str) -> String {
    format!("known:{account} {address}")
}

fn too_often(wait: Duration) -> Problem {
    let detail = "That was tried too often. Please wait before the next try.";
    Problem::new(429, "too_many_attempts", detail).with_retry_after(wait)
}

impl Attempt {
    /// Nobody knows whether the password was right, for something failed: it counts as not tried.
    pub async fn came_to_nothing(self) {
        self.doors.take_back(&self.account, false).await;
        self.take_back_from_address().await;
    }

    /// The password was right: the account's tries are forgotten, and this one of the address. (Not more: whoever guesses
    /// may have an account, too.)
    pub async fn succeeded(self) {
        let now = self.doors.clock.now();
        self.doors.waiting.remember(known(&self.account, &self.address), now.plus(KNOWN), now);
        self.doors.take_back(&self.account, true).await;
        self.take_back_from_address().await;
    }

    /// Only what was counted: who may try though the address has to wait must not end its wait.
    async fn take_back_from_address(&self) {
        if self.is_of_address {
            self.doors.take_back(&self.address, false).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::clock::Clock;
    use crate::doors::DoorSettings;
    use crate::error::Error;

    fn doors() -> (Doors, Arc<AtomicI64>) {
        let now = Arc::new(AtomicI64::new(1_000_000));
        let hands = now.clone();
        let clock = Clock::new(move || Timestamp::from_millis(hands.load(Ordering::Relaxed)));
        (Doors::new(DoorSettings::off(), None, clock), now)
    }

    async fn attempt(doors: &Doors, account: &str, sender: &Sender) -> std::result::Result<Attempt, u64> {
        let attempted = doors.attempt(&Username::parse(account).unwrap(), sender).await;
        attempted.map_err(|error| match error {
            Error::Problem(problem) => problem.retry_after_secs.unwrap(),
            other => panic!("{other}"),
        })
    }

    fn from(last: u8) -> Sender {
        Sender::new([192, 0, 2, last].into(), "")
    }

    #[tokio::test]
    async fn waits_grow_for_an_account_wherever_tries_come_from() {
        let (doors, now) = doors();
        for last in 0..5 {
            assert!(attempt(&doors, "ada", &from(last)).await.is_ok());
        }
        let mut waits = Vec::new();
        for last in 5..13 {
            assert!(attempt(&doors, "ada", &from(last)).await.is_ok());
            let wait = attempt(&doors, "ada", &from(last)).await.err().unwrap();
            waits.push(wait);
            now.fetch_add(i64::try_from(wait).unwrap() * 1_000, Ordering::Relaxed);
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(attempt(&doors, "eve", &from(1)).await.is_ok(), "others are not held up");
        now.fetch_add(3_600_000, Ordering::Relaxed);
        for _ in 0..5 {
            assert!(attempt(&doors, "ada", &from(1)).await.is_ok(), "forgotten after an hour");
        }
    }

    #[tokio::test]
    async fn an_address_that_has_to_wait_keeps_no_account_waiting() {
        let (doors, _) = doors();
        for number in 0..31 {
            assert!(attempt(&doors, &format!("user{number}"), &from(1)).await.is_ok());
        }
        for _ in 0..20 {
            assert!(attempt(&doors, "ada", &from(1)).await.is_err());
        }
        for _ in 0..5 {
            assert!(attempt(&doors, "ada", &from(2)).await.is_ok());
        }
    }

    #[tokio::test]
    async fn who_guesses_keeps_nobody_out_who_signed_in_from_there() {
        let (doors, now) = doors();
        attempt(&doors, "host", &from(1)).await.unwrap().succeeded().await;
        for number in 0..40 {
            let _held_up = attempt(&doors, &format!("user{number}"), &from(1)).await;
        }
        for _ in 0..3 {
            assert!(attempt(&doors, "ada", &from(1)).await.is_err());
            attempt(&doors, "host", &from(1)).await.unwrap().succeeded().await;
        }
        attempt(&doors, "host", &from(1)).await.unwrap().came_to_nothing().await;
        assert!(attempt(&doors, "ada", &from(1)).await.is_err(), "nor do they end anybody's wait");
        for _ in 0..10 {
            let _counted = attempt(&doors, "host", &from(1)).await;
        }
        assert!(attempt(&doors, "host", &from(1)).await.is_err(), "tries of one account are counted");
        now.fetch_add(25 * 3_600_000, Ordering::Relaxed);
        for number in 0..40 {
            let _held_up = attempt(&doors, &format!("user{number}"), &from(1)).await;
        }
        assert!(attempt(&doors, "host", &from(1)).await.is_err(), "that was yesterday");
    }

    #[tokio::test]
    async fn what_came_to_nothing_costs_nothing() {
        let (doors, _) = doors();
        for _ in 0..40 {
            attempt(&doors, "ada", &from(1)).await.unwrap().came_to_nothing().await;
        }
        assert!(attempt(&doors, "ada", &from(1)).await.is_ok());
    }

    #[tokio::test]
    async fn success_forgets_the_account_and_one_try_of_the_address() {
        let (doors, _) = doors();
        for _ in 0..20 {
            attempt(&doors, "ada", &from(1)).await.unwrap().succeeded().await;
        }
        for number in 0..30 {
            assert!(attempt(&doors, &format!("user{number}"), &from(1)).await.is_ok());
        }
        assert!(attempt(&doors, "user30", &from(1)).await.is_ok());
        assert_eq!(attempt(&doors, "user31", &from(1)).await.err(), Some(1));
        assert!(attempt(&doors, "user31", &from(2)).await.is_ok());
    }
}
