//! Passwords: argon2id, on threads of its own that give way to everything else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::available_parallelism;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::{FieldError, Password, Problem, Username};
use tokio::sync::oneshot;

use super::common;
use crate::error::{Error, Result};

/// Memory in KiB and passes: OWASP's first recommendation for argon2id (Password Storage Cheat Sheet).
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What a stored hash may ask for at most: what it says is what is spent on it.
const MOST_MEMORY: u32 = 256 * 1024;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 4;

/// How many sign in or up at once, waiting included; the next is told that the server is busy.
const WAITING: usize = 256;

/// How far the threads step back behind votes, of 19.
#[cfg(target_os = "linux")]
const NICE: i32 = 15;

type Work = Box<dyn FnOnce() + Send>;

/// Hashes and verifies passwords.
#[derive(Clone)]
pub struct Passwords {
    /// To the threads, which end when the last clone of this goes.
    queue: SyncSender<Work>,
    /// What an unknown user's password is compared with, so that the answer takes as long.
    dummy: Arc<str>,
}

impl Passwords {
    /// With a salt for the hash that nobody's password has.
    pub fn new(salt: [u8; 16]) -> Result<Self> {
        let dummy = hash(b"a password that nobody has", salt)?;
        let (queue, work) = sync_channel(WAITING);
        let work = Arc::new(Mutex::new(work));
        for _ in 0..threads() {
            let work = work.clone();
            std::thread::Builder::new()
                .name("passwords".into())
                .spawn(move || labour(&work))
                .map_err(inner)?;
        }
        Ok(Self { queue, dummy: dummy.into() })
    }

    /// The PHC string to store for a password.
    pub async fn hash(&self, password: Password, salt: [u8; 16]) -> Result<String> {
        self.run(move || hash(password.reveal().as_bytes(), salt)).await?
    }

    /// Whether a password belongs to a stored hash. Without one it takes as long and is false.
    pub async fn verify(&self, password: Password, stored: Option<String>) -> Result<bool> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.dummy.to_string());
        let matches = self.run(move || verify(password.reveal().as_bytes(), &stored)).await??;
        Ok(known && matches)
    }

    /// Runs on one of the threads. Who hangs up meanwhile has it done all the same: that must not buy a second hash.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let work: Work = Box::new(move || _ = reply.send(work()));
        self.queue.try_send(work).map_err(|_| {
            Problem::new(503, "overloaded", "Too many people sign in right now. Please try again.")
        })?;
        answer.await.map_err(inner)
    }
}

/// Refuses a password that is among the first to be tried, for the field that it was typed into.
pub fn check_choice(
    field: &str,
    password: &Password,
    username: &Username,
) -> std::result::Result<(), FieldError> {
    if common::is_common(password.reveal(), username.as_str()) {
        return Err(FieldError::new(field, "is one of those that are tried first; please choose another"));
    }
    Ok(())
}

/// Whether a hash was made by less than is asked for today.
pub fn is_outdated(stored: &str) -> bool {
    let Ok(hash) = PasswordHash::new(stored) else { return true };
    let is_today = hash.algorithm.as_str() == Algorithm::Argon2id.as_str()
        && hash.version == Some(Version::V0x13.into())
        && Params::try_from(&hash).is_ok_and(|params| {
            params.m_cost() >= MEMORY && params.t_cost() >= PASSES && params.p_cost() >= LANES
        });
    !is_today
}

/// One for each core but one.
fn threads() -> usize {
    available_parallelism().map_or(1, usize::from).saturating_sub(1).max(1)
}

fn labour(work: &Mutex<Receiver<Work>>) {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICE) {
        tracing::debug!(%error, "passwords are hashed at the priority of everything else");
    }
    loop {
        let next = work.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            // Whoever waits for one that panics is told that it failed; the thread goes on.
            Ok(work) => drop(catch_unwind(AssertUnwindSafe(work))),
            Err(_) => return,
        }
    }
}

fn hash(password: &[u8], salt: [u8; 16]) -> Result<String> {
    let params = Params::new(MEMORY, PASSES, LANES, None).map_err(inner)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password_with_salt(password, &salt).map_err(inner)?;
    Ok(hash.to_string())
}

fn verify(password: &[u8], stored: &str) -> Result<bool> {
    let stored = PasswordHash::new(stored).map_err(inner)?;
    let params = Params::try_from(&stored).map_err(inner)?;
    if params.m_cost() > MOST_MEMORY || params.t_cost() > MOST_PASSES || params.p_cost() > MOST_LANES {
        return Err(Error::Internal("a stored password hash asks for more than is allowed".into()));
    }
    Ok(Argon2::default().verify_password(password, &stored).is_ok())
}

fn inner(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("password hash: {error}"))
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn only_the_right_password_matches() {
        let passwords = Passwords::new([7; 16]).unwrap();
        let right = Password::parse("correct horse").unwrap();
        let stored = passwords.hash(right.clone(), [1; 16]).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(passwords.verify(right.clone(), Some(stored.clone())).await.unwrap());
        assert!(!passwords.verify(Password::parse("wrong horses").unwrap(), Some(stored)).await.unwrap());
        assert!(!passwords.verify(right, None).await.unwrap());
    }

    #[tokio::test]
    async fn a_password_is_verified_where_there_is_no_user_too() {
        let passwords = Passwords::new([7; 16]).unwrap();
        let gates: Vec<_> = (0..threads())
            .map(|_| {
                let (gate, opened) = sync_channel::<()>(0);
                passwords.queue.try_send(Box::new(move || _ = opened.recv())).unwrap();
                gate
            })
            .collect();
        let password = || Password::parse("correct horse").unwrap();
        let mut nobodys = pin!(passwords.verify(password(), None));
        assert!((&mut nobodys).now_or_never().is_none(), "it waits for a thread, as one for somebody does");
        drop(gates);
        assert!(!nobodys.await.unwrap());
        assert!(
            passwords.verify(password(), Some(passwords.dummy.to_string())).await.is_ok(),
            "and has a hash to compare with"
        );
    }

    #[tokio::test]
    async fn older_hashes_match_and_are_told_apart() {
        let passwords = Passwords::new([7; 16]).unwrap();
        let right = Password::parse("correct horse").unwrap();
        assert!(!is_outdated(&passwords.hash(right.clone(), [1; 16]).await.unwrap()));
        for (memory, passes, older) in [(8_192, 1, true), (19_456, 1, true), (65_536, 3, false)] {
            let params = Params::new(memory, passes, LANES, None).unwrap();
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let stored = argon2.hash_password_with_salt(b"correct horse", &[1; 16]).unwrap().to_string();
            assert_eq!(is_outdated(&stored), older, "{stored}");
            assert!(passwords.verify(right.clone(), Some(stored)).await.unwrap());
        }
    }

    #[tokio::test]
    async fn a_hash_that_asks_for_too_much_is_not_computed() {
        let passwords = Passwords::new([7; 16]).unwrap();
        let stored = passwords.hash(Password::parse("correct horse").unwrap(), [1; 16]).await.unwrap();
        for dear in [stored.replace("m=19456", "m=1000000"), stored.replace("t=2", "t=1000")] {
            assert!(passwords.verify(Password::parse("correct horse").unwrap(), Some(dear)).await.is_err());
        }
    }
}
