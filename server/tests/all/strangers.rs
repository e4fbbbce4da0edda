//! What strangers send that is no use of the server: garbage, too much of everything, paths that lead out of it. It answers or
//! hangs up, and serves on.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use server::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;

use crate::support::DEADLINE;
use crate::support::client::TestServer;
use crate::support::socket::Socket;

/// Sends bytes as they are, and reads what comes until the server hangs up; nothing where it waits for more.
async fn tell(server: &TestServer, bytes: &[u8]) -> String {
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    // It may hang up before all is sent.
    let _sent = connection.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ended = tokio::time::timeout(DEADLINE, connection.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

fn impatient(config: &mut server::config::Config) {
    config.patience.head = Duration::from_millis(300);
    config.patience.body = Duration::from_millis(300);
    config.patience.idle = Duration::from_millis(300);
}

#[tokio::test]
async fn garbage_over_tcp_ends_a_connection_and_nothing_else() {
    let server = TestServer::start_with(impatient).await;
    let (clock, poll) = (Clock::system(), server.host("ada").await.open_poll().await.1);
    let long = "x".repeat(70_000);
    let mut all: Vec<Vec<u8>> = vec![
        b"\0\0\0\0\0\0".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET / HTTP/9.9\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"POST /api/v1/auth/login HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n{}".to_vec(),
        b"POST /api/v1/auth/login HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\n{}".to_vec(),
        b"POST /login HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nZZZ\r\nx\r\n".to_vec(),
        b"POST /login HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n0\r\n\r\nGET / ".to_vec(),
        b"GET /\xff\xfe HTTP/1.1\r\nhost: a\r\n\r\n".to_vec(),
        b"GET /r/%ff%00 HTTP/1.1\r\nhost: \xff\r\ncookie: \xff=\xff\r\norigin: \x80\r\n\r\n".to_vec(),
        format!("GET /{long} HTTP/1.1\r\nhost: a\r\n\r\n").into_bytes(),
        format!("GET / HTTP/1.1\r\nhost: a\r\ncookie: voxpop_session={long}\r\n\r\n").into_bytes(),
        format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(5_000)).into_bytes(),
        "GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n".repeat(200).into_bytes(),
        b"GET /ws HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n\x81\xff\xff".to_vec(),
    ];
    all.extend((0..40).map(|_| clock.random::<400>().to_vec()));
    for sent in all {
        let answer = tell(&server, &sent).await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(
            status.is_empty() || !status.starts_with('5'),
            "{:?}: {answer}",
            String::from_utf8_lossy(&sent)
        );
    }
    assert_eq!(server.guest().await.vote(&poll, json!({"option": 0})).await["status"], "recorded");
}

#[tokio::test]
async fn garbage_over_a_socket_ends_that_socket_and_nothing_else() {
    let server = TestServer::start().await;
    let (code, poll) = server.host("ada").await.open_poll().await;
    let guest = server.guest().await;
    let clock = Clock::system();
    for _ in 0..30 {
        let mut socket = Socket::of(&server, &guest.token).await;
        socket.join(&code).await;
        let bytes = clock.random::<200>();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        socket.send(Message::text(text)).await;
        assert_eq!(socket.hear_a("error").await["code"], "bad_message");
        socket.send(Message::binary(bytes.to_vec())).await;
        assert_eq!(socket.hear_a("error").await["code"], "bad_message");
    }
    assert_eq!(guest.vote(&poll, json!({"option": 0})).await["status"], "recorded");
}

#[tokio::test]
async fn too_much_of_anything_is_refused() {
    let server = TestServer::start().await;
    let host = server.host("ada").await;
    let (code, poll) = host.open_poll().await;
    let text = |length: usize| "x".repeat(length);
    for (path, body, expected) in [
        ("/auth/login".to_owned(), json!({"username": "ada", "password": text(70_000)}), 413),
        ("/auth/login".to_owned(), json!({"username": "ada", "password": text(5_000)}), 401),
        ("/auth/refresh".to_owned(), json!({"refresh_token": text(10_000)}), 401),
        ("/rooms".to_owned(), json!({"title": text(301)}), 422),
        ("/rooms".to_owned(), json!({"title": text(600_000)}), 413),
        (
            format!("/rooms/{code}/polls"),
            json!({"question": "?", "kind": {"type": "single"}, "options": vec!["a"; 101]}),
            422,
        ),
        (format!("/rooms/{code}/tickets"), json!({"count": 1_000_000}), 422),
        (format!("/rooms/{code}/ticket"), json!({"ticket": text(10_000)}), 404),
        (format!("/polls/{poll}/votes"), json!({"choice": {"options": vec![0; 10_000]}}), 200),
        (format!("/polls/{poll}/votes"), json!({"choice": {"text": text(60_000)}}), 200),
        (format!("/polls/{poll}/open"), json!({"duration_secs": u64::MAX}), 422),
    ] {
        let (status, answer) = host.post(&path, &body).await;
        assert_eq!(status, expected, "{path}: {answer}");
        assert!(status != 200 || answer["status"] == "refused", "{answer}");
    }
    let nested = format!("{{\"title\":{}1{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let request =
        host.request(Method::POST, "/api/v1/rooms").header("content-type", "application/json").body(nested);
    assert_eq!(request.send().await.unwrap().status(), 422);
    let fields: Vec<(String, String)> =
        (0..5_000).map(|number| (format!("f{number}"), String::new())).collect();
    let form = server.nobody().request(Method::POST, "/login").form(&fields).send().await.unwrap();
    assert_eq!(form.status(), 401);
    let search = host.get(&format!("/rooms?q={}&limit=99999999999999999999", text(400))).await;
    assert_eq!(search.0, 422);
    let bearer = server.nobody().with_token(&json!(text(12_000))).get("/me").await;
    assert_eq!(bearer.1["code"], "invalid_token");
    let mut socket = Socket::of(&server, &host.token).await;
    socket.send(Message::text(text(5_000))).await;
    assert_eq!(socket.closed_with().await, Some(1009));
}

#[tokio::test]
async fn no_path_leads_out_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let site = folder.path().join("site");
    std::fs::create_dir_all(site.join("pkg/inner")).unwrap();
    std::fs::write(folder.path().join("secret.txt"), "secret").unwrap();
    std::fs::write(site.join("secret.txt"), "secret").unwrap();
    std::fs::write(site.join("pkg/voxpop.css"), "body{}").unwrap();
    let root = site.clone();
    let server = TestServer::start_with(move |config| config.site_root = root).await;
    let found = server.nobody().request(Method::GET, "/pkg/voxpop.css").send().await.unwrap();
    assert_eq!(found.text().await.unwrap(), "body{}", "or the test proves nothing");
    for path in [
        "/pkg/../secret.txt",
        "/pkg/../../secret.txt",
        "/pkg/%2e%2e/secret.txt",
        "/pkg/%2e%2e%2fsecret.txt",
        "/pkg/..%2f..%2fsecret.txt",
        "/pkg/..%5c..%5csecret.txt",
        "/pkg/....//secret.txt",
        "/pkg/inner/../../secret.txt",
        "/pkg//etc/passwd",
        "/pkg/%2fetc%2fpasswd",
        "/pkg/voxpop.css%00.txt",
        "/pkg/inner",
        "/pkg/",
        "/secret.txt",
        "/favicon.svg/../secret.txt",
    ] {
        let answer =
            tell(&server, format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").as_bytes())
                .await;
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert!(["404", "400"].contains(&status), "{path}: {answer:.200}");
        assert!(
            !answer.contains("secret\n") && !answer.ends_with("secret") && !answer.contains("root:"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_browsers_enforce_over_https_is_asked_for_there_alone() {
    let only_https =
        [("strict-transport-security", "max-age=31536000"), ("cross-origin-opener-policy", "same-origin")];
    let always = [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        ("cross-origin-resource-policy", "same-origin"),
    ];
    let plain = TestServer::start().await;
    let secure =
        TestServer::start_with(|config| config.public_url = Some("https://vote.example".into())).await;
    for (server, is_https) in [(&plain, false), (&secure, true)] {
        let host = server.host("ada").await;
        let (code, _) = host.open_poll().await;
        for (method, path) in [
            (Method::GET, "/".to_owned()),
            (Method::GET, format!("/r/{code}")),
            (Method::POST, "/login".to_owned()),
            (Method::POST, "/logout".to_owned()),
            (Method::GET, "/api/v1/me".to_owned()),
            (Method::GET, format!("/api/v1/rooms/{code}/qr.svg")),
            (Method::GET, "/api/docs".to_owned()),
            (Method::GET, "/pkg/none.js".to_owned()),
            (Method::GET, "/ws".to_owned()),
            (Method::PUT, "/nowhere".to_owned()),
        ] {
            let sent = server
                .nobody()
                .request(method.clone(), &path)
                .form(&[("username", "ada")])
                .send()
                .await
                .unwrap();
            let headers = sent.headers();
            let value = |name: &str| headers.get(name).map(|value| value.to_str().unwrap());
            for (name, wanted) in only_https {
                assert_eq!(value(name), is_https.then_some(wanted), "{method} {path}: {name}");
            }
            for (name, wanted) in always {
                assert_eq!(value(name), Some(wanted), "{method} {path}: {name}");
            }
            let policy = headers["content-security-policy"].to_str().unwrap();
            assert!(
                policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe-inline"),
                "{policy}"
            );
            assert!(!policy.contains("unsafe-eval'") || policy.contains("'wasm-unsafe-eval'"), "{policy}");
            for cookie in headers.get_all("set-cookie") {
                let cookie = cookie.to_str().unwrap();
                assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
                assert_eq!(cookie.starts_with("__Host-") && cookie.contains("Secure"), is_https, "{cookie}");
            }
        }
    }
    assert_eq!(secure.nobody().get("/me").await.1["code"], Value::from("not_authenticated"));
}
