//! What an operator does, and that a running server notices; who may make an account; what is kept and for how long.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use server::clock::Clock;
use server::config::Registration;
use server::upkeep::sweep_once;

use crate::support::client::{Person, TestServer};
use crate::support::eventually;
use crate::support::services::Place;
use crate::support::socket::Socket;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn login(server: &TestServer, name: &str, password: &str) -> (u16, Value) {
    server.nobody().post("/auth/login", &json!({"username": name, "password": password})).await
}

#[tokio::test]
async fn an_operator_makes_accounts_and_resets_passwords() {
    let server = TestServer::start_with(|config| config.registration = Registration::Closed).await;
    let made = server.command(&["user", "add", "Ada", "--display-name", "Ada L."], "").await.unwrap();
    assert_eq!(made.len(), 20, "a password was made: {made}");
    let (status, ada) = login(&server, "ada", &made).await;
    assert_eq!((status, &ada["user"]["display_name"]), (200, &json!("Ada L.")));
    let ada = server.nobody().with_token(&ada["access_token"]);
    let mut socket = Socket::of(&server, &ada.token).await;
    let words = ["user", "reset-password", "ada", "--password-stdin"];
    assert_eq!(
        server.command(&words, "another staple\n").await.unwrap(),
        "",
        "what was typed is not printed"
    );
    assert_eq!(ada.get("/me").await.0, 401);
    assert_eq!(socket.hear_a("bye").await["reason"], "logout");
    assert_eq!(
        (login(&server, "ada", &made).await.0, login(&server, "ada", "another staple").await.0),
        (401, 200)
    );

    for (words, input, says) in [
        (&["user", "add", "ada"][..], "", "taken"),
        (&["user", "add", "x"], "", "username"),
        (&["user", "add", "eve", "--password-stdin"], "qwertyuiop\n", "tried first"),
        (&["user", "reset-password", "nobody"], "", "no account named nobody"),
        (&["user", "disable", "nobody"], "", "no account named nobody"),
        (&["room", "takedown", "222222"], "", "no room"),
    ] {
        let refused = server.command(words, input).await.unwrap_err();
        assert!(refused.contains(says), "{words:?}: {refused}");
    }
    assert!(server.command(&["user", "list"], "").await.unwrap().contains("Ada L."));
}

#[tokio::test]
async fn a_disabled_account_is_out_everywhere_until_it_is_enabled() {
    let server = TestServer::start().await;
    let ada = server.host("ada").await;
    let mut socket = Socket::of(&server, &ada.token).await;
    server.command(&["user", "disable", "ada"], "").await.unwrap();
    assert_eq!(ada.get("/me").await.0, 401);
    assert_eq!(socket.hear_a("bye").await["reason"], "logout");
    assert_eq!(
        login(&server, "ada", "wrong horses").await.1["code"],
        "invalid_credentials",
        "tells strangers nothing"
    );
    assert_eq!(login(&server, "ada", "correct horse").await.1["code"], "account_disabled");
    server.command(&["user", "enable", "ada"], "").await.unwrap();
    assert_eq!(ada.get("/me").await.0, 401, "old sessions stay ended");
    assert_eq!(login(&server, "ada", "correct horse").await.0, 200);
}

#[tokio::test]
async fn the_rooms_of_a_disabled_account_are_taken_down_where_that_is_asked_for() {
    let server = TestServer::start().await;
    let (ada, eve) = (server.host("ada").await, server.host("eve").await);
    let mut theirs = Vec::new();
    for _ in 0..3 {
        theirs.push(ada.open_poll().await.0);
    }
    let (not_theirs, _) = eve.open_poll().await;
    server.command(&["room", "takedown", &theirs.remove(0)], "").await.unwrap();
    assert_eq!(server.command(&["user", "disable", "ada"], "").await.unwrap(), "", "rooms stay");
    let status = async |code: &str| eve.get(&format!("/rooms/{code}")).await.0;
    assert_eq!(status(&theirs[0]).await, 200);

    let printed = server.command(&["user", "disable", "ada", "--rooms"], "").await.unwrap();
    let mut codes: Vec<&str> = printed.lines().collect();
    codes.sort_unstable();
    theirs.sort_unstable();
    assert_eq!(codes, theirs, "those that it has taken down, and no others");
    for code in codes {
        assert_eq!(status(code).await, 404);
        server.command(&["room", "restore", code], "").await.unwrap();
        assert_eq!(eve.get(&format!("/rooms/{code}")).await.1["polls"][0]["state"], "closed");
    }
    assert_eq!(status(&not_theirs).await, 200);
}

async fn is_taken_down(server: &TestServer) {
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let voter = server.guest().await;
    let mut phone = Socket::of(server, &voter.token).await;
    phone.join(&code).await;
    server.command(&["room", "takedown", &code.to_lowercase()], "").await.unwrap();
    for person in [&host, &voter] {
        assert_eq!(person.get(&format!("/rooms/{code}")).await.1["code"], "no_such_room");
        assert_eq!(person.get(&format!("/polls/{poll}/results")).await.0, 404);
    }
    assert_eq!(host.get("/rooms").await.1["rooms"], json!([]));
    assert_eq!(phone.hear_a("room_closed").await["room"], json!(code));
    let body = json!({"choice": {"option": 0}});
    eventually("nothing is counted any more", async || {
        let (status, receipt) = voter.post(&format!("/polls/{poll}/votes"), &body).await;
        (status == 404 || receipt["reason"] == "closed").then_some(())
    })
    .await;
    server.command(&["room", "restore", &code], "").await.unwrap();
    let (_, room) = host.get(&format!("/rooms/{code}")).await;
    assert_eq!(room["polls"][0]["state"], "closed");
    host.post(&format!("/polls/{poll}/open"), &Value::Null).await;
    assert_eq!(voter.vote(&poll, json!({"option": 0})).await["choice"], json!({"option": 0}));
}

#[tokio::test]
async fn a_room_that_is_taken_down_is_gone_for_everybody_and_can_be_put_back() {
    is_taken_down(&TestServer::start().await).await;
}

#[tokio::test]
async fn a_room_is_taken_down_on_nodes_too() {
    is_taken_down(&TestServer::node(&Place::fresh().await).await).await;
}

#[tokio::test]
async fn accounts_are_by_invitation_where_that_is_set() {
    let server = TestServer::start_with(|config| config.registration = Registration::Invite).await;
    let register = async |name: &str, invitation: Value| {
        let body = json!({"username": name, "password": "correct horse", "invitation": invitation});
        server.nobody().post("/auth/register", &body).await
    };
    assert_eq!(register("ada", Value::Null).await.1["code"], "invitation_required");
    assert_eq!(register("ada", json!("nonsense")).await.1["code"], "invitation_invalid");
    let code = server.command(&["invite"], "").await.unwrap();
    let link = server.command(&["invite", "--public-url", "https://vote.example/"], "").await.unwrap();
    assert!(link.starts_with("https://vote.example/register?invitation="), "{link}");

    assert_eq!(register("a", json!(code)).await.0, 422, "a mistake uses nothing up");
    let racing = ["ada", "eve", "bob"].map(|name| register(name, json!(code.to_lowercase())));
    let racing = join_all(racing).await;
    assert_eq!(racing.iter().filter(|(status, _)| *status == 201).count(), 1, "{racing:?}");

    let page = server.nobody().request(Method::GET, "/register?invitation=ABC%22DEF").send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("name=\"invitation\"") && page.contains("ABC&quot;DEF"), "{page}");
    let by_form = link.rsplit('=').next().unwrap();
    let form = [("username", "carol"), ("password", "correct horse"), ("invitation", by_form)];
    let answer = server.nobody().request(Method::POST, "/register").form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 303);
}

#[tokio::test]
async fn an_invitation_is_good_for_a_while() {
    let ahead = Arc::new(AtomicI64::new(0));
    let clock = Clock::system().ahead_by(ahead.clone());
    let mut server = TestServer::start_by(clock).await;
    let code = server.command(&["invite", "--days", "2"], "").await.unwrap();
    server.state.services.registration = Registration::Invite;
    let hash =
        sha2::Digest::finalize(sha2::Digest::chain_update(<sha2::Sha256 as sha2::Digest>::new(), &code))
            .into();
    let store = &server.state.services.store;
    let is_good = async || store.is_invitation_good(hash, server.state.services.clock.now()).await.unwrap();
    assert!(is_good().await);
    ahead.store(i64::try_from(DAY.as_millis() * 2).unwrap(), Ordering::SeqCst);
    assert!(!is_good().await);
}

#[tokio::test]
async fn an_account_takes_all_that_is_held_about_it_along_and_goes() {
    let server = TestServer::start().await;
    let (ada, eve) = (server.host("ada").await, server.host("eve").await);
    let (code, poll) = ada.open_poll().await;
    let (theirs, in_theirs) = eve.open_poll().await;
    ada.vote(&in_theirs, json!({"option": 1})).await;
    server.trail_with("registered").await;
    let (status, held) = ada.get("/me/export").await;
    assert_eq!(status, 200, "{held}");
    assert_eq!(
        (&held["about"]["username"], held["sessions"].as_array().map(Vec::len)),
        (&json!("ada"), Some(1))
    );
    assert_eq!(held["rooms"][0]["room"]["polls"][0]["id"], json!(poll));
    assert_eq!(
        (&held["ballots"][0]["choice"], &held["ballots"][0]["question"]),
        (&json!({"option": 1}), &json!("Tea?"))
    );
    assert!(held["security_events"].as_array().unwrap().iter().any(|event| event["event"] == "registered"));
    assert!(!held.to_string().contains("argon2"), "no hash of the password");
    let guest = server.guest().await;
    guest.vote(&in_theirs, json!({"option": 0})).await;
    assert_eq!(guest.get("/me/export").await.1["ballots"][0]["choice"], json!({"option": 0}));

    assert_eq!(ada.delete("/me").await.0, 204);
    assert_eq!(server.nobody().get(&format!("/rooms/{code}")).await.0, 404);
    let (_, tally) = eve.get(&format!("/polls/{in_theirs}/results")).await;
    assert_eq!(tally["ballots"], 2, "votes elsewhere stay counted: {theirs}");
    let refused = server.command(&["audit", "--account", "ada"], "").await.unwrap_err();
    assert!(refused.contains("no account"), "{refused}");
}

#[tokio::test]
async fn rooms_in_which_nothing_happens_go_after_the_time_that_is_set() {
    let ahead = Arc::new(AtomicI64::new(0));
    let server = TestServer::start_by(Clock::system().ahead_by(ahead.clone())).await;
    let host = server.host("ada").await;
    let (unused, _) = host.open_poll().await;
    let (open, _) = host.open_poll().await;
    let (lately, later) = host.open_poll().await;
    let guest: Person = server.guest().await;
    let (_, named) = guest.patch("/me", &json!({"display_name": "Row 7"})).await;
    let (_, room) = host.get(&format!("/rooms/{unused}")).await;
    host.post(&format!("/polls/{}/close", room["polls"][0]["id"].as_str().unwrap()), &Value::Null).await;
    ahead.store(i64::try_from(DAY.as_millis() * 20).unwrap(), Ordering::SeqCst);
    let (_, again) = login(&server, "ada", "correct horse").await;
    let host = server.nobody().with_token(&again["access_token"]);
    host.post(&format!("/polls/{later}/close"), &Value::Null).await;
    ahead.store(i64::try_from(DAY.as_millis() * 31).unwrap(), Ordering::SeqCst);
    let services = &server.state.services;
    sweep_once(services, None).await.unwrap();
    assert_eq!(
        server.nobody().get(&format!("/rooms/{unused}")).await.0,
        200,
        "kept for ever unless it is set"
    );
    sweep_once(services, Some(DAY * 30)).await.unwrap();
    let statuses = join_all([&unused, &open, &lately].map(|code| {
        let nobody = server.nobody();
        async move { nobody.get(&format!("/rooms/{code}")).await.0 }
    }))
    .await;
    assert_eq!(statuses, [404, 200, 200]);
    assert_eq!(guest.get("/me").await.1["display_name"], "Row 7", "its token is good for a year");
    ahead.store(i64::try_from(DAY.as_millis() * 366).unwrap(), Ordering::SeqCst);
    sweep_once(services, Some(DAY * 30)).await.unwrap();
    let id = named["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(services.store.guest_name(id).await.unwrap(), Some(None));
}

#[tokio::test]
async fn every_page_links_to_what_the_operator_has_to_say() {
    let server = TestServer::start_with(|config| {
        config.imprint_url = Some("https://example.org/imprint?a=1&b=\"2\"".into());
        config.privacy_url = Some("/privacy.html".into());
    })
    .await;
    let host = server.host("ada").await;
    let (code, _) = host.open_poll().await;
    for path in ["/", "/login", "/register", "/nope", &format!("/r/{code}")] {
        let page = server.nobody().request(Method::GET, path).send().await.unwrap().text().await.unwrap();
        assert!(
            page.contains("href=\"https://example.org/imprint?a=1&amp;b=&quot;2&quot;\""),
            "{path}: {page}"
        );
        assert!(page.contains("href=\"/privacy.html\""), "{path}");
    }
}
