//! Tokens that must not pass: each is a good one with one thing wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::secret::Secret;

const KEY: &str = "a key that is long enough for HS256";
const OTHER: &str = "another key that is long enough too";

async fn tokens(keys: &str) -> Tokens {
    with_clock(keys, Clock::system()).await
}

async fn with_clock(keys: &str, clock: Clock) -> Tokens {
    let keys = KeyRing::load(Some(&Secret::from(keys)), None, &clock).await.unwrap();
    Tokens::new(&keys, clock)
}

fn guest() -> VoterId {
    VoterId::new(Timestamp::from_millis(5), [5; 10])
}

fn token(tokens: &Tokens) -> String {
    let later = tokens.clock.now().plus(Duration::from_secs(60));
    tokens.sign(guest(), IdentityKind::Guest, None, later).unwrap()
}

/// A token with this header and these claims, signed as they say with a key that is known.
fn forged(tokens: &Tokens, change: impl FnOnce(&mut Header, &mut Value)) -> String {
    let now = seconds(tokens.clock.now());
    let mut claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": guest(), "kind": "guest",
        "iat": now, "nbf": now, "exp": now + 60, "jti": "1",
    });
    let mut header =
        Header { typ: Some("guest+jwt".into()), kid: Some(tokens.kid.clone()), ..Header::new(ALGORITHM) };
    change(&mut header, &mut claims);
    encode(&header, &claims, &EncodingKey::from_secret(KEY.as_bytes())).unwrap()
}

#[tokio::test]
async fn a_token_is_good_until_it_expires() {
    let now = Arc::new(AtomicI64::new(1_000_000));
    let hands = now.clone();
    let clock = Clock::new(move || Timestamp::from_millis(hands.load(Ordering::Relaxed)));
    let tokens = with_clock(KEY, clock).await;
    let token = token(&tokens);
    assert_eq!(tokens.verify(&token).unwrap().sub, guest());
    now.fetch_add(59_999, Ordering::Relaxed);
    assert!(tokens.verify(&token).is_some());
    now.fetch_add(1, Ordering::Relaxed);
    assert!(tokens.verify(&token).is_none());
}

#[tokio::test]
async fn a_token_that_is_forged_as_ours_are_made_passes() {
    let tokens = tokens(KEY).await;
    assert!(tokens.verify(&forged(&tokens, |_, _| {})).is_some(), "or the tests below prove nothing");
}

#[tokio::test]
async fn alg_none_is_refused() {
    let tokens = tokens(KEY).await;
    let good = token(&tokens);
    let parts: Vec<&str> = good.split('.').collect();
    let [_, body, signature] = parts.as_slice() else { panic!("{good}") };
    // {"alg":"none","typ":"guest+jwt"} and {"alg":"none","typ":"JWT"} in base64url.
    for none in ["eyJhbGciOiJub25lIiwidHlwIjoiZ3Vlc3Qrand0In0", "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"] {
        for bad in [format!("{none}.{body}."), format!("{none}.{body}.{signature}"), format!("{none}.{body}")]
        {
            assert!(tokens.verify(&bad).is_none(), "{bad}");
        }
    }
}

#[tokio::test]
async fn another_algorithm_is_refused() {
    let tokens = tokens(KEY).await;
    for swapped in [Algorithm::HS384, Algorithm::HS512] {
        let bad = forged(&tokens, |header, _| header.alg = swapped);
        assert!(tokens.verify(&bad).is_none(), "{swapped:?}");
    }
    // {"alg":"RS256","typ":"guest+jwt"}: signed with what a careless verifier would take for a public key.
    let good = token(&tokens);
    let rest = good.split_once('.').unwrap().1;
    assert!(tokens.verify(&format!("eyJhbGciOiJSUzI1NiIsInR5cCI6Imd1ZXN0K2p3dCJ9.{rest}")).is_none());
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let (ours, theirs) = (tokens(KEY).await, tokens(OTHER).await);
    assert!(ours.verify(&token(&theirs)).is_none());
    let posing = forged(&theirs, |_, _| {});
    assert!(theirs.verify(&posing).is_none(), "their name of the key, and ours as the key");
    let nameless = forged(&ours, |header, _| header.kid = None);
    assert!(ours.verify(&nameless).is_none());
}

#[tokio::test]
async fn a_changed_token_is_refused() {
    let tokens = tokens(KEY).await;
    let good = token(&tokens);
    let body = good.split('.').nth(1).unwrap();
    let flipped = if body.ends_with('A') { "B" } else { "A" };
    let tampered = good.replace(body, &format!("{}{flipped}", &body[..body.len() - 1]));
    for bad in [tampered, String::new(), "a.b.c".into(), format!("{good}x"), "x".repeat(LONGEST + 1)] {
        assert!(tokens.verify(&bad).is_none(), "{bad}");
    }
}

#[tokio::test]
async fn a_wrong_typ_issuer_or_audience_is_refused() {
    let tokens = tokens(KEY).await;
    for typ in [None, Some("JWT"), Some("at+jwt"), Some("Guest+JWT")] {
        let bad = forged(&tokens, |header, _| header.typ = typ.map(str::to_owned));
        assert!(tokens.verify(&bad).is_none(), "{typ:?}");
    }
    for claim in ["iss", "aud"] {
        for wrong in [json!("another"), json!(["voxpop"]), json!(null), json!(7)] {
            let bad = forged(&tokens, |_, claims| claims[claim] = wrong.clone());
            assert!(tokens.verify(&bad).is_none(), "{claim} {wrong}");
        }
    }
}

#[tokio::test]
async fn a_token_from_the_future_is_refused() {
    let tokens = tokens(KEY).await;
    let now = seconds(tokens.clock.now());
    let bad = forged(&tokens, |_, claims| claims["nbf"] = json!(now + SKEW + 60));
    assert!(tokens.verify(&bad).is_none());
    let bad = forged(&tokens, |_, claims| claims["iat"] = json!(now + 100));
    assert!(tokens.verify(&bad).is_none(), "made after it ends");
}

#[tokio::test]
async fn times_of_the_wrong_type_are_refused() {
    let tokens = tokens(KEY).await;
    let later = seconds(tokens.clock.now()) + 60;
    for claim in ["exp", "nbf", "iat"] {
        let text = later.to_string();
        for wrong in
            [json!(text), json!(null), json!(-1), json!([later]), json!({}), json!(1e300), json!(true)]
        {
            let bad = forged(&tokens, |_, claims| claims[claim] = wrong.clone());
            assert!(tokens.verify(&bad).is_none(), "{claim} {wrong}");
        }
        let bad = forged(&tokens, |_, claims| _ = claims.as_object_mut().unwrap().remove(claim));
        assert!(tokens.verify(&bad).is_none(), "no {claim}");
    }
}

#[tokio::test]
async fn an_account_has_a_session_and_a_guest_has_none() {
    let tokens = tokens(KEY).await;
    let later = tokens.clock.now().plus(Duration::from_secs(60));
    let session = SessionId::new(later, [1; 10]);
    for (kind, sid, good) in [
        (IdentityKind::User, None, false),
        (IdentityKind::User, Some(session), true),
        (IdentityKind::Guest, Some(session), false),
        (IdentityKind::Guest, None, true),
    ] {
        let token = tokens.sign(guest(), kind, sid, later).unwrap();
        assert_eq!(tokens.verify(&token).is_some(), good, "{kind:?} {sid:?}");
    }
}

#[tokio::test]
async fn old_keys_verify_and_the_newest_signs() {
    let old = tokens(OTHER).await;
    let both = tokens(&format!("{KEY},{OTHER}")).await;
    let (of_old, of_new) = (token(&old), token(&both));
    assert!(both.verify(&of_old).is_some() && both.is_of_old_key(&of_old));
    assert!(both.verify(&of_new).is_some() && !both.is_of_old_key(&of_new));
    assert!(old.verify(&of_new).is_none());
    assert!(tokens(KEY).await.verify(&of_old).is_none(), "a key that was taken out is worth nothing");
}
