//! Passwords: argon2id, off the async threads, never more at once than there are cores.

use std::sync::Arc;
use std::thread::available_parallelism;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use domain::{Password, Problem};
use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// Memory in KiB and passes: OWASP's first recommendation for argon2id (Password Storage Cheat Sheet).
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// How many sign in or up at once, waiting included; the next is told that the server is busy.
const WAITING: usize = 256;

/// Hashes and verifies passwords.
#[derive(Clone)]
pub struct Passwords {
    cores: Arc<Semaphore>,
    places: Arc<Semaphore>,
    /// What an unknown user's password is compared with, so that the answer takes as long.
    dummy: Arc<str>,
}

impl Passwords {
    /// With a salt for the hash that nobody's password has.
    pub fn new(salt: [u8; 16]) -> Result<Self> {
        let cores = available_parallelism().map_or(1, usize::from);
        let dummy = hash(b"a password that nobody has", salt)?;
        let (cores, places) = (Arc::new(Semaphore::new(cores)), Arc::new(Semaphore::new(WAITING)));
        Ok(Self { cores, places, dummy: dummy.into() })
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

    /// Runs on a blocking thread. The core is given back when the work ends, even where nobody waits for it
    /// any more: hanging up must not buy a second hash.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let busy =
            |_| Problem::new(503, "overloaded", "Too many people sign in right now. Please try again.");
        let _place = self.places.clone().try_acquire_owned().map_err(busy)?;
        let core = self.cores.clone().acquire_owned().await.map_err(inner)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(core);
            done
        });
        done.await.map_err(inner)
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
    Ok(Argon2::default().verify_password(password, &stored).is_ok())
}

fn inner(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("password hash: {error}"))
}

#[cfg(test)]
mod tests {
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
}
