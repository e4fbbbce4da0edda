//! Signing in: waits that grow, one answer for all that is wrong, and passwords that are good enough.

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use domain::Username;
use futures_util::future::join_all;
use reqwest::{Method, Response};
use serde_json::json;

use crate::doors::{limit, usual};
use crate::support::client::TestServer;
use crate::support::services::Place;

pub async fn login(server: &TestServer, username: &str, password: &str) -> Response {
    let body = json!({"username": username, "password": password});
    server.nobody().request(Method::POST, "/api/v1/auth/login").json(&body).send().await.unwrap()
}

#[tokio::test]
async fn nodes_throttle_together_and_forgive_together() {
    let place = Place::fresh().await;
    let (one, two) = (TestServer::node(&place).await, TestServer::node(&place).await);
    one.host("ada").await;
    for server in [&one, &two, &one, &two] {
        assert_eq!(login(server, "ada", "wrong horses").await.status(), 401);
    }
    assert_eq!(login(&one, "ada", "correct horse").await.status(), 200);
    let mut refused = 0;
    for number in 0..12 {
        let server = [&one, &two][number % 2];
        refused += u32::from(login(server, "ada", "wrong horses").await.status() == 429);
    }
    assert!((1..=7).contains(&refused), "five and a few that had waited get through: {refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_sign_ins_at_once_hash_a_handful_of_passwords_and_votes_go_on() {
    let server = TestServer::start_with(|config| config.doors = usual()).await;
    let host = server.host("ada").await;
    let (_, poll) = host.open_poll().await;
    let voter = server.guest().await;
    let client = server.nobody();
    let flood = join_all((0..1_000).map(|number| {
        let body = json!({"username": "ada", "password": format!("guess number {number}")});
        let asked = client.request(Method::POST, "/api/v1/auth/login").json(&body);
        async move { asked.send().await.unwrap() }
    }));
    let (answers, receipt) = tokio::join!(flood, voter.vote(&poll, json!({"option": 0})));
    assert_eq!(receipt["status"], "recorded");
    let hashed = answers.iter().filter(|answer| answer.status() == 401).count();
    assert!((1..=20).contains(&hashed), "{hashed}");
    for answer in answers.iter().filter(|answer| answer.status() != 401) {
        assert_eq!(answer.status(), 429);
        let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!(wait >= 1);
    }
    assert_eq!(host.get("/me").await.0, 200, "who is signed in goes on");
}

#[tokio::test]
async fn a_known_and_an_unknown_name_are_answered_alike() {
    let server = TestServer::start().await;
    server.host("ada").await;
    let told = async |name: &str| {
        let answer = login(&server, name, "wrong horses").await;
        let mut headers = answer.headers().clone();
        headers.remove("date");
        (answer.status(), headers, answer.text().await.unwrap())
    };
    for _ in 0..8 {
        assert_eq!(told("ada").await, told("eve").await);
    }
}

#[tokio::test]
async fn tries_of_the_current_password_count_as_sign_ins() {
    let server = TestServer::start_with(|config| config.doors.limit_logins = limit("3/1h")).await;
    let ada = server.host("ada").await;
    let change = json!({"current": "wrong horses", "new": "another staple"});
    for expected in [422, 422, 422, 429] {
        assert_eq!(ada.post("/me/password", &change).await.0, expected);
    }
    assert_eq!(login(&server, "ada", "correct horse").await.status(), 429);
}

#[tokio::test]
async fn a_password_hashed_by_less_is_hashed_anew_at_the_next_sign_in() {
    let server = TestServer::start().await;
    server.host("ada").await;
    let store = &server.state.services.store;
    let name = Username::parse("ada").unwrap();
    let user = store.user_named(&name).await.unwrap().unwrap();
    let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8_192, 1, 1, None).unwrap());
    let weak = weak.hash_password_with_salt(b"correct horse", &[1; 16]).unwrap().to_string();
    assert!(store.replace_password(user.id, &user.password_hash, &weak).await.unwrap());
    assert_eq!(login(&server, "ada", "wrong horses").await.status(), 401);
    let stored = async || store.user_named(&name).await.unwrap().unwrap().password_hash;
    assert_eq!(stored().await, weak);
    assert_eq!(login(&server, "ada", "correct horse").await.status(), 200);
    assert!(stored().await.contains("m=19456,t=2"), "{}", stored().await);
    assert_eq!(login(&server, "ada", "correct horse").await.status(), 200);
}

#[tokio::test]
async fn passwords_that_are_tried_first_cannot_be_chosen() {
    let server = TestServer::start().await;
    for common in ["Password123", "1234567890", "ada-lovelace1"] {
        let body = json!({"username": "ada-lovelace", "password": common});
        let (status, refused) = server.nobody().post("/auth/register", &body).await;
        assert_eq!(
            (status, &refused["errors"][0]["field"]),
            (422, &json!("password")),
            "{common}: {refused}"
        );
    }
    let ada = server.host("ada").await;
    let change = json!({"current": "correct horse", "new": "qwertyuiop"});
    let (status, refused) = ada.post("/me/password", &change).await;
    assert_eq!((status, &refused["errors"][0]["field"]), (422, &json!("new")));
}
