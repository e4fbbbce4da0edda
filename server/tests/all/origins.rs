//! What keeps pages of other sites out, and every answer in its place.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::client::TestServer;
use crate::support::socket::Socket;

#[tokio::test]
async fn pages_of_other_sites_cannot_act_for_a_visitor() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let cookie = format!("voxpop_session={}", host.token.as_ref().unwrap());
    let own = server.url("");
    let try_with = async |path: &str, header: Option<(&str, &str)>| {
        let mut request = server
            .nobody()
            .request(Method::POST, path)
            .header("cookie", &cookie)
            .json(&json!({"title": "Mine"}));
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        request.send().await.unwrap().status().as_u16()
    };
    for foreign in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for path in ["/api/v1/rooms", "/fn/create_room", "/rooms", "/logout", "/login"] {
            assert_eq!(try_with(path, Some(foreign)).await, 403, "{path} {foreign:?}");
        }
    }
    assert_eq!(try_with("/api/v1/rooms", Some(("origin", &own))).await, 201);
    assert_eq!(try_with("/api/v1/rooms", Some(("sec-fetch-site", "same-origin"))).await, 201);
    assert_eq!(host.get("/rooms").await.1["rooms"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn over_https_a_name_that_was_made_to_lead_here_is_no_way_in() {
    let over_https =
        |config: &mut server::config::Config| config.public_url = Some("https://vote.example".into());
    let server = TestServer::start_with(over_https).await;
    let try_with = async |origin: &str, host: &str| {
        let request = server.nobody().request(Method::POST, "/api/v1/auth/guest");
        let posted = request.header("origin", origin).header("host", host).send().await.unwrap().status();
        let headers = [("origin", origin), ("host", host)];
        let opened = Socket::open(&server, &headers).await;
        (posted.as_u16(), opened.is_ok())
    };
    assert_eq!(try_with("http://rebound.example:3000", "rebound.example:3000").await, (403, false));
    assert_eq!(try_with("https://vote.example", "rebound.example:3000").await, (201, true));
    assert_eq!(try_with("https://vote.example", "vote.example").await, (201, true));
    // Without an origin it is a program: whoever looks after the server comes by its address.
    assert_eq!(server.nobody().request(Method::GET, "/readyz").send().await.unwrap().status(), 200);
    assert_eq!(server.nobody().post("/auth/guest", &Value::Null).await.0, 201);
}

#[tokio::test]
async fn every_answer_carries_the_headers_that_keep_it_in_its_place() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, _) = host.open_poll().await;
    let mut nonces = Vec::new();
    for path in ["/", "/login", &format!("/r/{code}"), "/nowhere"] {
        let response = server.nobody().request(Method::GET, path).send().await.unwrap();
        let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(!policy.contains("unsafe-inline") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        let nonce =
            policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap().to_owned();
        let page = response.text().await.unwrap();
        assert!(page.contains(&nonce) && !page.contains(" style=") && !page.contains(" onclick="), "{path}");
        nonces.push(nonce);
    }
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 4, "a nonce is used once");
    let api = server.nobody().request(Method::GET, "/api/v1/openapi.json").send().await.unwrap();
    assert_eq!(api.headers()["x-content-type-options"], "nosniff");
    assert_eq!(api.json::<Value>().await.unwrap()["openapi"], "3.1.0");
}

#[tokio::test]
async fn what_other_sites_draw_uses_up_nobodys_limits() {
    let server = TestServer::start_with(|config| {
        config.doors.limit_misses = "3/1h".parse().unwrap();
        config.doors.limit_guests = "3/1h".parse().unwrap();
    })
    .await;
    let (code, _) = server.host("ada").await.open_poll().await;
    let room = format!("/r/{code}");
    let ask = async |path: &str, what: &str| {
        let asked = server.nobody().request(Method::GET, path);
        let asked = asked.header("sec-fetch-site", "cross-site").header("sec-fetch-dest", what);
        asked.send().await.unwrap().status().as_u16()
    };
    for _ in 0..10 {
        for (path, what) in [
            ("/join?code=222222", "image"),
            (room.as_str(), "image"),
            (&room, "iframe"),
            ("/pkg/x.js", "script"),
        ] {
            assert_eq!(ask(path, what).await, 403, "{path} {what}");
        }
    }
    assert_eq!(ask(&room, "document").await, 200, "a link that somebody follows");
    assert_eq!(server.nobody().get("/rooms/222222").await.0, 404, "codes may be mistyped here");
}
