//! Refresh tokens: what a session's next access token is asked for with. Each is good once; the next is made of it by the
//! signing key, so that whoever lost an answer can be given the very same one again. Only hashes are stored.

use domain::SessionId;
use sha2::{Digest, Sha256};

use super::key::{Key, KeyRing, hex, unhex};
use crate::store::sessions::TokenHash;

/// What the next token's code is for, among all that a key makes.
const PURPOSE: &str = "refresh";

/// A refresh token: a session and a secret of 32 bytes. It shows itself to nobody.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// The session that it belongs to.
    pub session: SessionId,
    secret: [u8; 32],
}

impl RefreshToken {
    /// The first of a session.
    pub fn first(session: SessionId, secret: [u8; 32]) -> Self {
        Self { session, secret }
    }

    /// What was sent, if it has the shape of a refresh token.
    pub fn parse(text: &str) -> Option<Self> {
        let (session, secret) = text.split_once('.')?;
        let secret = unhex(secret).filter(|_| secret.len() == 64)?.try_into().ok()?;
        Some(Self { session: session.parse().ok()?, secret })
    }

    /// As it is handed out.
    pub fn reveal(&self) -> String {
        format!("{}.{}", self.session, hex(&self.secret))
    }

    /// What is stored of it. The secret is random, so a plain hash is enough.
    pub fn hash(&self) -> TokenHash {
        Sha256::digest(self.secret).into()
    }

    /// The one that takes its place.
    pub fn next(&self, keys: &KeyRing) -> Self {
        self.next_by(keys.signing())
    }

    /// The one that took its place, if that has this hash: the key may have been replaced since.
    pub fn successor(&self, keys: &KeyRing, hash: TokenHash) -> Option<Self> {
        keys.all().map(|key| self.next_by(key)).find(|next| next.hash() == hash)
    }

    fn next_by(&self, key: &Key) -> Self {
        Self { session: self.session, secret: key.mac(PURPOSE, &self.secret) }
    }
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RefreshToken({:?})", self.session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[tokio::test]
    async fn a_token_is_read_as_it_was_handed_out() {
        let clock = Clock::system();
        let token = RefreshToken::first(SessionId::new(clock.now(), clock.random()), clock.random());
        assert_eq!(RefreshToken::parse(&token.reveal()), Some(token.clone()));
        assert!(!format!("{token:?}").contains(&hex(&token.secret)));
        let (session, secret) = (token.session, "a".repeat(64));
        for wrong in
            ["", ".", &format!("{session}."), &format!("{session}.{}", &secret[1..]), &format!("x.{secret}")]
        {
            assert!(RefreshToken::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn the_next_is_the_same_each_time_and_survives_another_key() {
        let clock = Clock::system();
        let load = async |keys: &str| KeyRing::load(Some(&keys.into()), None, &clock).await.unwrap();
        let (old, both) =
            (load(&"1".repeat(32)).await, load(&format!("{},{}", "2".repeat(32), "1".repeat(32))).await);
        let token = RefreshToken::first(SessionId::new(clock.now(), clock.random()), clock.random());
        let next = token.next(&old);
        assert_eq!(token.next(&old), next);
        assert_eq!(token.successor(&both, next.hash()), Some(next.clone()));
        assert_ne!(token.next(&both), next);
        assert_eq!(token.successor(&both, token.hash()), None);
    }
}
