//! A guest that becomes an account while something breaks: it counts once all the same.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::{Person, TestServer};
use crate::support::eventually;
use crate::support::services::Breakable;

#[tokio::test]
async fn one_ticket_is_one_vote_though_becoming_an_account_fails_half_way() {
    let ground = Breakable::start().await;
    let server = TestServer::node(&ground.place()).await;
    let host = server.host("host").await;
    let (code, poll) = host.open_poll_with(&json!({"voters": "ticket"})).await;
    let (_, made) = host.post(&format!("/rooms/{code}/tickets"), &json!({"count": 1})).await;
    let (ada, guest) = (server.host("ada").await, server.guest().await);
    let ticket = json!({"ticket": made["tickets"][0]["code"]});
    assert_eq!(guest.post(&format!("/rooms/{code}/ticket"), &ticket).await.0, 200);
    recorded(&guest, &poll, 1).await;
    let sql = ground.sql().await;
    sqlx::query("ALTER TABLE adoptions ADD CONSTRAINT none CHECK (adopted_at < 0)")
        .execute(&sql)
        .await
        .unwrap();
    let body = json!({"username": "ada", "password": "correct horse", "room": code});
    let signed_in = guest.request(Method::POST, "/api/v1/auth/login").json(&body).send().await.unwrap();
    assert_eq!(signed_in.status(), 200, "who has signed in is signed in");
    let votes = [guest.vote(&poll, json!({"option": 0})).await, ada.vote(&poll, json!({"option": 0})).await];
    let counted = votes.iter().filter(|receipt| receipt["status"] != "refused").count();
    assert_eq!(counted, 1, "{votes:?}");
}

#[tokio::test]
async fn what_became_an_accounts_stays_so_when_redis_forgets() {
    let ground = Breakable::start().await;
    let server = TestServer::node(&ground.place()).await;
    let host = server.host("host").await;
    let (code, poll) = host.open_poll().await;
    let guest = server.guest().await;
    guest.vote(&poll, json!({"option": 1})).await;
    let body = json!({"username": "ada", "password": "correct horse", "room": code});
    let (status, signed) = guest.post("/auth/register", &body).await;
    assert_eq!(status, 201, "{signed}");
    let ada = server.nobody().with_token(&signed["access_token"]);
    ground.tell_redis(&["FLUSHALL"]).await;
    let refused = eventually("the count is there again", async || {
        let receipt = guest.vote(&poll, json!({"option": 0})).await;
        (receipt["reason"] != "rebuilding").then_some(receipt)
    })
    .await;
    assert_eq!(refused["reason"], "not_eligible");
    let (_, room) = ada.get(&format!("/rooms/{code}")).await;
    assert_eq!(room["polls"][0]["your_choice"], json!({"option": 1}));
    host.post(&format!("/polls/{poll}/close"), &Value::Null).await;
    let last = eventually("the result is final", async || {
        let (_, tally) = host.get(&format!("/polls/{poll}/results")).await;
        (tally["final"] == true).then_some(tally)
    })
    .await;
    assert_eq!(last["marks"], json!({"1": 1}));
}

#[tokio::test]
async fn becoming_an_account_while_redis_is_away_is_made_up_for() {
    let ground = Breakable::start().await;
    let server = TestServer::node(&ground.place()).await;
    let host = server.host("host").await;
    let (code, poll) = host.open_poll().await;
    let (ada, guest) = (server.host("ada").await, server.guest().await);
    recorded(&guest, &poll, 1).await;
    ground.redis.pause();
    let body = json!({"username": "ada", "password": "correct horse", "room": code});
    let (status, answer) = guest.post("/auth/login", &body).await;
    assert_eq!(status, 200, "who has signed in is signed in: {answer}");
    assert!(server.trail_with("guest_adopted").await.contains("guest_adopted"), "as soon as it is decided");
    ground.redis.resume();
    // Nobody asks again: what SQL has noted is told by the node that records the shard.
    eventually("the guest's vote is the account's", async || {
        let (_, room) = ada.get(&format!("/rooms/{code}")).await;
        (room["polls"][0]["your_choice"] == json!({"option": 1})).then_some(())
    })
    .await;
    assert_eq!(guest.vote(&poll, json!({"option": 0})).await["reason"], "not_eligible");
    recorded(&ada, &poll, 0).await;
    let (_, tally) = host.get(&format!("/polls/{poll}/results")).await;
    assert_eq!((&tally["ballots"], &tally["marks"]), (&json!(1), &json!({"0": 1})));
}

/// Votes until it is recorded.
async fn recorded(who: &Person, poll: &str, option: i64) {
    eventually("a vote is recorded", async || {
        (who.vote(poll, json!({"option": option})).await["status"] == "recorded").then_some(())
    })
    .await;
}
