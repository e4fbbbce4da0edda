//! The audit trail: what happened is in it, once and to the end, and no secrets are.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use server::audit::{About, SecurityEvent};
use server::auth::Sender;

use crate::support::client::TestServer;
use crate::support::eventually;
use crate::support::rig::{Backend, Rig};

const EVENTS: &str = include_str!("../../src/audit/event.rs");

/// Every word that an event has in the trail.
fn words() -> BTreeSet<String> {
    let arms = EVENTS.lines().filter_map(|line| line.split_once("=> \"")?.1.split_once('"'));
    arms.map(|(word, _)| word.to_owned()).collect()
}

#[tokio::test]
async fn whatever_an_event_tells_of_puts_it_into_the_trail() {
    let server = TestServer::start_with(|config| config.doors.limit_logins = "8/1h".parse().unwrap()).await;
    let (ada, eve) = (server.host("ada").await, server.host("eve").await);
    let (code, poll) = ada.open_poll().await;
    ada.patch(&format!("/rooms/{code}"), &json!({"settings": {"voters": "ticket"}})).await;
    ada.post(&format!("/rooms/{code}/tickets"), &json!({"count": 1})).await;
    ada.delete(&format!("/rooms/{code}/tickets")).await;
    ada.patch(&format!("/rooms/{code}"), &json!({"settings": {"voters": "guest"}})).await;
    server.command(&["room", "takedown", &code], "").await.unwrap();
    server.command(&["room", "restore", &code], "").await.unwrap();

    let sign_in = json!({"username": "eve", "password": "correct horse", "room": code});
    let guest = server.guest().await;
    let adopted = guest.post("/auth/login", &sign_in).await;
    assert_eq!(adopted.0, 200, "{}", adopted.1);
    let (_, first) = server.nobody().post("/auth/login", &sign_in).await;
    let mut token = first["refresh_token"].clone();
    for _ in 0..2 {
        token =
            server.nobody().post("/auth/refresh", &json!({"refresh_token": token})).await.1["refresh_token"]
                .clone();
    }
    let reused = json!({"refresh_token": first["refresh_token"]});
    assert_eq!(server.nobody().post("/auth/refresh", &reused).await.0, 401);
    assert_eq!(eve.delete("/me/sessions").await.0, 204);

    ada.post(&format!("/polls/{poll}/reset"), &Value::Null).await;
    ada.delete(&format!("/polls/{poll}")).await;
    ada.delete(&format!("/rooms/{code}")).await;
    let passwords = json!({"current": "correct horse", "new": "another staple"});
    assert_eq!(ada.post("/me/password", &passwords).await.0, 204);
    assert_eq!(ada.delete("/me").await.0, 204);

    for words in [
        &["user", "add", "bob"][..],
        &["user", "reset-password", "bob"],
        &["user", "disable", "bob"],
        &["user", "enable", "bob"],
        &["invite"],
        &["keys", "rotate"],
    ] {
        server.command(words, "").await.unwrap();
    }
    let wrong = json!({"username": "bob", "password": "wrong horses"});
    while server.nobody().post("/auth/login", &wrong).await.0 != 429 {}
    let (_, carol) = server
        .nobody()
        .post("/auth/register", &json!({"username": "carol", "password": "correct horse"}))
        .await;
    server.nobody().with_token(&carol["access_token"]).post("/auth/logout", &Value::Null).await;

    server.trail_with("signed_out").await;
    let rows = server.state.services.store.audit(None, 100).await.unwrap();
    let mut noted: BTreeSet<String> = rows.iter().map(|row| row.event.clone()).collect();
    // Where the queue is full, which is tested below.
    noted.insert("lost".to_owned());
    assert_eq!(noted, words());
    let by_operator = rows.iter().filter(|row| row.device == "operator").count();
    assert_eq!(by_operator, 8, "{rows:?}");
}

#[tokio::test]
async fn every_event_says_from_where_and_none_holds_a_secret() {
    let server = TestServer::start().await;
    let ada = server.host("ada").await;
    let sign_in = async |name: &str, password: &str| {
        let body = json!({"username": name, "password": password});
        server.nobody().post("/auth/login", &body).await.1
    };
    sign_in("ada", "a wrong password").await;
    sign_in("nobody-at-all", "a wrong password").await;
    let second = sign_in("ada", "correct horse").await;
    let (code, poll) = ada.open_poll().await;
    ada.patch(&format!("/rooms/{code}"), &json!({"settings": {"voters": "ticket"}})).await;
    let tickets = ada.post(&format!("/rooms/{code}/tickets"), &json!({"count": 1})).await.1;
    ada.delete(&format!("/rooms/{code}/tickets")).await;
    ada.post(&format!("/polls/{poll}/reset"), &Value::Null).await;
    ada.delete(&format!("/polls/{poll}")).await;
    ada.delete("/me/sessions").await;
    ada.delete(&format!("/rooms/{code}")).await;
    let third = server.nobody().with_token(&sign_in("ada", "correct horse").await["access_token"]);
    third.post("/auth/logout", &Value::Null).await;
    let trail = server.trail_with("signed_out").await;
    let events = server.state.services.store.audit(None, 100).await.unwrap();
    assert!(events.iter().all(|event| event.address_hash.is_some()), "each from where it was done: {trail}");
    let secrets = [
        "correct horse",
        "a wrong password",
        "nobody-at-all",
        "127.0.0.1",
        ada.token.as_ref().unwrap(),
        second["refresh_token"].as_str().unwrap(),
        tickets["tickets"][0]["code"].as_str().unwrap(),
    ];
    assert!(!secrets.iter().any(|secret| trail.contains(secret)), "{trail}");
    let mine = server.command(&["audit", "--account", "ada"], "").await.unwrap();
    assert!(mine.lines().count() >= 6 && mine.lines().count() < trail.lines().count(), "{mine}\n\n{trail}");
}

#[tokio::test]
async fn what_changes_nothing_is_not_in_the_trail() {
    let server = TestServer::start().await;
    let ada = server.host("ada").await;
    let (code, _) = ada.open_poll().await;
    let draft = json!({"question": "?", "kind": {"type": "rating", "max": 5}});
    let (_, draft) = ada.post(&format!("/rooms/{code}/polls"), &draft).await;
    let draft = draft["id"].as_str().unwrap();
    for number in 0..3 {
        assert_eq!(ada.post(&format!("/polls/{draft}/reset"), &Value::Null).await.0, 200);
        assert_eq!(ada.delete("/me/sessions").await.0, 204);
        let same = json!({"title": "Tea", "settings": {"voters": "guest"}});
        assert_eq!(ada.patch(&format!("/rooms/{code}"), &same).await.0, 200);
        let another_title = json!({"title": format!("Tea {number}"), "settings": {"change_vote": true}});
        assert_eq!(ada.patch(&format!("/rooms/{code}"), &another_title).await.0, 200);
        assert_eq!(ada.delete(&format!("/rooms/{code}/tickets")).await.0, 204);
    }
    ada.post("/auth/logout", &Value::Null).await;
    let trail = server.trail_with("signed_out").await;
    for event in ["sessions_revoked", "settings_changed", "tickets_deleted", "poll_reset"] {
        assert!(!trail.contains(event), "{event}: {trail}");
    }
}

#[tokio::test]
async fn an_event_that_the_database_refuses_does_not_stop_the_trail() {
    let rig = Rig::open(Backend::Cluster).await;
    let sender = Sender { device: "x".repeat(100), ..Sender::default() };
    let about = About { sender: Some(&sender), ..About::default() };
    rig.services.audit.note(SecurityEvent::SignedIn, about);
    rig.services.audit.note(SecurityEvent::SignedOut, About::default());
    eventually("the next events are stored, and that one was lost", async || {
        rig.services.audit.note(SecurityEvent::SignedOut, About::default());
        let trail = rig.services.store.audit(None, 100).await.unwrap();
        let has = |event: &str| trail.iter().any(|row| row.event == event);
        (has("signed_out") && has("lost")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn what_is_lost_of_the_trail_is_counted() {
    let rig = Rig::open(Backend::Sqlite).await;
    // Nobody takes events from the queue before something is awaited.
    for _ in 0..4_500 {
        rig.services.audit.note(SecurityEvent::SignedOut, About::default());
    }
    let lost = eventually("each is stored or said to be lost", async || {
        let trail = rig.services.store.audit(None, 5_000).await.unwrap();
        let stored = trail.iter().filter(|row| row.event == "signed_out").count();
        let lost: Vec<String> =
            trail.into_iter().filter(|row| row.event == "lost").map(|row| row.detail).collect();
        (stored == 4_000 && !lost.is_empty()).then_some(lost)
    })
    .await;
    assert_eq!(lost, ["500 events"]);
}

#[tokio::test]
async fn tries_that_wait_are_noted_once_for_each_address_of_ipv4_and_each_network_of_ipv6() {
    let rig = Rig::open(Backend::Sqlite).await;
    for address in ["2001:db8::1", "2001:db8::2", "2001:db8:0:1::1", "192.0.2.1", "192.0.2.1", "192.0.2.2"] {
        rig.services.audit.note_throttled(&Sender::new(address.parse().unwrap(), ""));
    }
    let trail = rig.trail().await;
    assert_eq!(trail.iter().filter(|row| row.event == "sign_in_throttled").count(), 4);
}

#[tokio::test]
async fn a_sign_in_beyond_the_rate_of_its_address_is_in_the_trail() {
    let server = TestServer::start_with(|config| config.doors.limit_logins = "1/1h".parse().unwrap()).await;
    let body = json!({"username": "ada", "password": "wrong horses"});
    for status in [401, 429, 429] {
        assert_eq!(server.nobody().post("/auth/login", &body).await.0, status);
    }
    eventually("both are in the trail", async || {
        let trail = server.command(&["audit"], "").await.unwrap();
        (trail.contains("sign_in_failed") && trail.matches("sign_in_throttled").count() == 1).then_some(())
    })
    .await;
}
