//! What holds up a flood, and lets a full hall in.

use std::time::Instant;

use clap::Parser;
use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::{Value, json};
use server::config::Config;
use server::doors::{DoorSettings, Limit};
use tokio_tungstenite::tungstenite::Error;

use crate::guessing::status_from;
use crate::sign_ins::login;
use crate::support::client::TestServer;
use crate::support::eventually;
use crate::support::services::Place;
use crate::support::socket::{Socket, ballot};

/// The limits as they come.
pub fn usual() -> DoorSettings {
    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        doors: DoorSettings,
    }
    Cli::parse_from(["voxpop"]).doors
}

pub fn limit(text: &str) -> Limit {
    text.parse().unwrap()
}

async fn guest_from(server: &TestServer, forwarded_for: &str) -> u16 {
    let asked = server.nobody().request(Method::POST, "/api/v1/auth/guest");
    asked.header("x-forwarded-for", forwarded_for).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn nodes_count_together() {
    let place = Place::fresh().await;
    let node =
        async || TestServer::node_with(&place, |config| config.doors.limit_guests = limit("5/1h")).await;
    let (one, two) = (node().await, node().await);
    for server in [&one, &two, &one, &two, &one] {
        assert_eq!(guest_from(server, "").await, 201);
    }
    for server in [&one, &two] {
        let (status, refused) = server.nobody().post("/auth/guest", &Value::Null).await;
        assert_eq!((status, &refused["code"]), (429, &json!("rate_limited")));
        let wait = refused["retry_after_secs"].as_u64().unwrap();
        assert!((600..=720).contains(&wait), "a fifth of an hour: {refused}");
    }
}

#[tokio::test]
async fn a_made_up_address_changes_nothing() {
    let few = |config: &mut Config| config.doors.limit_guests = limit("2/1h");
    let server = TestServer::start_with(few).await;
    let answers = [guest_from(&server, "192.0.2.1").await, guest_from(&server, "192.0.2.2").await];
    assert_eq!((answers, guest_from(&server, "192.0.2.3").await), ([201, 201], 429));

    let behind = TestServer::start_with(|config| {
        few(config);
        config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    })
    .await;
    for number in 1..5 {
        assert_eq!(
            guest_from(&behind, &format!("192.0.2.{number}")).await,
            201,
            "each has an address of its own"
        );
    }
    // What stands left of what the proxy saw is made up.
    assert_eq!(guest_from(&behind, "198.51.100.1, 192.0.2.1").await, 201);
    assert_eq!(guest_from(&behind, "198.51.100.2, 192.0.2.1").await, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hall_of_two_thousand_phones_behind_one_address_joins_and_votes() {
    const PHONES: usize = 2_000;
    let server = TestServer::start_with(|config| config.doors = usual()).await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let (server, code, poll) = (&server, &code, &poll);
    let client = server.nobody();
    let client = &client;
    // The host's screen is on, and all the while one of the phones tries codes.
    assert_eq!(host.get(&format!("/rooms/{code}")).await.0, 200);
    let guesses = (0..2_000).map(|number: u64| async move {
        let guess = domain::RoomCode::from_number(number * 1_000_003);
        client.get(&format!("/rooms/{guess}")).await.0
    });
    let guesses = stream::iter(guesses).buffer_unordered(20).collect::<Vec<u16>>();
    let phone = |number: usize| async move {
        let (status, answer) = client.post("/auth/guest", &Value::Null).await;
        assert_eq!(status, 201, "phone {number}: {answer}");
        if number.is_multiple_of(10) {
            let page = client.request(Method::GET, &format!("/r/{code}")).send().await.unwrap();
            assert_eq!(page.status(), 200, "phone {number}");
        }
        let guest = client.clone().with_token(&answer["access_token"]);
        let receipt = if number.is_multiple_of(10) {
            let mut socket = Socket::of(server, &guest.token).await;
            socket.join(code).await;
            socket.vote(poll, ballot(0), json!({"option": 0})).await
        } else {
            guest.vote(poll, json!({"option": 1})).await
        };
        assert_eq!(receipt["status"], "recorded", "phone {number}: {receipt}");
    };
    let phones = stream::iter((0..PHONES).map(phone)).buffer_unordered(60).collect::<Vec<()>>();
    let (guesses, _) = tokio::join!(guesses, phones);
    assert!(guesses.contains(&404) && guesses.contains(&429), "{guesses:?}");
    let (_, tally) = host.get(&format!("/polls/{poll}/results")).await;
    assert_eq!(tally["ballots"], PHONES);
}

/// A server that believes whoever is on this machine about where they come from.
pub async fn behind_a_proxy(adjust: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start_with(|config| {
        adjust(config);
        config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    })
    .await
}

#[tokio::test]
async fn a_vote_for_any_poll_is_held_to_the_rate_before_it_is_looked_at() {
    let server = behind_a_proxy(|config| config.doors.limit_changes = limit("4/1h")).await;
    let (_, poll) = server.host("ada").await.open_poll().await;
    let bearer = format!("Bearer {}", server.guest().await.token.unwrap());
    let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", "192.0.2.1")];
    let mut socket = Socket::open(&server, &headers).await.unwrap();
    socket.hear_a("hello").await;
    for number in 0..6 {
        let vote = json!({"type": "vote", "poll": poll, "ballot": ballot(number), "choice": {"option": 0}});
        socket.say(&vote).await;
    }
    let told = socket.hear_all().await;
    assert_eq!(told.iter().filter(|message| message["code"] == "not_joined").count(), 4, "{told:?}");
    assert_eq!(told.iter().filter(|message| message["reason"] == "overloaded").count(), 2, "{told:?}");
}

#[tokio::test]
async fn changes_from_one_address_are_held_to_a_rate_and_reading_is_not() {
    let server = behind_a_proxy(|config| config.doors.limit_changes = limit("8/1h")).await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let guest = server.guest().await;
    let rename = async |from: &str| {
        let asked = guest.request(Method::PATCH, "/api/v1/me").header("x-forwarded-for", from);
        asked.json(&json!({"display_name": "Eve"})).send().await.unwrap()
    };
    for _ in 0..8 {
        assert_eq!(rename("192.0.2.1").await.status(), 200);
    }
    let refused = rename("192.0.2.1").await;
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(rename("192.0.2.2").await.status(), 200);
    assert_eq!(status_from(&server, "192.0.2.1", &format!("/r/{code}")).await, 200);

    let bearer = format!("Bearer {}", guest.token.as_ref().unwrap());
    let headers = [("authorization", bearer.as_str()), ("x-forwarded-for", "192.0.2.1")];
    let mut socket = Socket::open(&server, &headers).await.unwrap();
    socket.hear_a("hello").await;
    socket.join(&code).await;
    let receipt = socket.vote(&poll, ballot(0), json!({"option": 0})).await;
    assert_eq!((&receipt["status"], &receipt["reason"]), (&json!("refused"), &json!("overloaded")));
}

#[tokio::test]
async fn a_voter_votes_no_faster_over_many_sockets() {
    const SOCKETS: i64 = 4;
    const EACH: i64 = 55;
    let server = TestServer::start().await;
    let (code, poll) = server.host("ada").await.open_poll().await;
    let guest = server.guest().await;
    let mut sockets = Vec::new();
    for _ in 0..SOCKETS {
        let mut socket = Socket::of(&server, &guest.token).await;
        socket.join(&code).await;
        sockets.push(socket);
    }
    let begun = Instant::now();
    let mut overloaded = 0;
    for (first, socket) in (0..).zip(&mut sockets) {
        for number in 0..EACH {
            let id = ballot(first * EACH + number);
            let vote = json!({"type": "vote", "poll": poll, "ballot": id, "choice": {"option": 0}});
            socket.say(&vote).await;
        }
        overloaded +=
            socket.hear_all().await.iter().filter(|message| message["reason"] == "overloaded").count();
    }
    let at_most = 60 + 20 * (begun.elapsed().as_secs() + 1);
    let cast = u64::try_from(SOCKETS * EACH).unwrap() - u64::try_from(overloaded).unwrap();
    assert!(overloaded > 0 && cast <= at_most, "{cast} of them were cast");
}

#[tokio::test]
async fn a_voter_votes_no_faster_by_coming_back() {
    let server = TestServer::start().await;
    let (code, poll) = server.host("ada").await.open_poll().await;
    let guest = server.guest().await;
    let begun = Instant::now();
    let mut overloaded = 0;
    for visit in 0..4 {
        let mut socket = Socket::of(&server, &guest.token).await;
        socket.join(&code).await;
        for number in 0..55 {
            let vote = json!({"type": "vote", "poll": poll, "ballot": ballot(visit * 55 + number), "choice": {"option": 0}});
            socket.say(&vote).await;
        }
        overloaded +=
            socket.hear_all().await.iter().filter(|message| message["reason"] == "overloaded").count();
        drop(socket);
        eventually("the voter has no socket", async || (server.state.hub.size() == (0, 0)).then_some(()))
            .await;
    }
    let at_most = 60 + 20 * (begun.elapsed().as_secs() + 1);
    let cast = 4 * 55 - u64::try_from(overloaded).unwrap();
    assert!(overloaded > 0 && cast <= at_most, "{cast} of them were cast");
}

#[tokio::test]
async fn votes_over_http_are_held_to_a_rate() {
    let server = TestServer::start_with(|config| config.doors.limit_votes = limit("3/1h")).await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let voter = server.guest().await;
    for option in 0..2 {
        voter.vote(&poll, json!({"option": option})).await;
    }
    let page = voter.request(Method::POST, &format!("/r/{code}"));
    let form = [("action", "vote"), ("poll", poll.as_str()), ("option", "0")];
    assert_eq!(page.form(&form).send().await.unwrap().status(), 303);
    let page = voter.request(Method::POST, &format!("/r/{code}"));
    let refused = page.form(&form).send().await.unwrap();
    assert_eq!(refused.status(), 429);
    assert!(refused.headers().contains_key("retry-after"));
    let body = json!({"choice": {"option": 1}});
    assert_eq!(voter.post(&format!("/polls/{poll}/votes"), &body).await.1["code"], "rate_limited");
    assert_eq!(server.guest().await.vote(&poll, json!({"option": 1})).await["status"], "recorded");
}

/// A server that lets in twice an hour at one door, and everything elsewhere.
async fn twice_an_hour(door: impl FnOnce(&mut DoorSettings) -> &mut Limit) -> TestServer {
    TestServer::start_with(|config| *door(&mut config.doors) = limit("2/1h")).await
}

#[tokio::test]
async fn the_third_account_from_an_address_is_refused() {
    let server = twice_an_hour(|doors| &mut doors.limit_accounts).await;
    for (name, wanted) in [("ada", 201), ("bob", 201), ("eve", 429)] {
        let body = json!({"username": name, "password": "correct horse"});
        assert_eq!(server.nobody().post("/auth/register", &body).await.0, wanted, "{name}");
    }
}

#[tokio::test]
async fn the_third_sign_in_from_an_address_is_refused_whatever_the_name() {
    let server = twice_an_hour(|doors| &mut doors.limit_logins).await;
    for (name, wanted) in [("ada", 401), ("bob", 401), ("eve", 429)] {
        assert_eq!(login(&server, name, "wrong horses").await.status(), wanted, "{name}");
    }
}

#[tokio::test]
async fn the_third_room_of_an_account_is_refused_a_copy_too() {
    let server = twice_an_hour(|doors| &mut doors.limit_rooms).await;
    let host = server.host("ada").await;
    let (code, _) = host.open_poll().await;
    let copy = format!("/rooms/{code}/duplicate");
    assert_eq!(host.post(&copy, &Value::Null).await.0, 201);
    assert_eq!(host.post(&copy, &Value::Null).await.1["code"], "rate_limited");
    assert_eq!(host.post("/rooms", &json!({"title": "More"})).await.0, 429);
    server.host("bob").await.open_poll().await;
}

#[tokio::test]
async fn the_third_export_of_a_voter_is_refused() {
    let server = twice_an_hour(|doors| &mut doors.limit_exports).await;
    let (one, other) = (server.guest().await, server.guest().await);
    for wanted in [200, 200, 429] {
        let answer = one.request(Method::GET, "/api/v1/me/export").send().await.unwrap();
        assert_eq!(answer.status(), wanted);
        // To its end: nobody has two written out at once.
        answer.bytes().await.unwrap();
    }
    assert_eq!(other.get("/me/export").await.0, 200);
}

#[tokio::test]
async fn the_third_socket_from_an_address_is_refused() {
    let server = twice_an_hour(|doors| &mut doors.limit_sockets).await;
    for is_let_in in [true, true, false] {
        let refused = Socket::open(&server, &[]).await.err();
        let status = refused.map(|error| match error {
            Error::Http(answer) => answer.status().as_u16(),
            other => panic!("{other}"),
        });
        assert_eq!(status, (!is_let_in).then_some(429));
    }
}

#[tokio::test]
async fn the_third_join_from_an_address_is_refused_and_the_socket_stays() {
    let server = twice_an_hour(|doors| &mut doors.limit_joins).await;
    let (code, _) = server.host("ada").await.open_poll().await;
    let mut socket = Socket::of(&server, &server.guest().await.token).await;
    for _ in 0..2 {
        socket.join(&code).await;
    }
    socket.say(&json!({"type": "join", "room": code})).await;
    assert_eq!(socket.hear_a("error").await["code"], "rate_limited");
    assert_eq!(socket.hear_all().await, [] as [Value; 0]);
}

#[tokio::test]
async fn one_address_leaves_sockets_to_others_behind_a_proxy_too() {
    let server = behind_a_proxy(|config| config.sockets.most = 8).await;
    let bearer = format!("Bearer {}", server.guest().await.token.unwrap());
    let open = async |from: &str| {
        Socket::open(&server, &[("authorization", bearer.as_str()), ("x-forwarded-for", from)]).await
    };
    let mut held = Vec::new();
    for _ in 0..6 {
        held.push(open("192.0.2.1").await.unwrap());
    }
    assert!(open("192.0.2.1").await.is_err(), "three in four are taken");
    held.push(open("192.0.2.2").await.unwrap());
    held.push(open("192.0.2.3").await.unwrap());
    assert!(open("192.0.2.4").await.is_err(), "all are taken");
    drop(held);
    eventually("who goes leaves a place", async || open("192.0.2.1").await.ok()).await;
}
