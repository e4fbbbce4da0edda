//! The socket, as the public contract says.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::Server;
use server::clock::Clock;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::client::{Person, TestServer};
use crate::support::eventually;
use crate::support::rig;
use crate::support::socket::{Socket, ballot};

fn refused_with(opened: Result<Socket, Error>) -> u16 {
    match opened {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("was let in"),
    }
}

async fn of(server: &TestServer, person: &Person) -> Socket {
    Socket::of(server, &person.token).await
}

#[tokio::test]
async fn a_vote_reaches_every_screen_and_the_voters_other_sockets() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let voter = server.guest().await;
    let (mut screen, mut phone, mut tablet) =
        (of(&server, &host).await, of(&server, &voter).await, of(&server, &voter).await);
    for socket in [&mut screen, &mut phone, &mut tablet] {
        let (_, tallies) = socket.join(&code.to_lowercase()).await;
        assert_eq!(tallies[0]["ballots"], 0);
    }
    let sent = Instant::now();
    let receipt = phone.vote(&poll, ballot(1), json!({"option": 1})).await;
    assert_eq!(
        (&receipt["status"], &receipt["choice"]),
        (&json!("recorded"), &json!({"option": 1})),
        "{receipt}"
    );
    let shown = screen.hear_until(|message| message["type"] == "tally" && message["ballots"] == 1).await;
    assert_eq!(shown["marks"], json!({"1": 1}));
    assert!(sent.elapsed() < Duration::from_secs(10));
    let told = tablet.hear_a("receipt").await;
    assert_eq!(told, receipt);
    let yours = tablet.hear_a("yours").await;
    assert_eq!((&yours["choice"], &yours["results_visible"]), (&json!({"option": 1}), &json!(true)));
    let tally = tablet.hear_a("tally").await;
    assert_eq!(tally["marks"], json!({"1": 1}), "who has voted sees results at that very version");
}

#[tokio::test]
async fn a_join_is_answered_by_the_room_and_then_its_tallies() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let mut phone = of(&server, &server.guest().await).await;
    phone.say(&json!({"type": "join", "room": code})).await;
    let (room, tally) = (phone.hear().await, phone.hear().await);
    assert_eq!((&room["type"], &room["participants"]), (&json!("room"), &json!(1)));
    assert_eq!((&room["room"]["code"], &room["room"]["is_host"]), (&json!(code), &json!(false)));
    assert_eq!((&tally["type"], &tally["poll"]), (&json!("tally"), &json!(poll)));
}

#[tokio::test]
async fn results_stay_hidden_until_the_setting_or_the_host_shows_them() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll_with(&json!({"results": "host_only"})).await;
    let (voter, other) = (server.guest().await, server.guest().await);
    let mut phone = of(&server, &voter).await;
    let mut screen = of(&server, &host).await;
    phone.join(&code).await;
    screen.join(&code).await;
    other.vote(&poll, json!({"option": 0})).await;
    phone.vote(&poll, ballot(1), json!({"option": 1})).await;
    let tally = phone.hear_until(|message| message["ballots"] == 2).await;
    assert!(tally.get("marks").is_none() && tally.get("distinct").is_none(), "{tally}");
    let seen = screen.hear_until(|message| message["ballots"] == 2).await;
    assert_eq!(seen["marks"], json!({"0": 1, "1": 1}));

    host.post(&format!("/polls/{poll}/reveal"), &Value::Null).await;
    let yours = phone.hear_a("yours").await;
    assert_eq!(yours["results_visible"], true);
    let revealed = phone.hear_a("tally").await;
    assert_eq!(revealed["marks"], json!({"0": 1, "1": 1}));
    assert!(revealed["version"].as_u64() > tally["version"].as_u64(), "clients show only what is newer");

    host.post(&format!("/polls/{poll}/hide"), &Value::Null).await;
    assert_eq!(phone.hear_a("yours").await["results_visible"], false);
    assert!(phone.hear_a("tally").await.get("marks").is_none());

    host.post(&format!("/polls/{poll}/reset"), &Value::Null).await;
    host.post(&format!("/polls/{poll}/open"), &Value::Null).await;
    phone.hear_until(|message| message["type"] == "tally" && message["round"] == 1).await;
    let settings = json!({"settings": {"results": "always"}});
    host.patch(&format!("/rooms/{code}"), &settings).await;
    assert_eq!(phone.hear_a("room").await["room"]["settings"]["results"], "always");
    assert_eq!(phone.hear_a("yours").await["results_visible"], true);
    assert_eq!(phone.hear_a("tally").await["marks"], json!({}));
    host.post(&format!("/polls/{poll}/reset"), &Value::Null).await;
    host.post(&format!("/polls/{poll}/open"), &Value::Null).await;
    let fresh = phone.hear_until(|message| message["type"] == "tally" && message["round"] == 2).await;
    assert_eq!((&fresh["ballots"], &fresh["marks"]), (&json!(0), &json!({})));
}

#[tokio::test]
async fn a_poll_is_followed_through_its_life() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let mut phone = of(&server, &server.guest().await).await;
    phone.join(&code).await;
    phone.vote(&poll, ballot(5), json!({"option": 0})).await;

    host.post(&format!("/polls/{poll}/close"), &Value::Null).await;
    assert_eq!(phone.hear_a("poll").await["poll"]["state"], "closed");
    let last = phone.hear_until(|message| message["type"] == "tally" && message["final"] == true).await;
    assert_eq!(last["marks"], json!({"0": 1}));
    let refused = phone.vote(&poll, ballot(6), json!({"option": 1})).await;
    assert_eq!((&refused["status"], &refused["reason"]), (&json!("refused"), &json!("closed")));
    let again = phone.vote(&poll, ballot(5), json!({"option": 0})).await;
    assert_eq!(again["status"], "recorded", "the same ballot has the same receipt after the close");

    host.post(&format!("/polls/{poll}/reset"), &Value::Null).await;
    assert_eq!(phone.hear_a("poll").await["poll"]["state"], "draft");
    let yours = phone.hear_a("yours").await;
    assert!(yours.get("choice").is_none() && yours.get("ballot").is_none(), "{yours}");
    let rest = phone.vote(&poll, ballot(7), json!({"option": 1})).await;
    assert_eq!(rest["reason"], "not_open");

    let second = json!({"question": "More?", "kind": {"type": "rating", "max": 5}});
    let (_, drafted) = host.post(&format!("/rooms/{code}/polls"), &second).await;
    assert!(phone.hear_all().await.is_empty(), "a draft is the host's alone");
    host.post(&format!("/polls/{}/open", drafted["id"].as_str().unwrap()), &Value::Null).await;
    assert_eq!(phone.hear_a("poll").await["poll"]["id"], drafted["id"]);
    let room = phone.hear_a("room").await;
    assert_eq!(room["room"]["current"], drafted["id"], "an opened poll becomes the current one");
    assert_eq!(phone.hear_a("tally").await["poll"], drafted["id"]);

    host.delete(&format!("/polls/{}", drafted["id"].as_str().unwrap())).await;
    assert_eq!(phone.hear_a("poll_removed").await["poll"], drafted["id"]);
    host.delete(&format!("/rooms/{code}")).await;
    assert_eq!(phone.hear_a("room_closed").await["room"], json!(code));
}

#[tokio::test]
async fn a_countdown_closes_on_every_screen_by_itself() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let mut phone = of(&server, &server.guest().await).await;
    phone.join(&code).await;
    host.post(&format!("/polls/{poll}/open"), &json!({"duration_secs": 1})).await;
    let opened = phone.hear_a("poll").await;
    assert!(opened["poll"]["closes_at"].is_string(), "{opened}");
    let closed = phone.hear_until(|message| message["poll"]["state"] == "closed").await;
    assert_eq!(closed["poll"]["closed_at"], opened["poll"]["closes_at"]);
}

#[tokio::test]
async fn presence_counts_people_not_sockets_nor_screens() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, _) = host.open_poll().await;
    let voter = server.guest().await;
    let mut first = of(&server, &voter).await;
    let (room, _) = first.join(&code).await;
    assert_eq!(room["participants"], 1);
    let mut second = of(&server, &voter).await;
    second.join(&code).await;
    let mut screen = of(&server, &host).await;
    screen.say(&json!({"type": "join", "room": code, "role": "screen"})).await;
    assert_eq!(screen.hear_a("room").await["participants"], 1);
    let mut other = of(&server, &server.guest().await).await;
    assert_eq!(other.join(&code).await.0["participants"], 2);
    let told =
        first.hear_until(|message| message["type"] == "presence" && message["participants"] == 2).await;
    assert_eq!(told["room"], json!(code));
    other.say(&json!({"type": "leave", "room": code})).await;
    assert_eq!(other.hear_a("left").await["room"], json!(code));
    first.hear_until(|message| message["type"] == "presence" && message["participants"] == 1).await;
}

#[tokio::test]
async fn a_flood_of_votes_is_shown_at_most_twenty_times_a_second_and_its_end_always() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let mut screen = of(&server, &host).await;
    screen.join(&code).await;
    let started = Instant::now();
    let mut voters = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (guest, poll) = (server.guest().await, poll.clone());
        voters.spawn(async move { guest.vote(&poll, json!({"option": 0})).await });
    }
    while let Some(receipt) = voters.join_next().await {
        assert_eq!(receipt.unwrap()["status"], "recorded");
    }
    let mut tallies = 0;
    loop {
        let message = screen.hear().await;
        if message["type"] == "tally" {
            tallies += 1;
            if message["ballots"] == 100 {
                break;
            }
        }
    }
    let most = 2 + started.elapsed().as_millis() / 50;
    assert!(tallies <= most, "{tallies} tallies where {most} were allowed");
}

#[tokio::test]
async fn what_cannot_be_carried_out_is_told_and_the_connection_stays() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let mut phone = of(&server, &server.guest().await).await;
    let unknown = "019a9f3e-0000-7000-8000-000000000001";
    for (frame, expected) in [
        ("{".to_owned(), "bad_message"),
        (json!({"type": "vote", "poll": 7}).to_string(), "bad_message"),
        (json!({"type": "dance"}).to_string(), "unknown_type"),
        (json!({"type": "join", "room": "222222"}).to_string(), "no_such_room"),
        (json!({"type": "join", "room": "nonsense"}).to_string(), "no_such_room"),
        (json!({"type": "leave", "room": code}).to_string(), "not_joined"),
        (
            json!({"type": "vote", "poll": poll, "ballot": ballot(1), "choice": null}).to_string(),
            "not_joined",
        ),
        (
            json!({"type": "vote", "poll": unknown, "ballot": ballot(1), "choice": null}).to_string(),
            "no_such_poll",
        ),
    ] {
        phone.send(Message::text(frame.clone())).await;
        let error = phone.hear().await;
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!(expected)), "{frame}: {error}");
    }
    phone.send(Message::binary(vec![1, 2, 3])).await;
    assert_eq!(phone.hear().await["code"], "bad_message");
    phone.say(&json!({"type": "ping", "unknown": "field"})).await;
    assert_eq!(phone.hear().await["type"], "pong");
}

#[tokio::test]
async fn a_hostile_client_is_cut_off_with_the_code_that_says_why() {
    let server = TestServer::start().await;
    let guest = server.guest().await;

    for size in [5 * 1024, 200 * 1024] {
        let mut large = of(&server, &guest).await;
        large.send(Message::text(format!(r#"{{"type":"ping","x":"{}"}}"#, "x".repeat(size)))).await;
        assert_eq!(large.closed_with().await, Some(1009), "{size}");
    }
    let mut babbler = of(&server, &guest).await;
    for _ in 0..10 {
        babbler.send(Message::text("nonsense")).await;
    }
    assert_eq!(babbler.closed_with().await, Some(4400));

    let mut flooder = of(&server, &guest).await;
    for _ in 0..300 {
        flooder.say(&json!({"type": "ping"})).await;
    }
    let (heard, code) = flooder.hear_to_the_end().await;
    let refused: Vec<_> = heard.iter().filter(|message| message["type"] == "error").collect();
    assert!(refused.iter().all(|message| message["code"] == "rate_limited"), "{refused:?}");
    assert_eq!((refused.len(), code), (100, Some(4429)), "the next ends it");
}

#[tokio::test]
async fn who_it_is_must_be_said_in_time_and_be_true() {
    let server = TestServer::start_with(|config| config.sockets.auth = Duration::from_millis(300)).await;
    let host = server.host("ada").await;
    let mut silent = Socket::open(&server, &[]).await.unwrap();
    assert_eq!(silent.closed_with().await, Some(4401));

    let mut late = Socket::open(&server, &[]).await.unwrap();
    late.say(&json!({"type": "join", "room": "222222"})).await;
    assert_eq!(late.hear().await["code"], "forbidden");
    late.say(&json!({"type": "auth", "token": host.token})).await;
    let hello = late.hear().await;
    assert_eq!((&hello["you"]["kind"], &hello["you"]["name"]), (&json!("user"), &json!("ada")));

    let mut liar = Socket::open(&server, &[]).await.unwrap();
    liar.say(&json!({"type": "auth", "token": "not.a.token"})).await;
    assert_eq!(liar.closed_with().await, Some(4401));
    assert_eq!(refused_with(Socket::open(&server, &[("authorization", "Bearer x.y.z")]).await), 401);
    assert_eq!(refused_with(Socket::open(&server, &[("cookie", "voxpop_session=x.y.z")]).await), 401);
}

#[tokio::test]
async fn foreign_pages_get_no_socket() {
    let server = TestServer::start().await;
    let guest = server.guest().await;
    let bearer = format!("Bearer {}", guest.token.as_ref().unwrap());
    for origin in ["https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1.evil.example"] {
        let headers = [("authorization", bearer.as_str()), ("origin", origin)];
        assert_eq!(refused_with(Socket::open(&server, &headers).await), 403, "{origin}");
    }
    let own = server.url("");
    let headers = [("authorization", bearer.as_str()), ("origin", own.as_str())];
    assert!(Socket::open(&server, &headers).await.is_ok());
}

#[tokio::test]
async fn logout_closes_the_sessions_sockets_and_no_others() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (_, again) =
        server.nobody().post("/auth/login", &json!({"username": "ada", "password": "correct horse"})).await;
    let elsewhere = server.nobody().with_token(&again["access_token"]);
    let (mut here, mut there) = (of(&server, &host).await, of(&server, &elsewhere).await);
    assert_eq!(host.post("/auth/logout", &Value::Null).await.0, 204);
    assert_eq!(here.hear_a("bye").await["reason"], "logout");
    assert_eq!(here.closed_with().await, Some(4401));
    there.say(&json!({"type": "ping"})).await;
    assert_eq!(there.hear().await["type"], "pong");
    assert_eq!(host.get("/me").await.0, 401);
}

#[tokio::test]
async fn a_silent_socket_is_closed_as_idle() {
    let server = TestServer::start_with(|config| config.sockets.idle = Duration::from_millis(200)).await;
    let mut phone = of(&server, &server.guest().await).await;
    assert_eq!(phone.hear_a("bye").await["reason"], "idle");
    assert_eq!(phone.closed_with().await, Some(4408));
}

#[tokio::test]
async fn a_stopping_server_says_when_to_come_back() {
    let mut server = TestServer::start().await;
    let mut phone = of(&server, &server.guest().await).await;
    server.stop();
    let bye = phone.hear_a("bye").await;
    assert_eq!(bye["reason"], "restart");
    assert!(bye["retry_after_ms"].as_u64() >= Some(500));
    assert_eq!(phone.closed_with().await, Some(1012));
}

#[tokio::test]
async fn a_server_that_nobody_uses_waits_for_nothing_when_it_stops() {
    let folder = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::prepare(&rig::config(folder.path()), address, Clock::system()).await.unwrap();
    // It would give up waiting after ten seconds.
    let ended = timeout(Duration::from_secs(5), server.serve(listener, async {})).await;
    assert!(ended.is_ok_and(|ended| ended.is_ok()));
}

#[tokio::test]
async fn nothing_is_held_for_who_has_gone() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let (other, _) = host.open_poll().await;
    let mut phones = Vec::new();
    for number in 0..20 {
        let mut phone = of(&server, &server.guest().await).await;
        phone.join(&code).await;
        phone.join(&other).await;
        phone.vote(&poll, ballot(number), json!({"option": 0})).await;
        phones.push(phone);
    }
    assert_eq!(server.state.hub.size(), (20, 2));
    drop(phones);
    eventually("the hub is empty", async || (server.state.hub.size() == (0, 0)).then_some(())).await;
    let mut late = of(&server, &server.guest().await).await;
    let (room, tallies) = late.join(&code).await;
    assert_eq!((&room["participants"], &tallies[0]["ballots"]), (&json!(1), &json!(20)));
}

#[tokio::test]
async fn a_socket_that_reads_nothing_is_closed_as_slow() {
    let server = TestServer::start_with(|config| config.sockets.send = Duration::from_millis(300)).await;
    let host = server.host("ada").await;
    let polls: Vec<Value> = (0..18)
        .map(|_| {
            let options: Vec<String> = (0..100).map(|_| "x".repeat(110)).collect();
            json!({"question": "?", "kind": {"type": "single"}, "options": options})
        })
        .collect();
    let (status, room) = host.post("/rooms", &json!({"title": "Large", "polls": polls})).await;
    assert_eq!(status, 201, "{room}");
    let code = room["code"].as_str().unwrap();
    let mut stuck = of(&server, &host).await;
    // Two hundred kilobytes a time, none of them read: the pipes fill, and then the outbox waits in vain.
    for _ in 0..50 {
        stuck.say(&json!({"type": "join", "room": code})).await;
    }
    eventually("the socket is let go", async || (server.state.hub.size() == (0, 0)).then_some(())).await;
}
