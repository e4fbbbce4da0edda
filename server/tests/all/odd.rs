//! Odd requests: headers of any shape, odd numbers in every body, every body spoilt in one place. Each is answered, never by
//! a failure inside, and what is refused says why by a code.

use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, TestRunner};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

use crate::support::client::{Person, TestServer};

const DOCUMENT: &str = include_str!("../../src/http/openapi.json");

/// What the API and the pages' functions take, as it should be. `CODE`, `POLL` and `DRAFT` stand for what is there.
#[rustfmt::skip]
fn bodies() -> Vec<(&'static str, &'static str, Value)> {
    let poll = || json!({"question": "?", "kind": {"type": "multiple", "min": 1, "max": 2}, "options": ["a", "b"]});
    let settings = || json!({"results": "always", "change_vote": true, "voters": "guest"});
    let vote = json!({"ballot": "019a9f3e-0000-7000-8000-000000000001", "choice": {"options": [0, 1]}});
    vec![
        ("POST", "/auth/register", json!({"username": "fuzz", "password": "correct horse", "display_name": "F", "invitation": "x", "room": "CODE"})),
        ("POST", "/auth/login", json!({"username": "fuzz", "password": "correct horse", "room": "CODE"})),
        ("POST", "/auth/refresh", json!({"refresh_token": "x.y"})),
        ("PATCH", "/me", json!({"display_name": "F"})),
        ("POST", "/me/password", json!({"current": "wrong horses", "new": "battery staple"})),
        ("POST", "/rooms", json!({"title": "T", "settings": settings(), "polls": [poll(), {"question": "?", "kind": {"type": "rating", "max": 5}}]})),
        ("PATCH", "/rooms/{code}", json!({"title": "T", "settings": settings(), "poll_order": ["POLL", "DRAFT"]})),
        ("PUT", "/rooms/{code}/current", json!({"poll": "POLL"})),
        ("POST", "/rooms/{code}/tickets", json!({"count": 1})),
        ("POST", "/rooms/{code}/ticket", json!({"ticket": "22222-22222"})),
        ("POST", "/rooms/{code}/polls", poll()),
        ("PATCH", "/polls/{id}", poll()),
        ("POST", "/polls/{id}/open", json!({"duration_secs": 600_000})),
        ("POST", "/polls/{id}/votes", json!({"choice": {"option": 0}})),
        ("POST", "/polls/{id}/votes", json!({"choice": {"rating": 0}})),
        ("POST", "/polls/{id}/votes", json!({"choice": {"ranking": [1, 0]}})),
        ("POST", "/polls/{id}/votes", vote),
        ("POST", "/fn/load_room", json!({"code": "CODE"})),
        ("POST", "/fn/duplicate_room", json!({"code": "222222"})),
        ("POST", "/fn/delete_room", json!({"code": "222222"})),
        ("POST", "/fn/delete_poll", json!({"poll": "019a9f3e-0000-7000-8000-000000000001"})),
        ("POST", "/fn/create_room", json!({"room": {"title": "T", "settings": settings(), "polls": [poll()]}})),
        ("POST", "/fn/load_rooms", json!({"search": "T", "cursor": "x"})),
        ("POST", "/fn/change_room", json!({"code": "CODE", "patch": {"title": "T", "settings": settings()}})),
        ("POST", "/fn/add_poll", json!({"code": "CODE", "poll": poll()})),
        ("POST", "/fn/change_poll", json!({"poll": "DRAFT", "patch": poll()})),
        ("POST", "/fn/set_current", json!({"code": "CODE", "poll": "POLL"})),
        ("POST", "/fn/act", json!({"poll": "POLL", "action": {"open": 600_000}})),
    ]
}

/// A server with a room, an open poll and a draft in it, and its host.
struct Ground {
    runtime: Runtime,
    server: TestServer,
    host: Person,
    code: String,
    poll: String,
    draft: String,
}

impl Ground {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let made = runtime.block_on(async {
            let behind_proxy = |config: &mut server::config::Config| {
                config.trusted_proxies = vec!["127.0.0.1".parse().unwrap()]
            };
            let server = TestServer::start_with(behind_proxy).await;
            let host = server.host("ada").await;
            let (code, poll) = host.open_poll().await;
            let draft = json!({"question": "?", "kind": {"type": "rating", "max": 5}});
            let (_, draft) = host.post(&format!("/rooms/{code}/polls"), &draft).await;
            (server, host, code, poll, draft["id"].as_str().unwrap().to_owned())
        });
        let (server, host, code, poll, draft) = made;
        Self { runtime, server, host, code, poll, draft }
    }

    fn filled(&self, text: &str) -> String {
        let with =
            [("{code}", &self.code), ("CODE", &self.code), ("POLL", &self.poll), ("DRAFT", &self.draft)];
        with.into_iter().fold(text.to_owned(), |text, (place, with)| text.replace(place, with))
    }

    /// Sends a body, and sees that the answer is no failure inside.
    fn send(&self, method: &str, path: &str, body: Vec<u8>) -> Result<(), TestCaseError> {
        let told = format!("{method} {path} {}", String::from_utf8_lossy(&body));
        let path = if path.starts_with("/fn") { path.to_owned() } else { format!("/api/v1{path}") };
        let id = if method == "PATCH" { &self.draft } else { &self.poll };
        let path = self.filled(&path).replace("{id}", id);
        let request = self.host.request(method.parse::<Method>().unwrap(), &path);
        let request = request.header("content-type", "application/json").body(body);
        let answered = self.runtime.block_on(async {
            let answer = request.send().await?;
            Ok::<_, reqwest::Error>((answer.status().as_u16(), answer.text().await?))
        });
        let (status, answer) = answered.map_err(|error| TestCaseError::fail(format!("{told}: {error}")))?;
        judge(status, &answer, &told)
    }
}

/// Whether an answer is as it should be, whatever was asked.
fn judge(status: u16, answer: &str, told: &str) -> Result<(), TestCaseError> {
    prop_assert!((200..500).contains(&status), "{}: {} {}", told, status, answer);
    if status >= 400 {
        let problem: Value = serde_json::from_str(answer).unwrap_or_default();
        let code = problem["code"].as_str().unwrap_or_default();
        let is_code = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        prop_assert!(is_code && problem["status"] == status, "{}: {} {}", told, status, answer);
    }
    Ok(())
}

fn try_each<S: Strategy>(cases: u32, input: S, check: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    TestRunner::new(config).run(&input, check).unwrap();
}

/// Where in a value something stands that holds nothing else.
fn leaves(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| leaves(value, format!("{at}/{name}"), found))
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| leaves(value, format!("{at}/{index}"), found));
        }
        _ => found.push(at),
    }
}

#[test]
fn no_body_of_the_api_or_the_pages_functions_is_left_out() {
    let document: Value = serde_json::from_str(DOCUMENT).unwrap();
    let known = bodies();
    let mut described = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation.get("requestBody").is_some() {
                described += 1;
                let there =
                    known.iter().any(|(known, at, _)| *at == path && known.eq_ignore_ascii_case(method));
                assert!(there, "{method} {path}");
            }
        }
    }
    assert!(described >= 13, "the document was read: {described}");
    // One takes nothing.
    let functions = server::http::list()
        .into_iter()
        .filter(|(_, path)| path.starts_with("/fn/") && path != "/fn/load_visitor");
    for (method, path) in functions {
        assert!(known.iter().any(|(known, at, _)| *at == path && *known == method), "{method} {path}");
    }
}

#[test]
fn odd_numbers_anywhere_in_a_body_are_answered_with_a_code() {
    let ground = Ground::new();
    let numbers = prop_oneof![
        prop::sample::select(vec![
            "0",
            "-0",
            "-1",
            "0.5",
            "1e400",
            "-1e400",
            "1e308",
            "5e-324",
            "1E2",
            "00",
            "0x10",
            "+1",
            "-",
            "1_000",
            ".5",
            "NaN",
            "Infinity",
            "-Infinity",
            "\"NaN\"",
            "\"7\"",
            "\"-1\"",
            "null",
            "true",
            "[]",
            "{}",
            "2147483648",
            "4294967296",
            "9007199254740993",
            "9223372036854775807",
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551615",
            "18446744073709551616",
            "1e19",
        ])
        .prop_map(str::to_owned),
        "-?[0-9]{1,40}(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,4})?",
    ];
    let bodies = bodies();
    try_each(400, (any::<Index>(), any::<Index>(), numbers), |(which, place, number)| {
        let (method, path, body) = which.get(&bodies);
        let mut places = Vec::new();
        leaves(body, String::new(), &mut places);
        let mut body = body.clone();
        *body.pointer_mut(&places[place.index(places.len())]).unwrap() = json!("HERE");
        let body = ground.filled(&body.to_string()).replace("\"HERE\"", &number);
        ground.send(method, path, body.into_bytes())
    });
    let odd = ["-1", "0", "1e3", "NaN", "99999999999999999999", "1.5", "%00", "4294967296"];
    for limit in odd {
        let (status, answer) = ground.runtime.block_on(ground.host.get(&format!("/rooms?limit={limit}")));
        assert!(status < 500, "{limit}: {answer}");
    }
}

#[test]
fn a_body_spoilt_in_one_place_is_answered_with_a_code() {
    let ground = Ground::new();
    let bodies = bodies();
    let put = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..4),
        "[\\[\\]{}\",:0-9a-z\\\\-]{0,3}".prop_map(String::into_bytes),
        Just(b"\\ud800".to_vec()),
        Just(b"\\u0000".to_vec()),
        Just("\u{202e}".as_bytes().to_vec()),
    ];
    let spoilt = (any::<Index>(), any::<Index>(), 0..3_usize, put, any::<bool>());
    try_each(400, spoilt, |(which, at, cut, put, to_the_end)| {
        let (method, path, body) = which.get(&bodies);
        let mut body = ground.filled(&body.to_string()).into_bytes();
        let at = at.index(body.len());
        let end = if to_the_end && cut == 0 { body.len() } else { (at + cut).min(body.len()) };
        body.splice(at..end, put);
        ground.send(method, path, body)
    });
}

#[test]
fn any_bytes_sent_as_a_form_are_answered() {
    let ground = Ground::new();
    // Signing out would leave nobody to be answered.
    let is_form = |(method, path): &(&str, String)| {
        *method == "POST" && !["/api/", "/fn/", "/logout"].iter().any(|begin| path.starts_with(begin))
    };
    let forms: Vec<String> = server::http::list().into_iter().filter(is_form).map(|(_, path)| path).collect();
    assert!(forms.len() >= 8, "the list was read: {forms:?}");
    let piece = prop_oneof![
        "(action|poll|code|title|question|options|option|count|ticket|room|username|password|display_name|current|new|invitation)=",
        "add_poll|settings|edit_poll|vote|ticket|make|rename|open|show|create",
        "%[0-9a-fA-F]{0,2}|[&=+;%]{1,3}|-?[0-9]{1,22}|POLL|DRAFT|CODE",
    ];
    let bytes = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..60),
        prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat().into_bytes()),
    ];
    try_each(300, (any::<Index>(), bytes), |(which, bytes)| {
        let bytes = String::from_utf8(bytes)
            .map_or_else(|raw| raw.into_bytes(), |text| ground.filled(&text).into_bytes());
        let path = ground.filled(&forms[which.index(forms.len())]);
        let told = format!("{path} {}", bytes.escape_ascii());
        let request = ground.host.request(Method::POST, &path);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(bytes);
        let status = ground
            .runtime
            .block_on(async { Ok::<_, reqwest::Error>(request.send().await?.status().as_u16()) });
        let status = status.map_err(|error| TestCaseError::fail(format!("{told}: {error}")))?;
        prop_assert!((200..500).contains(&status), "{}: {}", told, status);
        Ok(())
    });
}

/// A header and its value.
type Header = (&'static str, Vec<u8>);

/// Headers as somebody might send them; only what no header may hold is left out.
fn headers() -> impl Strategy<Value = Vec<Header>> {
    let any_bytes = prop::collection::vec(prop_oneof![0x20..=0x7e_u8, 0x80..=0xff_u8, Just(b'\t')], 0..40);
    let text = |pattern: &'static str| pattern.prop_map(String::into_bytes);
    let one = prop_oneof![
        text("((__Host-)?voxpop_(session|refresh|guest)=?[A-Za-z0-9.;= \"%-]{0,40};? ?){0,3}").prop_map(|value| ("cookie", value)),
        text("[A-Za-z0-9.:\\[\\]@/ %_-]{0,40}|[a-z]{250,300}|\\[[0-9a-f:]{0,20}\\]:?[0-9]{0,7}").prop_map(|value| ("host", value)),
        text("null|(https?|ftp|file)://[A-Za-z0-9.:\\[\\]@/?#%-]{0,30}|[ -~]{0,20}").prop_map(|value| ("origin", value)),
        text("([0-9]{1,4}(\\.[0-9]{1,4}){0,4}|[0-9a-f:]{0,40}|unknown|\"[ !#-~]{0,9}\")(, ?[0-9a-f.:\\[\\]]{0,40}){0,5}")
            .prop_map(|value| ("x-forwarded-for", value)),
        text("(application|text|multipart)/[a-z+-]{0,12}(; ?(charset|boundary)=?[A-Za-z0-9\"-]{0,12}){0,2}|[ -~]{0,20}")
            .prop_map(|value| ("content-type", value)),
        any_bytes.clone().prop_map(|value| ("cookie", value)),
        any_bytes.clone().prop_map(|value| ("origin", value)),
        any_bytes.clone().prop_map(|value| ("x-forwarded-for", value)),
        any_bytes.clone().prop_map(|value| ("authorization", value)),
        any_bytes.clone().prop_map(|value| ("sec-fetch-site", value)),
        any_bytes.prop_map(|value| ("accept", value)),
    ];
    prop::collection::vec(one, 0..6)
}

/// The status and the body that a request, as it goes over the wire, is answered with.
async fn exchanged(server: &TestServer, request: &[u8]) -> std::io::Result<(u16, String)> {
    let talk = async {
        let mut stream = TcpStream::connect(server.address).await?;
        stream.write_all(request).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        std::io::Result::Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let answer = tokio::time::timeout(Duration::from_secs(20), talk).await??;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Ok((status, body.to_owned()))
}

#[test]
fn odd_headers_are_answered_with_a_code() {
    let ground = Ground::new();
    let ways = [
        "GET /api/v1/me",
        "POST /api/v1/rooms",
        "POST /api/v1/auth/guest",
        "POST /fn/load_room",
        "GET /r/CODE",
        "POST /login",
        "GET /ws",
    ];
    // Shorter than the body is as good as whole; longer would be waited for, which is tested where dawdling is.
    let length = prop_oneof![
        4 => Just("{}".len().to_string()),
        1 => Just("1".to_owned()),
        1 => "-?[1-9][0-9]{20,30}|[0-9]{1,3}[a-z, +]{0,2}[a-z,+]|0x1|\\+2|-1|2, 2|2,3",
    ];
    try_each(400, (any::<Index>(), headers(), length), |(way, headers, length)| {
        let way = ground.filled(ways[way.index(ways.len())]);
        let mut request = format!("{way} HTTP/1.1\r\nconnection: close\r\n").into_bytes();
        let has = |name: &str| headers.iter().any(|(known, _)| *known == name);
        for (name, value) in [("host", "vote.example"), ("content-type", "application/json")] {
            if !has(name) {
                request.extend(format!("{name}: {value}\r\n").bytes());
            }
        }
        for (name, value) in &headers {
            request.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        request.extend(format!("content-length: {length}\r\n\r\n{{}}").bytes());
        let told = String::from_utf8_lossy(&request).into_owned();
        let answered = ground.runtime.block_on(exchanged(&ground.server, &request));
        let (status, answer) = answered.map_err(|error| TestCaseError::fail(format!("{told}: {error}")))?;
        // A length that is none is refused before anything of ours sees the request.
        let is_length = length.bytes().all(|byte| byte.is_ascii_digit()) && length.parse::<u64>().is_ok();
        if !is_length && status == 400 && answer.is_empty() {
            return Ok(());
        }
        if way.contains("/api") || way.contains("/fn") || way.contains("/ws") {
            return judge(status, &answer, &told);
        }
        prop_assert!((200..500).contains(&status), "{}: {}", told, status);
        Ok(())
    });
}
