//! Access tokens: the only place that knows JWT (RFC 7519, with the advice of RFC 8725).

use domain::{IdentityKind, SessionId, Timestamp, VoterId};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, decode_header, encode};
use serde::{Deserialize, Serialize};

use super::key::KeyRing;
use crate::clock::Clock;
use crate::error::{Error, Result};

const ISSUER: &str = "voxpop";
const AUDIENCE: &str = "voxpop";

/// The one algorithm of every key here: nothing that a token says chooses another (RFC 8725, section 3.1).
const ALGORITHM: Algorithm = Algorithm::HS256;

/// How many seconds a token may be from the future: nodes keep one clock, but for moments.
const SKEW: u64 = 5;

/// The longest token that is looked at, in bytes; ours have about 450.
const LONGEST: usize = 1_024;

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
    nbf: u64,
    exp: u64,
    jti: String,
}

impl Claims {
    /// When the token ends.
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_millis(i64::try_from(self.exp.saturating_mul(1_000)).unwrap_or(i64::MAX))
    }

    fn holds_at(&self, now: Timestamp) -> bool {
        self.expires_at() > now && self.nbf <= seconds(now).saturating_add(SKEW) && self.iat <= self.exp
    }
}

/// Signs and verifies tokens.
#[derive(Clone)]
pub struct Tokens {
    kid: String,
    signing: EncodingKey,
    verifying: Vec<(String, DecodingKey)>,
    clock: Clock,
}

impl Tokens {
    /// With these keys.
    pub fn new(keys: &KeyRing, clock: Clock) -> Self {
        let verifying =
            keys.all().map(|key| (key.id.clone(), DecodingKey::from_secret(key.secret()))).collect();
        let first = keys.signing();
        Self { kid: first.id.clone(), signing: EncodingKey::from_secret(first.secret()), verifying, clock }
    }

    /// A token for somebody until a time.
    pub fn sign(
        &self,
        sub: VoterId,
        kind: IdentityKind,
        sid: Option<SessionId>,
        expires_at: Timestamp,
    ) -> Result<String> {
        let now = seconds(self.clock.now());
        let claims = Claims {
            iss: ISSUER.into(),
            aud: AUDIENCE.into(),
            sub,
            kind,
            sid,
            iat: now,
            nbf: now,
            exp: seconds(expires_at),
            jti: format!("{:032x}", u128::from_be_bytes(self.clock.random())),
        };
        let header =
            Header { typ: Some(typ(kind).into()), kid: Some(self.kid.clone()), ..Header::new(ALGORITHM) };
        encode(&header, &claims, &self.signing)
            .map_err(|error| Error::Internal(format!("signing a token: {error}")))
    }

    /// What a token says, if it is ours, whole, and of this time. A claim of the wrong type is as bad as a wrong one.
    pub fn verify(&self, token: &str) -> Option<Claims> {
        if token.len() > LONGEST {
            return None;
        }
        let header = decode_header(token).ok()?;
        let key = self.verifying.iter().find(|(id, _)| Some(id) == header.kid.as_ref())?;
        let mut validation = Validation::new(ALGORITHM);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
        // Time comes from our own clock: see `Claims::holds_at`.
        validation.validate_exp = false;
        let claims: Claims = decode(token, &key.1, &validation).ok()?.claims;
        // What is a guest's token must not pass for an account's, nor the other way (RFC 8725, section 3.12).
        let is_whole = (claims.kind == IdentityKind::User) == claims.sid.is_some();
        let is_typed = header.typ.as_deref() == Some(typ(claims.kind));
        (is_whole && is_typed && claims.holds_at(self.clock.now())).then_some(claims)
    }

    /// Whether a token that was verified was signed by an older key, so that it should be replaced.
    pub fn is_of_old_key(&self, token: &str) -> bool {
        decode_header(token).is_ok_and(|header| header.kid.as_ref() != Some(&self.kid))
    }
}

/// An account's is an access token of RFC 9068; a guest's stands for itself.
fn typ(kind: IdentityKind) -> &'static str {
    match kind {
        IdentityKind::User => "at+jwt",
        IdentityKind::Guest => "guest+jwt",
    }
}

fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.millis() / 1_000).unwrap_or(0)
}

#[cfg(test)]
mod tests;
