//! Connections that dawdle: heads and bodies that trickle in, and very many that do nothing.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;
use server::config::Config;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::client::TestServer;
use crate::support::{DEADLINE, eventually};

fn impatient(config: &mut Config) {
    config.patience.head = Duration::from_millis(300);
    config.patience.body = Duration::from_millis(300);
}

/// Asks for something, and hears all of the answer.
async fn ask(stream: &mut TcpStream) {
    stream.write_all(b"HEAD /healthz HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
}

/// Reads until the server ends the connection.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset is an end as well.
    let _ended = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_head_that_trickles_in_is_not_waited_for() {
    let server = TestServer::start_with(impatient).await;
    let mut trickling = TcpStream::connect(server.address).await.unwrap();
    trickling.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n").await.unwrap();
    let more = async || {
        let sent = trickling.try_write(b"x: y\r\n");
        sent.is_err_and(|error| error.kind() != ErrorKind::WouldBlock).then_some(())
    };
    eventually("a trickling connection is closed", more).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(until_closed(&mut silent).await, "");
    // The second head as the first, however long the connection was idle between.
    let mut second = TcpStream::connect(server.address).await.unwrap();
    ask(&mut second).await;
    second.write_all(b"HEAD /heal").await.unwrap();
    assert_eq!(until_closed(&mut second).await, "");
}

#[tokio::test]
async fn a_connection_may_be_idle_between_requests() {
    let server = TestServer::start_with(|config| {
        config.patience.idle = Duration::from_millis(600);
        config.patience.head = 10 * DEADLINE;
    })
    .await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    for _ in 0..2 {
        ask(&mut idle).await;
    }
    until_closed(&mut idle).await;
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = TestServer::start().await;
    let mut large = TcpStream::connect(server.address).await.unwrap();
    let head = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(64 * 1024));
    // It may end before all is sent.
    let _sent = large.write_all(head.as_bytes()).await;
    let answer = until_closed(&mut large).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn a_body_that_trickles_in_is_ended() {
    let server = TestServer::start_with(impatient).await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n\
                content-length: 1000\r\n\r\n{";
    slow.write_all(head.as_bytes()).await.unwrap();
    let answer = until_closed(&mut slow).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn idle_connections_keep_nobody_from_voting() {
    let server = TestServer::start().await;
    let (_, poll) = server.host("ada").await.open_poll().await;
    let mut idle = Vec::new();
    for _ in 0..500 {
        idle.push(TcpStream::connect(server.address).await.unwrap());
    }
    let receipt = server.guest().await.vote(&poll, json!({"option": 1})).await;
    assert_eq!(receipt["status"], "recorded", "{receipt}");
}

#[tokio::test]
async fn beyond_the_bound_a_connection_is_dropped_and_places_come_back() {
    // Beside no socket there is room for 2,000.
    let server = TestServer::start_with(|config| {
        config.sockets.most = 0;
        config.patience.head = 10 * DEADLINE;
    })
    .await;
    let mut idle = Vec::new();
    for _ in 0..2_000 {
        idle.push(TcpStream::connect(server.address).await.unwrap());
    }
    let mut one_more = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(until_closed(&mut one_more).await, "");
    drop(idle);
    eventually("there is room again", async || {
        let request = server.nobody().request(reqwest::Method::GET, "/healthz");
        request.send().await.ok().filter(|answer| answer.status() == 200)
    })
    .await;
}

/// Sends a request again and again, and takes no answer, until the connection is given up.
async fn is_given_up(server: &TestServer, request: &[u8]) {
    let greedy = TcpStream::connect(server.address).await.unwrap();
    let (requests, sent) = (request.repeat(500), AtomicUsize::new(0));
    // As much as is taken; in the end the connection is closed with requests unread, which is a reset.
    eventually("the connection is given up", async || {
        loop {
            let begun = sent.load(Ordering::Relaxed) % request.len();
            match greedy.try_write(&requests[begun..]) {
                Ok(bytes) => _ = sent.fetch_add(bytes, Ordering::Relaxed),
                Err(error) => return (error.kind() != ErrorKind::WouldBlock).then_some(()),
            }
            tokio::task::yield_now().await;
        }
    })
    .await;
    let sent = sent.into_inner();
    assert!(sent > 100 * request.len(), "it was asked for more than fits: {sent}");
}

#[tokio::test]
async fn requests_sent_ahead_by_one_who_takes_no_answer_keep_no_connection() {
    let server = TestServer::start_with(|config| {
        config.patience.idle = Duration::from_secs(1);
        config.patience.head = 10 * DEADLINE;
    })
    .await;
    let with_a_body = "HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n";
    for request in [
        format!("GET /api/v1/openapi.json {with_a_body}expect: 100-continue\r\n\r\nx"),
        format!("HEAD /healthz {with_a_body}\r\nx"),
    ] {
        is_given_up(&server, request.as_bytes()).await;
    }
}
