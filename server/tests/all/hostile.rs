//! What clients that hang up, race and send odd things must not bring about.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::client::TestServer;
use crate::support::eventually;
use crate::support::socket::{Socket, ballot};

#[tokio::test(flavor = "multi_thread")]
async fn pages_drawn_side_by_side_have_nothing_of_each_other() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let refused = "Please choose from what the poll offers";
    let visits = (0..200).map(async |number: usize| {
        let guest = server.guest().await;
        if !number.is_multiple_of(5) {
            let place = ["", "/screen"][number % 2];
            let page = guest.request(Method::GET, &format!("/r/{code}{place}")).send().await.unwrap();
            assert_eq!(page.status(), 200);
            assert!(!page.text().await.unwrap().contains(refused), "somebody else's refused form");
        } else {
            let form = [("action", "vote"), ("poll", poll.as_str()), ("option", "9")];
            let page = guest.request(Method::POST, &format!("/r/{code}")).form(&form).send().await.unwrap();
            assert_eq!(page.status(), 422);
            assert!(page.text().await.unwrap().contains(refused));
        }
    });
    join_all(visits).await;
}

#[tokio::test]
async fn a_vote_of_an_earlier_round_shows_nothing_of_the_next_whatever_else_changes() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let voter = server.guest().await;
    let mut phone = Socket::of(&server, &voter.token).await;
    phone.join(&code).await;
    for round in 0..6u64 {
        let receipt =
            phone.vote(&poll, ballot(10 * i64::try_from(round).unwrap()), json!({"option": 0})).await;
        assert_eq!(receipt["status"], "recorded", "{receipt}");
        let retitle = async {
            for number in 0..8 {
                host.patch(&format!("/rooms/{code}"), &json!({"title": format!("Title {number}")})).await;
            }
        };
        let again = async {
            host.post(&format!("/polls/{poll}/reset"), &Value::Null).await;
            host.post(&format!("/polls/{poll}/open"), &Value::Null).await;
            server.guest().await.vote(&poll, json!({"option": 1})).await;
        };
        tokio::join!(retitle, again);
        phone
            .hear_until(|message| {
                let is_new = message["type"] == "tally" && message["round"] == round + 1;
                assert!(!is_new || message.get("marks").is_none(), "not voted in this round: {message}");
                let polls = message["room"]["polls"].as_array();
                let shown = polls.into_iter().flatten().find(|poll| poll["round"] == round + 1);
                assert!(shown.is_none_or(|poll| poll.get("your_choice").is_none()), "{message}");
                is_new && message["ballots"] == 1
            })
            .await;
    }
}

#[tokio::test]
async fn a_change_is_carried_out_whole_even_where_its_sender_hangs_up() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let mut stored = 0;
    for wait in 0..12u64 {
        let (code, poll) = host.open_poll().await;
        let body = json!({"settings": {"voters": "account"}}).to_string();
        let token = host.token.as_ref().unwrap();
        let request = format!(
            "PATCH /api/v1/rooms/{code} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut connection = TcpStream::connect(server.address).await.unwrap();
        connection.write_all(request.as_bytes()).await.unwrap();
        // The moment at which it hangs up, each time a little later; the last waits for the change.
        tokio::time::sleep(Duration::from_micros(wait * 500)).await;
        if wait == 11 {
            eventually("the setting is stored", async || {
                let (_, room) = host.get(&format!("/rooms/{code}")).await;
                (room["settings"]["voters"] == "account").then_some(())
            })
            .await;
        }
        drop(connection);
        let (_, room) = host.get(&format!("/rooms/{code}")).await;
        if room["settings"]["voters"] == "account" {
            stored += 1;
            eventually("the ballot box knows the setting", async || {
                let receipt = server.guest().await.vote(&poll, json!({"option": 0})).await;
                (receipt["reason"] == "not_eligible").then_some(())
            })
            .await;
        }
    }
    assert!(stored > 0, "no change got through: the test proves nothing");
}

#[tokio::test]
async fn who_leaves_at_once_after_voting_still_gets_a_receipt() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    for number in 0..15 {
        let mut phone = Socket::of(&server, &server.guest().await.token).await;
        phone.join(&code).await;
        let id = ballot(number);
        phone.say(&json!({"type": "vote", "poll": poll, "ballot": id, "choice": {"option": 0}})).await;
        phone.say(&json!({"type": "leave", "room": code})).await;
        let receipt =
            phone.hear_until(|message| message["type"] == "receipt" || message["type"] == "left").await;
        assert_eq!(receipt["ballot"], json!(id), "{receipt}");
    }
}

#[tokio::test]
async fn a_guest_that_left_for_good_votes_no_more() {
    let server = TestServer::start().await;
    let guest = server.guest().await;
    let mut phone = Socket::of(&server, &guest.token).await;
    assert_eq!(guest.delete("/me").await.0, 204);
    assert_eq!(phone.hear_a("bye").await["reason"], "logout");
    assert_eq!(phone.closed_with().await, Some(4401));
}

#[tokio::test]
async fn opening_an_open_poll_brings_it_back_on_the_screens() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, first) = host.open_poll().await;
    let second = json!({"question": "?", "kind": {"type": "rating", "max": 5}});
    let (_, second) = host.post(&format!("/rooms/{code}/polls"), &second).await;
    host.post(&format!("/polls/{}/open", second["id"].as_str().unwrap()), &Value::Null).await;
    host.post(&format!("/polls/{first}/open"), &Value::Null).await;
    assert_eq!(host.get(&format!("/rooms/{code}")).await.1["current"], json!(first));
}

#[tokio::test]
async fn odd_input_is_no_failure_of_ours() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, _) = host.open_poll().await;
    assert_eq!(host.get(&format!("/rooms?q={}", "x".repeat(2_000))).await.0, 422);
    let plain = server.nobody().request(Method::GET, "/ws").send().await.unwrap();
    assert_eq!(
        (plain.status().as_u16(), plain.json::<Value>().await.unwrap()["code"].clone()),
        (426, json!("upgrade_required"))
    );
    let qr = format!("/api/v1/rooms/{code}/qr.svg");
    let long =
        server.nobody().request(Method::GET, &qr).header("host", "x".repeat(3_000)).send().await.unwrap();
    assert_ne!(long.status(), 500);
}

#[tokio::test]
async fn what_people_type_stays_text_on_every_page() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let nasty = "</title></textarea><script>x</script><img src=x onerror=y>&amp;";
    let poll = json!({"question": nasty, "kind": {"type": "single"}, "options": [nasty, "b"]});
    let (_, room) = host.post("/rooms", &json!({"title": nasty, "polls": [poll, poll]})).await;
    let code = room["code"].as_str().unwrap();
    host.post(&format!("/polls/{}/open", room["polls"][0]["id"].as_str().unwrap()), &Value::Null).await;
    for path in [
        "/rooms",
        &format!("/r/{code}"),
        &format!("/r/{code}/host"),
        &format!("/r/{code}/screen"),
        &format!("/rooms/{code}/edit"),
    ] {
        let page = host.request(Method::GET, path).send().await.unwrap();
        assert_eq!(page.status(), 200, "{path}");
        let page = page.text().await.unwrap();
        assert!(page.contains("&lt;script&gt;x"), "{path} shows it");
        for raw in ["<script>x", "<img src=x", "</title></textarea>"] {
            assert!(!page.contains(raw), "{path} has {raw} in it");
        }
        assert!(!page.contains("y>&amp;<"), "{path}: an ampersand that was typed is one that is shown");
    }
}
