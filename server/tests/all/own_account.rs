//! The page where somebody decides about themselves, as a browser without scripts uses it.

use futures_util::future::join_all;
use reqwest::{Method, Response};
use serde_json::json;

use crate::support::client::{Person, TestServer};

async fn send(who: &Person, form: &[(&str, &str)]) -> Response {
    who.request(Method::POST, "/account").form(form).send().await.unwrap()
}

async fn done(who: &Person, form: &[(&str, &str)]) -> String {
    let answer = send(who, form).await;
    assert_eq!(answer.status(), 303, "{form:?}");
    answer.headers()["location"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it_and_never_drawn_again() {
    let server = TestServer::start().await;
    let ada = server.host("ada").await;
    let wrong = [("action", "password"), ("current", "wrong horses"), ("new", "battery staple")];
    let answer = send(&ada, &wrong).await;
    assert_eq!(answer.status(), 422);
    let page = answer.text().await.unwrap();
    assert!(page.contains("is not your password"), "{page}");
    assert!(!page.contains("wrong horses") && !page.contains("battery staple"), "{page}");
    let right = [("action", "password"), ("current", "correct horse"), ("new", "battery staple")];
    assert_eq!(done(&ada, &right).await, "/account?done=password");
    let login = json!({"username": "ada", "password": "battery staple"});
    assert_eq!(server.nobody().post("/auth/login", &login).await.0, 200);
}

#[tokio::test]
async fn sessions_are_ended_one_by_one_or_all_others_and_never_anothers() {
    let server = TestServer::start().await;
    let (ada, eve) = (server.host("ada").await, server.host("eve").await);
    let login = json!({"username": "ada", "password": "correct horse"});
    let (_, second) = server.nobody().post("/auth/login", &login).await;
    let second = server.nobody().with_token(&second["access_token"]);
    let (_, listed) = second.get("/me/sessions").await;
    let own = listed["sessions"].as_array().unwrap().iter().find(|session| session["current"] == true);
    let own = own.unwrap()["id"].as_str().unwrap();
    let end = [("action", "end"), ("session", own)];
    assert_eq!(send(&eve, &end).await.status(), 404);
    assert_eq!(send(&eve, &[("action", "end"), ("session", "x")]).await.status(), 404);
    assert_eq!(second.get("/me").await.0, 200);
    assert_eq!(done(&ada, &end).await, "/account?done=end");
    assert_eq!(second.get("/me").await.0, 401);

    let (_, third) = server.nobody().post("/auth/login", &login).await;
    let third = server.nobody().with_token(&third["access_token"]);
    assert_eq!(done(&ada, &[("action", "end_others")]).await, "/account?done=end_others");
    assert_eq!((third.get("/me").await.0, ada.get("/me").await.0), (401, 200));
}

#[tokio::test]
async fn an_account_is_not_deleted_by_accident_and_a_guest_has_none() {
    let server = TestServer::start().await;
    let (ada, guest) = (server.host("ada").await, server.guest().await);
    for form in [
        &[("action", "delete")][..],
        &[("action", "delete"), ("confirm", "eve")],
        // That is for guests.
        &[("action", "forget")],
    ] {
        assert_eq!(send(&ada, form).await.status(), 422, "{form:?}");
    }
    assert_eq!(send(&guest, &[("action", "delete"), ("confirm", "")]).await.status(), 422);
    assert_eq!(done(&ada, &[("action", "delete"), ("confirm", " ADA ")]).await, "/");
    assert_eq!(ada.get("/me").await.0, 401);

    let forgotten = send(&guest, &[("action", "forget")]).await;
    let cookie = forgotten.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("voxpop_guest=;") && cookie.contains("Max-Age=0"), "{cookie}");
    assert_eq!(guest.get("/me").await.0, 401);
    assert_eq!(send(&server.nobody(), &[("action", "forget")]).await.status(), 401);
}

#[tokio::test]
async fn an_export_comes_to_its_end_compressed_as_browsers_ask_for_it() {
    let server = TestServer::start().await;
    let ada = server.host("ada").await;
    ada.open_poll().await;
    for encoding in ["identity", "br"] {
        let asked = ada.request(Method::GET, "/api/v1/me/export").header("accept-encoding", encoding);
        let answer = asked.send().await.unwrap();
        assert_eq!(answer.headers().contains_key("content-encoding"), encoding != "identity", "{encoding}");
        assert!(answer.bytes().await.is_ok_and(|whole| !whole.is_empty()), "{encoding}");
    }
}

#[tokio::test]
async fn what_cannot_be_stored_just_now_is_said_on_the_page() {
    let server = TestServer::start().await;
    let (ada, guest) = (server.host("ada").await, server.guest().await);
    guest.patch("/me", &json!({"display_name": "Row 7"})).await;
    let login = json!({"username": "ada", "password": "correct horse"});
    server.nobody().post("/auth/login", &login).await;
    let (code, _) = ada.open_poll().await;
    ada.post(&format!("/rooms/{code}/tickets"), &json!({"count": 1})).await;
    let (tickets, edit) = (format!("/rooms/{code}/tickets"), format!("/rooms/{code}/edit"));
    let forms = [
        (&ada, "/account", ("action", "end_others"), ("", "")),
        (&ada, "/account", ("action", "rename"), ("display_name", "Ada")),
        (&guest, "/account", ("action", "forget"), ("", "")),
        (&ada, "/rooms", ("action", "create"), ("title", "Tea")),
        (&ada, &tickets, ("action", "make"), ("count", "1")),
        (&ada, &tickets, ("action", "delete_unused"), ("", "")),
        (&ada, &edit, ("action", "settings"), ("title", "Coffee")),
    ];
    // Who writes keeps all others from it.
    let writing = server.state.services.store.begin().await.unwrap();
    let answers = join_all(forms.map(async |(who, place, action, more)| {
        let answer = who.request(Method::POST, place).form(&[action, more]).send().await.unwrap();
        (place, action, answer.status().as_u16(), answer.text().await.unwrap())
    }));
    for (place, (_, action), status, page) in answers.await {
        assert_eq!(status, 503, "{place} {action}: {page}");
        assert!(page.contains("The server is very busy."), "{place} {action}: {page}");
    }
    drop(writing);
}

#[tokio::test]
async fn another_process_that_writes_for_long_makes_the_server_busy_and_not_broken() {
    let server = TestServer::start().await;
    let ada = server.host("ada").await;
    let mut other = server.database().await;
    sqlx::query("BEGIN IMMEDIATE").execute(&mut other).await.unwrap();
    let (status, answer) = ada.post("/rooms", &json!({"title": "Tea"})).await;
    assert_eq!((status, &answer["code"]), (503, &json!("overloaded")), "{answer}");
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert_eq!(ada.post("/rooms", &json!({"title": "Tea"})).await.0, 201);
}
