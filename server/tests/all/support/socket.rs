//! A client's socket.

use domain::{BallotId, Timestamp};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::DEADLINE;
use super::client::TestServer;

/// A socket as a client holds it.
pub struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Opens a socket with these headers, or says how it was refused.
    pub async fn open(server: &TestServer, headers: &[(&'static str, &str)]) -> Result<Self, Error> {
        let mut request = format!("ws://{}/ws", server.address).into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("voxpop.v1"));
        for (name, value) in headers {
            request.headers_mut().insert(*name, HeaderValue::from_str(value).unwrap());
        }
        Ok(Self(connect_async(request).await?.0))
    }

    /// Opens a socket for the owner of a token, and hears its hello.
    pub async fn of(server: &TestServer, token: &Option<String>) -> Self {
        let bearer = format!("Bearer {}", token.as_ref().unwrap());
        let mut socket = Self::open(server, &[("authorization", &bearer)]).await.unwrap();
        let hello = socket.hear().await;
        assert_eq!((&hello["type"], &hello["protocol"]), (&json!("hello"), &json!(1)), "{hello}");
        socket
    }

    /// Says something.
    pub async fn say(&mut self, message: &Value) {
        self.send(Message::text(message.to_string())).await;
    }

    /// Sends a frame.
    pub async fn send(&mut self, frame: Message) {
        self.0.send(frame).await.unwrap();
    }

    /// The next message.
    pub async fn hear(&mut self) -> Value {
        match tokio::time::timeout(DEADLINE, self.0.next()).await {
            Ok(Some(Ok(Message::Text(text)))) => serde_json::from_str(&text).unwrap(),
            other => panic!("no message but {other:?}"),
        }
    }

    /// The next message that fits, others skipped.
    pub async fn hear_until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.hear().await;
            if fits(&message) {
                return message;
            }
        }
    }

    /// The next message of a type, others skipped.
    pub async fn hear_a(&mut self, kind: &str) -> Value {
        self.hear_until(|message| message["type"] == kind).await
    }

    /// All messages up to the answer to a ping sent now.
    pub async fn hear_all(&mut self) -> Vec<Value> {
        self.say(&json!({"type": "ping"})).await;
        let mut heard = Vec::new();
        loop {
            let message = self.hear().await;
            if message["type"] == "pong" {
                return heard;
            }
            heard.push(message);
        }
    }

    /// The close code that the server ends this socket with, messages before it skipped.
    pub async fn closed_with(&mut self) -> Option<u16> {
        self.hear_to_the_end().await.1
    }

    /// All messages until the server ends this socket, and its close code.
    pub async fn hear_to_the_end(&mut self) -> (Vec<Value>, Option<u16>) {
        let mut heard = Vec::new();
        loop {
            match tokio::time::timeout(DEADLINE, self.0.next()).await {
                Ok(Some(Ok(Message::Text(text)))) => heard.push(serde_json::from_str(&text).unwrap()),
                Ok(Some(Ok(Message::Close(frame)))) => return (heard, frame.map(|frame| frame.code.into())),
                Ok(Some(Ok(_))) => {}
                other => panic!("no close frame but {other:?}"),
            }
        }
    }

    /// Joins a room and hears its answer: the room, then the tally of each poll that is not a draft.
    pub async fn join(&mut self, code: &str) -> (Value, Vec<Value>) {
        self.say(&json!({"type": "join", "room": code})).await;
        let room = self.hear_a("room").await;
        let polls = room["room"]["polls"].as_array().unwrap();
        let mut tallies = Vec::new();
        for _ in polls.iter().filter(|poll| poll["state"] != "draft") {
            tallies.push(self.hear_a("tally").await);
        }
        (room, tallies)
    }

    /// Votes and hears the receipt.
    pub async fn vote(&mut self, poll: &str, ballot: BallotId, choice: Value) -> Value {
        self.say(&json!({"type": "vote", "poll": poll, "ballot": ballot, "choice": choice})).await;
        self.hear_until(|message| message["type"] == "receipt" && message["ballot"] == json!(ballot)).await
    }
}

/// A ballot id of a client whose clock shows so many milliseconds.
pub fn ballot(millis: i64) -> BallotId {
    BallotId::after(None, Timestamp::from_millis(1_800_000_000_000 + millis), [7; 10])
}
