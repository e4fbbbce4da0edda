//! What holds up who guesses join codes, and leaves the room beside them alone.

use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use server::auth::{Asker, Sender};
use server::config::Config;
use server::doors::Door;

use crate::doors::{behind_a_proxy, limit};
use crate::support::client::{Person, TestServer};
use crate::support::eventually;
use crate::support::services::{Breakable, Place};
use crate::support::socket::{Socket, ballot};

/// What somebody behind a proxy is answered.
pub async fn status_from(server: &TestServer, from: &str, path: &str) -> u16 {
    let asked = server.nobody().request(Method::GET, path).header("x-forwarded-for", from);
    asked.send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn guessing_codes_is_held_up() {
    let server = behind_a_proxy(|config| config.doors.limit_misses = limit("6/1h")).await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let (others, _) = server.host("eve").await.open_poll().await;
    let status = async |path: &str, from: &str| status_from(&server, from, path).await;
    assert_eq!(status("/api/v1/rooms/5", "192.0.2.1").await, 404, "what is no code is no guess");
    // A page looks twice.
    for guess in ["/api/v1/rooms/222222", "/join?code=444444", "/r/777777/screen"] {
        assert_eq!(status(guess, "192.0.2.1").await, 404, "{guess}");
    }
    let voter = server.guest().await;
    let bearer = format!("Bearer {}", voter.token.as_ref().unwrap());
    let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", "192.0.2.1")];
    let mut socket = Socket::open(&server, &headers).await.unwrap();
    socket.hear_a("hello").await;
    for expected in ["no_such_room", "no_such_room", "rate_limited", "rate_limited"] {
        socket.say(&json!({"type": "join", "room": "888888"})).await;
        assert_eq!(socket.hear_a("error").await["code"], expected);
    }
    socket.say(&json!({"type": "join", "room": code})).await;
    assert_eq!(socket.hear_a("error").await["code"], "rate_limited", "a good guess tells nothing either");
    for path in [format!("/api/v1/rooms/{code}"), format!("/r/{code}")] {
        assert_eq!(status(&path, "192.0.2.1").await, 429, "{path}");
        assert_eq!(status(&path, "192.0.2.2").await, 200, "{path}");
    }
    let browsers = server.nobody().request(Method::GET, &format!("/r/{code}"));
    let browsers = browsers.header("x-forwarded-for", "192.0.2.1").header("accept", "text/html");
    let page = browsers.send().await.unwrap();
    assert_eq!(page.status(), 429);
    assert!(page.headers().contains_key("retry-after"));
    let page = page.text().await.unwrap();
    assert!(
        page.contains("Too many codes") && page.contains("Try again in") && page.contains("</html>"),
        "a person is shown a page: {page}"
    );
    assert_eq!(voter.vote(&poll, json!({"option": 0})).await["status"], "recorded");

    let hosts = async |code: &str| {
        let asked = host.request(Method::GET, &format!("/api/v1/rooms/{code}"));
        asked.header("x-forwarded-for", "192.0.2.1").send().await.unwrap().status().as_u16()
    };
    assert_eq!(hosts(&others).await, 429, "an account guesses no better");
    assert_eq!(hosts(&code).await, 200, "a guesser in the hall does not lock out its host");
    assert_eq!(
        status(&format!("/r/{code}"), "192.0.2.1").await,
        200,
        "where its host is, a code is no guess"
    );
    assert_eq!(status(&format!("/r/{others}"), "192.0.2.1").await, 429);
}

#[tokio::test]
async fn signing_in_tells_no_code_either() {
    let server = behind_a_proxy(|config| config.doors.limit_misses = limit("3/1h")).await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    server.host("eve").await;
    let (guest, voter) = (server.guest().await, server.guest().await);
    voter.vote(&poll, json!({"option": 0})).await;
    let sign_in_as = async |guest: &Person, room: &str, from: &str| {
        let body = json!({"username": "eve", "password": "correct horse", "room": room});
        let asked = guest.request(Method::POST, "/api/v1/auth/login").header("x-forwarded-for", from);
        let answer: Value = asked.json(&body).send().await.unwrap().json().await.unwrap();
        server.nobody().with_token(&answer["access_token"])
    };
    let sign_in = async |room: &str, from: &str| {
        sign_in_as(&guest, room, from).await.get("/me/export").await.1["adoptions"].clone()
    };
    for wrong in ["222222", "444444", "777777"] {
        assert_eq!(sign_in(wrong, "192.0.2.1").await, json!([]));
    }
    assert_eq!(sign_in(&code, "192.0.2.1").await, json!([]), "a good guess tells nothing");
    assert_eq!(status_from(&server, "192.0.2.1", &format!("/r/{code}")).await, 429, "they are counted");
    let eve = sign_in_as(&voter, &code, "192.0.2.1").await;
    assert_eq!(
        eve.get("/me/export").await.1["adoptions"].as_array().unwrap().len(),
        1,
        "who voted there knows it"
    );
    let theirs = eve.request(Method::GET, &format!("/r/{code}")).header("x-forwarded-for", "192.0.2.1");
    assert_eq!(theirs.send().await.unwrap().status(), 200, "and the account is let in as its guest was");
    assert_eq!(sign_in(&code, "192.0.2.2").await.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_phone_that_guesses_shuts_nobody_out_of_the_room_they_are_in() {
    let server = behind_a_proxy(|config| config.doors.limit_misses = limit("5/1h")).await;
    let (code, poll) = server.host("ada").await.open_poll().await;
    assert_eq!(status_from(&server, "192.0.2.1", &format!("/r/{code}")).await, 200);
    for _ in 0..20 {
        status_from(&server, "192.0.2.1", "/api/v1/rooms/222222").await;
    }
    assert_eq!(status_from(&server, "192.0.2.1", "/api/v1/rooms/333333").await, 429);
    let voter = server.guest().await;
    let bearer = format!("Bearer {}", voter.token.as_ref().unwrap());
    for (path, expected) in [
        (format!("/r/{code}"), 200),
        (format!("/api/v1/rooms/{code}"), 200),
        (format!("/api/v1/rooms/{code}/qr.svg"), 200),
        (format!("/join?code={code}"), 303),
        ("/".to_owned(), 200),
        ("/favicon.ico".to_owned(), 404),
        ("/apple-touch-icon.png".to_owned(), 404),
    ] {
        assert_eq!(status_from(&server, "192.0.2.1", &path).await, expected, "{path}");
    }
    let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", "192.0.2.1")];
    let mut socket = Socket::open(&server, &headers).await.unwrap();
    socket.hear_a("hello").await;
    socket.join(&code).await;
    assert_eq!(socket.vote(&poll, ballot(0), json!({"option": 0})).await["status"], "recorded");
}

#[tokio::test]
async fn beyond_twenty_times_the_misses_a_neighbours_code_is_a_guess() {
    let server = behind_a_proxy(|config| config.doors.limit_misses = limit("5/1h")).await;
    let host = server.host("ada").await;
    let (code, _) = host.open_poll().await;
    let path = format!("/api/v1/rooms/{code}");
    let guest = server.guest().await;
    let status_of = async |who: &Person, path: &str| {
        let asked = who.request(Method::GET, path).header("x-forwarded-for", "192.0.2.1");
        asked.send().await.unwrap().status().as_u16()
    };
    let theirs = async || status_of(&guest, &path).await;
    assert_eq!(theirs().await, 200);
    // Five misses, and a hundred more that are refused.
    for _ in 0..105 {
        status_from(&server, "192.0.2.1", "/api/v1/rooms/222222").await;
    }
    assert_eq!(
        status_from(&server, "192.0.2.1", &path).await,
        429,
        "a guess that is right is told from no other"
    );
    assert_eq!(theirs().await, 200, "who is in stays in");
    let picture = format!("{path}/qr.svg");
    assert_eq!(status_of(&host, &picture).await, 200, "the host has something to show");
    assert_eq!(status_of(&server.guest().await, &picture).await, 429);
    assert_eq!(status_from(&server, "192.0.2.2", &path).await, 200);
}

async fn are_counted_one_by_one(server: &TestServer) {
    let client = server.nobody();
    let guesses = join_all((0..120).map(|number: u64| {
        let code = domain::RoomCode::from_number(number * 1_000_003);
        let asked = client.request(Method::GET, &format!("/api/v1/rooms/{code}"));
        async move { asked.send().await.unwrap().status().as_u16() }
    }))
    .await;
    let told = guesses.iter().filter(|status| **status == 404).count();
    assert_eq!(told, 5, "{guesses:?}");
    assert!(guesses.iter().all(|status| matches!(status, 404 | 429)), "{guesses:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_sent_side_by_side_are_counted_one_by_one() {
    let few = |config: &mut Config| config.doors.limit_misses = limit("5/1h");
    are_counted_one_by_one(&TestServer::start_with(few).await).await;
    are_counted_one_by_one(&TestServer::node_with(&Place::fresh().await, few).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guess_counts_though_whoever_made_it_hangs_up() {
    let place = Breakable::start().await;
    let few = |config: &mut Config| config.doors.limit_misses = limit("1/1h");
    let server = TestServer::node_with(&place.place(), few).await;
    let services = &server.state.services;
    let from = IpAddr::from([192, 0, 2, 1]);
    let asker = Asker::nobody(Sender::new(from, ""));
    // So that it is waited for, and there is a time to hang up.
    place.redis.pause();
    let guess = tokio::time::timeout(Duration::from_millis(100), services.room(&asker, "222222"));
    assert!(guess.await.is_err(), "Redis is waited for");
    eventually("it is counted", async || services.doors.look(Door::Miss, from).err()).await;
}

#[tokio::test]
async fn who_goes_far_beyond_a_rate_waits_no_longer_on_nodes_either() {
    let few = |config: &mut Config| config.doors.limit_misses = limit("5/10s");
    let server = TestServer::node_with(&Place::fresh().await, few).await;
    let (doors, from) = (&server.state.services.doors, IpAddr::from([192, 0, 2, 1]));
    for _ in 0..100 {
        doors.charge(Door::Miss, from).await;
    }
    let wait = doors.look(Door::Miss, from).unwrap_err().into_problem().retry_after_secs.unwrap();
    assert!((1..=4).contains(&wait), "of 2 seconds each at most the next two are waited for: {wait}");
}

#[tokio::test]
async fn nodes_count_wrong_codes_together() {
    let place = Place::fresh().await;
    let few = |config: &mut Config| config.doors.limit_misses = limit("8/1h");
    let (one, two) = (TestServer::node_with(&place, few).await, TestServer::node_with(&place, few).await);
    let mut told = 0;
    for number in 0..40_u64 {
        let guess = domain::RoomCode::from_number(number * 1_000_003);
        let server = [&one, &two][usize::from(number % 2 == 1)];
        let (status, answer) = server.nobody().get(&format!("/rooms/{guess}")).await;
        assert!(matches!(status, 404 | 429), "{answer}");
        told += u32::from(status == 404);
    }
    assert!(told == 8 || told == 9, "the other node learns of it with the next: {told}");
}
