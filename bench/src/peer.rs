//! The peer: a live poll as one writes it in an afternoon. It counts in memory and tells everybody of
//! every vote; it keeps nothing, checks nothing, and encodes for each socket.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::broadcast;

#[derive(Clone)]
struct Room {
    votes: Arc<Mutex<Votes>>,
    changes: broadcast::Sender<Value>,
}

#[derive(Default)]
struct Votes {
    by_voter: HashMap<u64, i64>,
    marks: HashMap<String, u64>,
    version: u64,
    sockets: u64,
}

/// Serves one room with one poll.
pub(crate) async fn serve(listener: TcpListener) {
    let (changes, _) = broadcast::channel(1_024);
    let room = Room { votes: Arc::default(), changes };
    let router = Router::new().route("/ws", get(upgrade)).with_state(room);
    if let Err(error) = axum::serve(listener, router).await {
        eprintln!("the peer stopped: {error}");
    }
}

async fn upgrade(State(room): State<Room>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.protocols(["voxpop.v1"]).on_upgrade(move |socket| talk(socket, room))
}

async fn talk(mut socket: WebSocket, room: Room) {
    let mut changes = room.changes.subscribe();
    let me = {
        let mut votes = room.votes.lock().unwrap_or_else(PoisonError::into_inner);
        votes.sockets += 1;
        votes.sockets
    };
    let hello = json!({"type": "hello"});
    if socket.send(Message::text(hello.to_string())).await.is_err() {
        return;
    }
    loop {
        let answer = tokio::select! {
            heard = socket.recv() => match heard {
                Some(Ok(Message::Text(text))) => match serde_json::from_str::<Value>(&text) {
                    Ok(message) => answer(&room, me, &message),
                    Err(_) => continue,
                },
                Some(Ok(_)) => continue,
                _ => return,
            },
            change = changes.recv() => match change {
                Ok(change) => change,
                Err(_) => continue,
            },
        };
        if socket.send(Message::text(answer.to_string())).await.is_err() {
            return;
        }
    }
}

fn answer(room: &Room, me: u64, message: &Value) -> Value {
    if message["type"] != "vote" {
        return json!({"type": "room"});
    }
    let option = message["choice"]["option"].as_i64().unwrap_or(0);
    let tally = {
        let mut votes = room.votes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = votes.by_voter.insert(me, option) {
            *votes.marks.entry(old.to_string()).or_default() -= 1;
        }
        *votes.marks.entry(option.to_string()).or_default() += 1;
        votes.version += 1;
        let ballots = votes.by_voter.len();
        json!({"type": "tally", "poll": message["poll"], "version": votes.version, "ballots": ballots, "marks": votes.marks})
    };
    // Nobody may be listening.
    let _listeners = room.changes.send(tally);
    json!({"type": "receipt", "ballot": message["ballot"], "poll": message["poll"], "status": "recorded"})
}
