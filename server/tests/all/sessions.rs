//! Sessions: how they are renewed, who can end them, and that an ended one is worth nothing anywhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::{COOKIE, SET_COOKIE};
use serde_json::{Value, json};
use server::clock::Clock;
use sha2::{Digest, Sha256};

use crate::support::client::{Person, TestServer};
use crate::support::eventually;
use crate::support::services::Place;
use crate::support::socket::{Socket, ballot};

const PASSWORD: &str = "correct horse";

async fn sign_up(server: &TestServer, name: &str) -> Value {
    let body = json!({"username": name, "password": PASSWORD});
    let (status, answer) = server.nobody().post("/auth/register", &body).await;
    assert_eq!(status, 201, "{answer}");
    answer
}

async fn sign_in(server: &TestServer, name: &str, password: &str) -> (u16, Value) {
    server.nobody().post("/auth/login", &json!({"username": name, "password": password})).await
}

async fn refresh(server: &TestServer, token: &Value) -> (u16, Value) {
    server.nobody().post("/auth/refresh", &json!({"refresh_token": token})).await
}

fn holder(server: &TestServer, answer: &Value) -> Person {
    server.nobody().with_token(&answer["access_token"])
}

/// A clock that the test moves, and what moves it.
fn moved_clock() -> (Clock, Arc<AtomicI64>) {
    let ahead = Arc::new(AtomicI64::new(0));
    (Clock::system().ahead_by(ahead.clone()), ahead)
}

fn pass(ahead: &AtomicI64, time: Duration) {
    ahead.fetch_add(i64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
}

/// The cookies that an answer sets, as a browser sends them back.
fn cookies(response: &reqwest::Response) -> String {
    let set = response.headers().get_all(SET_COOKIE).iter().map(|line| line.to_str().unwrap());
    set.map(|line| line.split(';').next().unwrap()).collect::<Vec<_>>().join("; ")
}

async fn signed_in_browser(server: &TestServer, name: &str) -> String {
    sign_up(server, name).await;
    let form = [("username", name), ("password", PASSWORD)];
    let answer = server.nobody().request(Method::POST, "/login").form(&form).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    cookies(&answer)
}

async fn visit(server: &TestServer, path: &str, cookies: &str) -> reqwest::Response {
    server.nobody().request(Method::GET, path).header(COOKIE, cookies).send().await.unwrap()
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_its_reuse_ends_the_session() {
    let server = TestServer::start().await;
    let first = sign_up(&server, "ada").await;
    let mut socket = Socket::of(&server, &holder(&server, &first).token).await;
    let (status, second) = refresh(&server, &first["refresh_token"]).await;
    assert_eq!((status, &second["expires_in"], &second["user"]), (200, &json!(600), &first["user"]));
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    let (status, again) = refresh(&server, &first["refresh_token"]).await;
    assert_eq!(
        (status, &again["refresh_token"]),
        (200, &second["refresh_token"]),
        "the answer may have been lost"
    );
    let (status, third) = refresh(&server, &second["refresh_token"]).await;
    assert_eq!(status, 200);
    let newest = holder(&server, &third);
    assert_eq!(newest.get("/me").await.0, 200);

    let (status, reused) = refresh(&server, &first["refresh_token"]).await;
    assert_eq!((status, &reused["code"]), (401, &json!("invalid_token")));
    assert_eq!(refresh(&server, &third["refresh_token"]).await.0, 401, "the whole family is gone");
    assert_eq!(newest.get("/me").await.0, 401);
    assert_eq!(socket.hear_a("bye").await["reason"], "logout");
    assert_eq!(socket.closed_with().await, Some(4401));
    assert_eq!(sign_in(&server, "ada", PASSWORD).await.0, 200);
}

#[tokio::test]
async fn the_grace_for_a_lost_answer_is_short() {
    let (clock, ahead) = moved_clock();
    let server = TestServer::start_by(clock).await;
    let first = sign_up(&server, "ada").await;
    let (_, second) = refresh(&server, &first["refresh_token"]).await;
    pass(&ahead, Duration::from_secs(59));
    assert_eq!(refresh(&server, &first["refresh_token"]).await.0, 200, "an answer may take 30 seconds");
    pass(&ahead, Duration::from_secs(2));
    assert_eq!(refresh(&server, &first["refresh_token"]).await.0, 401);
    assert_eq!(refresh(&server, &second["refresh_token"]).await.0, 401);
}

#[tokio::test]
async fn one_refresh_token_asked_for_many_times_at_once_has_one_successor() {
    let server = TestServer::start().await;
    let first = sign_up(&server, "ada").await;
    let answers = join_all((0..12).map(|_| refresh(&server, &first["refresh_token"]))).await;
    for (status, answer) in &answers {
        assert_eq!((*status, &answer["refresh_token"]), (200, &answers[0].1["refresh_token"]), "{answer}");
    }
}

#[tokio::test]
async fn refresh_tokens_that_are_none_are_refused_and_harm_nobody() {
    let server = TestServer::start().await;
    let ada = sign_up(&server, "ada").await;
    let good = ada["refresh_token"].as_str().unwrap();
    assert_eq!(server.nobody().post("/auth/refresh", &Value::Null).await.1["code"], "not_authenticated");
    for wrong in
        ["", "x", ".", &good[..good.len() - 1], &format!("{good}0"), ada["access_token"].as_str().unwrap()]
    {
        assert_eq!(refresh(&server, &json!(wrong)).await.0, 401, "{wrong}");
    }
    assert_eq!(refresh(&server, &json!(good)).await.0, 200);
    assert_eq!(
        holder(&server, &ada).with_token(&json!(good)).get("/me").await.0,
        401,
        "it is no access token"
    );
}

#[tokio::test]
async fn a_session_ends_by_itself_when_unused() {
    let (clock, ahead) = moved_clock();
    let server = TestServer::start_by(clock).await;
    let first = sign_up(&server, "ada").await;
    pass(&ahead, Duration::from_secs(601));
    assert_eq!(holder(&server, &first).get("/me").await.1["code"], "invalid_token", "after ten minutes");
    pass(&ahead, Duration::from_secs(13 * 24 * 3600));
    let (status, second) = refresh(&server, &first["refresh_token"]).await;
    assert_eq!(status, 200);
    pass(&ahead, Duration::from_secs(14 * 24 * 3600 + 1));
    assert_eq!(refresh(&server, &second["refresh_token"]).await.0, 401);
}

#[tokio::test]
async fn a_logged_out_token_is_refused_on_http_and_its_socket_closed_on_another_node_too() {
    let place = Place::fresh().await;
    let (one, two) = (TestServer::node(&place).await, TestServer::node(&place).await);
    let mut ada = sign_up(&one, "ada").await;
    let mut took = Vec::new();
    for _ in 0..7 {
        let (here, there) = (holder(&one, &ada), holder(&two, &ada));
        let mut sockets = [Socket::of(&one, &here.token).await, Socket::of(&two, &there.token).await];
        assert_eq!(here.post("/auth/logout", &Value::Null).await.0, 204);
        let ended = Instant::now();
        for socket in &mut sockets {
            assert_eq!(socket.hear_a("bye").await["reason"], "logout");
            assert_eq!(socket.closed_with().await, Some(4401));
        }
        took.push(ended.elapsed());
        for person in [&here, &there] {
            assert_eq!(person.get("/me").await.1["code"], "invalid_token");
        }
        assert_eq!(refresh(&two, &ada["refresh_token"]).await.0, 401);
        ada = sign_in(&one, "ada", PASSWORD).await.1;
    }
    // Within a second is promised. Were it not told at once, it would be noticed within five: here the middle one tells them
    // apart, and a machine that stands still for a moment changes nothing.
    took.sort_unstable();
    assert!(took[took.len() / 2] < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn an_open_socket_goes_on_when_its_token_expires_for_as_long_as_its_session_does() {
    let (clock, ahead) = moved_clock();
    let server = TestServer::start_by(clock).await;
    let ada = sign_up(&server, "ada").await;
    let person = holder(&server, &ada);
    let mut socket = Socket::of(&server, &person.token).await;
    for _ in 0..3 {
        pass(&ahead, Duration::from_secs(9 * 60 + 59));
        socket.hear_all().await;
        socket.hear_all().await;
    }
    assert_eq!(person.get("/me").await.0, 401, "the token itself has expired");
    let (services, user) = (&server.state.services, ada["user"]["id"].as_str().unwrap().parse().unwrap());
    let session = async || services.store.sessions_of(user, services.clock.now()).await.unwrap().remove(0);
    eventually("an open page is a session in use", async || {
        let unseen = services.clock.now().since(session().await.seen_at);
        (unseen < Duration::from_secs(60)).then_some(())
    })
    .await;
    // Ended behind the server's back: nobody is told.
    services.store.end_session(session().await.id, services.clock.now()).await.unwrap();
    pass(&ahead, Duration::from_secs(10 * 60));
    socket.say(&json!({"type": "ping"})).await;
    assert_eq!(socket.hear_a("bye").await["reason"], "logout");
    assert_eq!(socket.closed_with().await, Some(4401));
}

#[tokio::test]
async fn a_socket_takes_a_fresh_token_of_its_owner_and_stays_where_it_is() {
    let server = TestServer::start().await;
    let first = sign_up(&server, "ada").await;
    let ada = holder(&server, &first);
    let (code, poll) = ada.open_poll().await;
    let mut socket = Socket::of(&server, &ada.token).await;
    socket.join(&code).await;
    let (_, second) = sign_in(&server, "ada", PASSWORD).await;
    socket.say(&json!({"type": "auth", "token": second["access_token"]})).await;
    assert_eq!(socket.hear_a("hello").await["you"]["id"], first["user"]["id"]);
    let receipt = socket.vote(&poll, ballot(1), json!({"option": 0})).await;
    assert_eq!(receipt["status"], "recorded", "without another join: {receipt}");
    // The session that the socket was opened in is its own no more.
    assert_eq!(ada.post("/auth/logout", &Value::Null).await.0, 204);
    assert_eq!(socket.vote(&poll, ballot(2), json!({"option": 1})).await["status"], "recorded");
    assert_eq!(holder(&server, &second).post("/auth/logout", &Value::Null).await.0, 204);
    assert_eq!(socket.hear_a("bye").await["reason"], "logout");
}

#[tokio::test]
async fn refresh_tokens_are_stored_as_hashes_only() {
    let server = TestServer::start().await;
    let first = sign_up(&server, "ada").await;
    let (_, second) = refresh(&server, &first["refresh_token"]).await;
    let stored = server.stored_bytes();
    let holds = |bytes: &[u8]| stored.windows(bytes.len()).any(|window| window == bytes);
    for token in [&first["refresh_token"], &second["refresh_token"]] {
        let (_, hex) = token.as_str().unwrap().split_once('.').unwrap();
        let digits = hex.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
        let secret: Vec<u8> = digits.map(|pair| u8::from_str_radix(pair, 16).unwrap()).collect();
        assert!(holds(&Sha256::digest(&secret)), "the newest two are known by their hashes");
        assert!(!holds(hex.as_bytes()) && !holds(&secret), "and not as they were handed out");
    }
}

#[tokio::test]
async fn a_link_from_elsewhere_shows_who_is_signed_in_and_renews_nothing() {
    let (clock, ahead) = moved_clock();
    let server = TestServer::start_by(clock).await;
    let jar = signed_in_browser(&server, "ada").await;
    let refresh_alone = jar.split("; ").find(|cookie| cookie.starts_with("voxpop_refresh=")).unwrap();
    let follow = async |jar: &str| {
        let asked = server.nobody().request(Method::GET, "/rooms").header(COOKIE, jar);
        let asked = asked.header("sec-fetch-site", "cross-site").header("sec-fetch-dest", "document");
        asked.send().await.unwrap()
    };
    for jar in [jar.as_str(), refresh_alone] {
        pass(&ahead, Duration::from_secs(11 * 60));
        let page = follow(jar).await;
        assert_eq!((page.status().as_u16(), page.headers().get(SET_COOKIE)), (200, None));
    }
    let own = visit(&server, "/rooms", refresh_alone).await;
    assert_eq!(own.status(), 200, "it is good for the site's own pages after that");
    assert!(cookies(&own).contains("voxpop_refresh="));
    pass(&ahead, Duration::from_secs(2 * 60));
    assert_eq!(follow(refresh_alone).await.status(), 303, "what was renewed long ago is no sign-in");
    assert_eq!(visit(&server, "/rooms", &cookies(&own)).await.status(), 200, "and harms nobody");
}

#[tokio::test]
async fn sessions_are_listed_and_ended_by_their_owner_alone() {
    let server = TestServer::start().await;
    let (first, (_, second)) = (sign_up(&server, "ada").await, sign_in(&server, "ada", PASSWORD).await);
    let (phone, laptop, eve) = (holder(&server, &first), holder(&server, &second), server.host("eve").await);
    let (_, listed) = laptop.get("/me/sessions").await;
    let sessions = listed["sessions"].as_array().unwrap();
    assert_eq!(
        sessions.iter().map(|session| &session["current"]).collect::<Vec<_>>(),
        [&json!(true), &json!(false)]
    );
    let of_phone = sessions[1]["id"].as_str().unwrap();
    assert_eq!(eve.delete(&format!("/me/sessions/{of_phone}")).await.1["code"], "no_such_session");
    assert_eq!(laptop.delete("/me/sessions/nonsense").await.0, 404);
    assert_eq!(phone.get("/me").await.0, 200);
    assert_eq!(laptop.delete(&format!("/me/sessions/{of_phone}")).await.0, 204);
    assert_eq!(phone.get("/me").await.0, 401);
    assert_eq!(laptop.delete(&format!("/me/sessions/{of_phone}")).await.0, 404);

    let (_, third) = sign_in(&server, "ada", PASSWORD).await;
    assert_eq!(laptop.delete("/me/sessions").await.0, 204);
    assert_eq!((holder(&server, &third).get("/me").await.0, laptop.get("/me").await.0), (401, 200));
    assert_eq!(server.guest().await.get("/me/sessions").await.1["code"], "account_required");
    assert_eq!(server.nobody().get("/me/sessions").await.0, 401);
}

#[tokio::test]
async fn a_new_password_ends_all_other_sessions() {
    let server = TestServer::start().await;
    let (first, (_, second)) = (sign_up(&server, "ada").await, sign_in(&server, "ada", PASSWORD).await);
    let (other, mine) = (holder(&server, &first), holder(&server, &second));
    let change = async |current: &str, new: &str| {
        mine.post("/me/password", &json!({"current": current, "new": new})).await
    };
    assert_eq!(change("wrong horses", "another staple").await.1["code"], "wrong_password");
    let (status, short) = change(PASSWORD, "short").await;
    assert_eq!((status, &short["errors"][0]["field"]), (422, &json!("new")));
    assert_eq!(other.get("/me").await.0, 200, "nothing has happened yet");
    assert_eq!(change(PASSWORD, "another staple").await.0, 204);
    assert_eq!((other.get("/me").await.0, mine.get("/me").await.0), (401, 200));
    assert_eq!(sign_in(&server, "ada", PASSWORD).await.0, 401);
    assert_eq!(sign_in(&server, "ada", "another staple").await.0, 200);
}

#[tokio::test]
async fn a_browser_stays_signed_in_over_expired_access_cookies() {
    let (clock, ahead) = moved_clock();
    let server = TestServer::start_by(clock).await;
    let first = signed_in_browser(&server, "ada").await;
    assert!(first.contains("voxpop_session=") && first.contains("voxpop_refresh="), "{first}");
    assert_eq!(cookies(&visit(&server, "/rooms", &first).await), "", "nothing to renew yet");
    pass(&ahead, Duration::from_secs(601));
    // Several pages and the API at once, as a browser does that restores its tabs.
    let pages =
        join_all(["/rooms", "/", "/api/v1/rooms", "/rooms"].map(|path| visit(&server, path, &first))).await;
    for page in &pages {
        assert_eq!((page.status().as_u16(), page.url().path()), (200, page.url().path()));
        assert!(cookies(page).contains("voxpop_session="), "{page:?}");
    }
    let second = cookies(&pages[0]);
    assert_eq!(visit(&server, "/api/v1/me", &second).await.status(), 200);
    pass(&ahead, Duration::from_secs(601));
    // The access cookie is gone by then: only the refresh cookie comes.
    let only = second.split("; ").find(|cookie| cookie.starts_with("voxpop_refresh=")).unwrap();
    assert_eq!(visit(&server, "/api/v1/me", only).await.status(), 200);
    // The first refresh token again: a thief's.
    let stolen = visit(&server, "/rooms", &first).await;
    assert_eq!(stolen.status(), 303, "to the sign-in page");
    assert_eq!(visit(&server, "/api/v1/me", only).await.status(), 401);
}

#[tokio::test]
async fn a_form_signs_out_with_an_expired_access_cookie_too() {
    let (clock, ahead) = moved_clock();
    let server = TestServer::start_by(clock).await;
    let jar = signed_in_browser(&server, "ada").await;
    pass(&ahead, Duration::from_secs(601));
    let answer = server.nobody().request(Method::POST, "/logout").header(COOKIE, &jar).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    let last = cookies(&answer);
    assert!(last.ends_with("voxpop_session=; voxpop_refresh="), "what signs out comes last: {last}");
    assert_eq!(visit(&server, "/api/v1/me", &jar).await.status(), 401);
}

#[tokio::test]
async fn scripts_of_a_page_are_not_told_the_refresh_token() {
    let server = TestServer::start().await;
    sign_up(&server, "ada").await;
    let login = || {
        let body = json!({"username": "ada", "password": PASSWORD});
        server.nobody().request(Method::POST, "/api/v1/auth/login").json(&body)
    };
    let browser = login().header("sec-fetch-site", "same-origin").send().await.unwrap();
    let jar = cookies(&browser);
    assert!(browser.json::<Value>().await.unwrap().get("refresh_token").is_none());
    let program = login().send().await.unwrap().json::<Value>().await.unwrap();
    assert!(program["refresh_token"].is_string());
    let renewed =
        server.nobody().request(Method::POST, "/api/v1/auth/refresh").header(COOKIE, jar).send().await;
    assert_eq!(renewed.unwrap().status(), 200, "a browser's cookie does it");
}

#[tokio::test]
async fn tokens_of_an_old_key_are_good_until_it_is_taken_out() {
    let place = Place::fresh().await;
    let (old, new) = ("an old key that is long enough for it", "a new key that is long enough for it!");
    let with = async |keys: String| {
        TestServer::node_with(&place, |config| config.jwt_key = Some(keys.as_str().into())).await
    };
    let before = with(old.into()).await;
    let guest = before.guest().await;
    let ada = sign_up(&before, "ada").await;
    let between = with(format!("{new},{old}")).await;
    assert_eq!(between.visited_by(&guest).get("/me").await.0, 200);
    assert_eq!(holder(&between, &ada).get("/me").await.0, 200);
    let jar = format!("voxpop_guest={}", guest.token.as_ref().unwrap());
    let fresh = cookies(&visit(&between, "/", &jar).await);
    assert!(fresh.starts_with("voxpop_guest=") && fresh != jar, "a token of the new key: {fresh}");
    let after = with(new.into()).await;
    assert_eq!(after.visited_by(&guest).get("/me").await.0, 401);
    assert_eq!(visit(&after, "/api/v1/me", &fresh).await.status(), 200);
    assert_eq!(
        refresh(&after, &ada["refresh_token"]).await.0,
        200,
        "a session outlives the key of its tokens"
    );
}
