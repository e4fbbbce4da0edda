//! Access tokens: the only place that knows JWT (RFC 7519, with the advice of RFC 8725).

use domain::{IdentityKind, SessionId, Timestamp, VoterId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::error::{Error, Result};

const ISSUER: &str = "voxpop";
const AUDIENCE: &str = "voxpop";

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    iss: String,
    aud: String,
    /// Who it is.
    pub sub: VoterId,
    /// Account or guest.
    pub kind: IdentityKind,
    /// The session of an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SessionId>,
    iat: u64,
    exp: u64,
    jti: String,
}

impl Claims {
    /// When the token ends.
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.exp.saturating_mul(1_000)).unwrap_or(i64::MAX))
    }
}

/// Signs and verifies tokens with one key and one algorithm, HS256.
#[derive(Clone)]
pub struct Tokens {
    signing: EncodingKey,
    verifying: DecodingKey,
    clock: Clock,
}

impl Tokens {
    /// With this key.
    pub fn new(key: &[u8], clock: Clock) -> Self {
        Self { signing: EncodingKey::from_secret(key), verifying: DecodingKey::from_secret(key), clock }
    }

    /// A token for somebody until a time.
    pub fn sign(
        &self,
        sub: VoterId,
        kind: IdentityKind,
        sid: Option<SessionId>,
        expires_at: Timestamp,
    ) -> Result<String> {
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub,
            kind,
            sid,
            iat: seconds(self.clock.now()),
            exp: seconds(expires_at),
            jti: u128::from_be_bytes(self.clock.random()).to_string(),
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.signing)
            .map_err(|error| Error::Internal(format!("signing a token: {error}")))
    }

    /// What a token says, if it is ours, whole and not expired.
    pub fn verify(&self, token: &str) -> Option<Claims> {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = 0;
        // Time comes from our own clock, below.
        validation.validate_exp = false;
        let claims: Claims = decode(token, &self.verifying, &validation).ok()?.claims;
        let whole = (claims.kind == IdentityKind::User) == claims.sid.is_some();
        (whole && claims.expires_at() > self.clock.now()).then_some(claims)
    }
}

fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.millis() / 1_000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    use std::time::Duration;

    use super::*;

    const KEY: &[u8] = b"a key that is long enough for HS256";

    fn guest() -> VoterId {
        VoterId::new(Timestamp::from_millis(5), [5; 10])
    }

    fn token(tokens: &Tokens) -> String {
        let later = tokens.clock.now().plus(Duration::from_secs(60));
        tokens.sign(guest(), IdentityKind::Guest, None, later).unwrap()
    }

    #[test]
    fn a_token_is_good_until_it_expires() {
        let now = Arc::new(AtomicI64::new(1_000_000));
        let hands = now.clone();
        let tokens =
            Tokens::new(KEY, Clock::new(move || Timestamp::from_millis(hands.load(Ordering::Relaxed))));
        let token = token(&tokens);
        assert_eq!(tokens.verify(&token).unwrap().sub, guest());
        now.fetch_add(59_999, Ordering::Relaxed);
        assert!(tokens.verify(&token).is_some());
        now.fetch_add(1, Ordering::Relaxed);
        assert!(tokens.verify(&token).is_none());
    }

    #[test]
    fn a_changed_a_foreign_and_an_unsigned_token_are_refused() {
        let tokens = Tokens::new(KEY, Clock::system());
        let good = token(&tokens);
        let foreign = Tokens::new(b"another key that is long enough too", Clock::system());
        assert!(foreign.verify(&good).is_none());

        let parts: Vec<&str> = good.split('.').collect();
        let [_, body, signature] = parts.as_slice() else { panic!("{good}") };
        // {"alg":"none","typ":"JWT"} in base64url.
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
        for bad in
            [format!("{none}.{body}."), format!("{none}.{body}.{signature}"), String::new(), "a.b.c".into()]
        {
            assert!(tokens.verify(&bad).is_none(), "{bad}");
        }
        let flipped = if body.ends_with('A') { "B" } else { "A" };
        let tampered = good.replace(body, &format!("{}{flipped}", &body[..body.len() - 1]));
        assert!(tokens.verify(&tampered).is_none());
    }

    #[test]
    fn an_account_without_a_session_is_no_token_of_ours() {
        let tokens = Tokens::new(KEY, Clock::system());
        let later = tokens.clock.now().plus(Duration::from_secs(60));
        let token = tokens.sign(guest(), IdentityKind::User, None, later).unwrap();
        assert!(tokens.verify(&token).is_none());
    }
}
