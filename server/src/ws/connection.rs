//! One socket: reads what its client says until either side ends it, then releases all it held.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use domain::wire::{BadMessage, ByeReason, ErrorCode, Role, close};
use domain::{
    BallotId, Choice, ClientMessage, PollId, Problem, Reason, Receipt, RoomCode, RoomId, ServerMessage,
    Status, limits,
};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::time::{Instant, sleep_until, timeout};

use super::hub::Shared;
use super::inbox::{Joining, SocketId};
use super::outbox::{Farewell, Next, Outbox};
use crate::auth::{Asker, Principal};
use crate::config::Sockets;
use crate::error::Error;
use crate::state::AppState;

/// How many rooms a socket may be in at once.
const MOST_ROOMS: usize = 8;
/// How many bad messages a connection survives.
const MOST_BAD: u32 = 10;
/// A client may say so much at once, and then so much a second.
const BURST: f64 = 60.0;
const A_SECOND: f64 = 20.0;
/// How many messages over that rate a connection survives.
const MOST_FLOODED: u32 = 100;
/// How long the other side has to answer a close frame.
const CLOSING: Duration = Duration::from_secs(2);

/// Serves a socket to its end.
pub(super) async fn serve(socket: WebSocket, asker: Asker, state: AppState) {
    let outbox = Arc::new(Outbox::default());
    let id = state.hub.add(outbox.clone());
    let (sink, stream) = socket.split();
    let limits = state.sockets;
    let writer = tokio::spawn(write(sink, outbox.clone(), limits));

    let mut connection = Connection {
        id,
        state,
        outbox,
        principal: None,
        rooms: HashMap::new(),
        bad: 0,
        flooded: 0,
        tokens: BURST,
        filled: Instant::now(),
    };
    connection.read(stream, asker.0, writer).await;
    for (_, joined) in std::mem::take(&mut connection.rooms) {
        connection.state.hub.leave(joined.room, id).await;
    }
    connection.state.hub.remove(id);
}

struct Connection {
    id: SocketId,
    state: AppState,
    outbox: Arc<Outbox>,
    principal: Option<Principal>,
    rooms: HashMap<RoomCode, Joined>,
    bad: u32,
    flooded: u32,
    tokens: f64,
    filled: Instant,
}

struct Joined {
    room: RoomId,
    shared: Arc<Shared>,
}

impl Connection {
    async fn read(
        &mut self,
        mut stream: SplitStream<WebSocket>,
        known: Option<Principal>,
        mut writer: tokio::task::JoinHandle<()>,
    ) {
        let limits = self.state.sockets;
        let mut silent_until = Instant::now() + limits.auth;
        if let Some(principal) = known {
            self.welcome(principal).await;
            silent_until = Instant::now() + limits.idle;
        }
        let outbox = self.outbox.clone();
        loop {
            tokio::select! {
                frame = stream.next() => match frame {
                    Some(Ok(Message::Close(_))) | None => break,
                    Some(Ok(frame)) => {
                        self.hear(frame).await;
                        if self.principal.is_some() {
                            silent_until = Instant::now() + limits.idle;
                        }
                    }
                    Some(Err(error)) if is_too_big(&error) => {
                        self.end(None, close::TOO_BIG);
                        break;
                    }
                    Some(Err(_)) => break,
                },
                () = outbox.closing() => break,
                _ = &mut writer => return,
                () = sleep_until(silent_until) => match self.principal {
                    Some(_) => self.end(Some((ByeReason::Idle, 0)), close::SLOW_OR_IDLE),
                    None => self.end(None, close::NOT_AUTHENTICATED),
                },
                () = sleep_until(self.session_end()) => {
                    self.end(Some((ByeReason::Logout, 0)), close::NOT_AUTHENTICATED);
                }
            }
        }
        // The writer says farewell; then the other side has a moment to answer.
        outbox.close(Farewell { bye: None, code: None });
        if timeout(limits.send + CLOSING, &mut writer).await.is_err() {
            writer.abort();
        }
        let drain = async { while let Some(Ok(_)) = stream.next().await {} };
        let _late = timeout(CLOSING, drain).await;
    }

    async fn hear(&mut self, frame: Message) {
        let text = match frame {
            Message::Text(text) if text.len() > limits::FRAME_BYTES => return self.end(None, close::TOO_BIG),
            Message::Binary(bytes) if bytes.len() > limits::FRAME_BYTES => {
                return self.end(None, close::TOO_BIG);
            }
            Message::Text(text) => text,
            Message::Binary(_) => {
                return self.bad_message(ErrorCode::BadMessage, "Send text frames with JSON.");
            }
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => return,
        };
        if !self.may_speak() {
            return;
        }
        match ClientMessage::parse(&text) {
            Ok(message) => self.answer(message).await,
            Err(BadMessage::UnknownType) => {
                self.bad_message(ErrorCode::UnknownType, "This type of message is not known.")
            }
            Err(BadMessage::Malformed) => {
                self.bad_message(ErrorCode::BadMessage, "This is not a message of the protocol voxpop.v1.");
            }
        }
    }

    async fn answer(&mut self, message: ClientMessage) {
        let principal = match (message, self.principal.clone()) {
            (ClientMessage::Auth { token }, _) => return self.authenticate(&token).await,
            (ClientMessage::Ping, _) => return self.outbox.say(&ServerMessage::Pong),
            (_, None) => return self.error(ErrorCode::Forbidden, "Say who you are first, with auth."),
            (message, Some(principal)) => (message, principal),
        };
        match principal {
            (ClientMessage::Join { room, role }, principal) => self.join(&room, role, principal).await,
            (ClientMessage::Leave { room }, _) => self.leave(&room).await,
            (ClientMessage::Vote { poll, ballot, choice }, principal) => {
                self.vote(poll, ballot, choice, principal).await
            }
            (ClientMessage::Auth { .. } | ClientMessage::Ping, _) => {}
        }
    }

    async fn authenticate(&mut self, token: &str) {
        let found = match self.state.services.authenticate(token).await {
            Ok(found) => found,
            Err(error) => return self.failed(error),
        };
        match (found, &self.principal) {
            (None, _) => self.end(None, close::NOT_AUTHENTICATED),
            (Some(new), Some(old)) if new.voter() != old.voter() => {
                self.error(ErrorCode::Forbidden, "This socket belongs to somebody else. Open another.");
            }
            (Some(new), _) => self.welcome(new).await,
        }
    }

    async fn welcome(&mut self, principal: Principal) {
        self.state.hub.set_owner(self.id, &principal);
        // It may have ended since the token was read, before the hub knew whose socket this is.
        if let Some(session) = principal.session {
            match self.state.services.is_alive(session).await {
                Ok(true) => {}
                Ok(false) => return self.end(Some((ByeReason::Logout, 0)), close::NOT_AUTHENTICATED),
                Err(error) => return self.failed(error),
            }
        }
        self.outbox.say(&ServerMessage::Hello {
            protocol: 1,
            you: principal.me.identity(),
            heartbeat_secs: self.state.sockets.heartbeat.as_secs(),
        });
        self.principal = Some(principal);
    }

    async fn join(&mut self, typed: &str, role: Option<Role>, principal: Principal) {
        let room = match self.state.services.room_id(typed).await {
            Ok(room) => room,
            Err(error) => return self.failed(error),
        };
        let Ok(code) = typed.parse::<RoomCode>() else { return };
        if self.rooms.len() >= MOST_ROOMS && !self.rooms.contains_key(&code) {
            return self
                .error(ErrorCode::RateLimited, "A socket may be in 8 rooms at most. Leave one first.");
        }
        if let Some(joined) = self.rooms.remove(&code) {
            self.state.hub.leave(joined.room, self.id).await;
        }
        let joining = Joining { socket: self.id, principal, role, outbox: self.outbox.clone() };
        match self.state.hub.join(room, joining).await {
            Ok(shared) => {
                self.rooms.insert(code, Joined { room, shared });
            }
            Err(error) => {
                self.state.hub.leave(room, self.id).await;
                self.failed(error);
            }
        }
    }

    async fn leave(&mut self, typed: &str) {
        let code = typed.parse::<RoomCode>().ok();
        match code.and_then(|code| Some((code, self.rooms.remove(&code)?))) {
            Some((code, joined)) => {
                self.state.hub.leave(joined.room, self.id).await;
                self.outbox.say(&ServerMessage::Left { room: code });
            }
            None => self.error(ErrorCode::NotJoined, "You are not in this room."),
        }
    }

    async fn vote(&mut self, poll: PollId, ballot: BallotId, choice: Option<Choice>, principal: Principal) {
        if !self.is_in_room_of(poll) {
            return match self.state.services.store.poll(poll).await {
                Ok(Some(_)) => self.error(ErrorCode::NotJoined, "Join the room of this poll first."),
                Ok(None) => self.failed(Problem::no_such_poll().into()),
                Err(error) => self.failed(error),
            };
        }
        match self.state.services.cast(&Asker(Some(principal)), poll, Some(ballot), choice).await {
            // A counted ballot is told by the room's task, to all sockets of its voter.
            Ok(cast) if cast.counted => {}
            Ok(cast) => self.outbox.say(&ServerMessage::Receipt(cast.receipt)),
            Err(Error::Problem(problem)) if problem.code == "no_such_poll" => self.failed(problem.into()),
            Err(error) => {
                // The log has the cause; the client keeps the ballot and sends it again.
                let _told = error.into_problem();
                let (status, reason) = (Status::Refused, Some(Reason::Overloaded));
                self.outbox.say(&ServerMessage::Receipt(Receipt {
                    ballot,
                    poll,
                    status,
                    reason,
                    choice: None,
                }));
            }
        }
    }

    fn is_in_room_of(&self, poll: PollId) -> bool {
        let has = |joined: &Joined| {
            joined.shared.polls.read().unwrap_or_else(PoisonError::into_inner).contains(&poll)
        };
        self.rooms.values().any(has)
    }

    /// Whether the client keeps to the rate: a token bucket.
    fn may_speak(&mut self) -> bool {
        let now = Instant::now();
        let refill = now.duration_since(self.filled).as_secs_f64() * A_SECOND;
        self.filled = now;
        self.tokens = (self.tokens + refill).min(BURST);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return true;
        }
        self.flooded += 1;
        match self.flooded > MOST_FLOODED {
            true => self.end(None, close::FLOODING),
            false => {
                self.error(ErrorCode::RateLimited, "That is too much at once. Send it again, more slowly.")
            }
        }
        false
    }

    fn bad_message(&mut self, code: ErrorCode, message: &str) {
        self.bad += 1;
        self.error(code, message);
        if self.bad >= MOST_BAD {
            self.end(None, close::BAD_MESSAGES);
        }
    }

    fn failed(&self, error: Error) {
        let problem = error.into_problem();
        let code = match problem.code.as_ref() {
            "no_such_room" => ErrorCode::NoSuchRoom,
            "no_such_poll" => ErrorCode::NoSuchPoll,
            "forbidden" => ErrorCode::Forbidden,
            _ => ErrorCode::RateLimited,
        };
        self.error(code, &problem.detail);
    }

    fn error(&self, code: ErrorCode, message: &str) {
        self.outbox.say(&ServerMessage::Error { code, message: message.to_owned() });
    }

    fn end(&self, bye: Option<(ByeReason, u64)>, code: u16) {
        self.outbox.close(Farewell { bye, code: Some(code) });
    }

    fn session_end(&self) -> Instant {
        let far = Duration::from_secs(24 * 60 * 60);
        let now = self.state.services.clock.now();
        let left = self.principal.as_ref().map_or(far, |principal| principal.expires_at.since(now));
        Instant::now() + left.min(far)
    }
}

/// Writes what the outbox holds until it says farewell, or until the other side takes too long.
async fn write(mut sink: SplitSink<WebSocket, Message>, outbox: Arc<Outbox>, limits: Sockets) {
    loop {
        let (frames, farewell) = match outbox.next().await {
            Next::Frames(frames) => (frames, None),
            Next::Farewell(frames, farewell) => (frames, Some(farewell)),
        };
        let batch = async {
            for frame in frames {
                sink.feed(Message::Text(frame)).await?;
            }
            sink.flush().await
        };
        let written = match timeout(limits.send, batch).await {
            Ok(written) => written.is_ok(),
            Err(_) => {
                let slow = Farewell { bye: Some((ByeReason::Slow, 1_000)), code: Some(close::SLOW_OR_IDLE) };
                return say_farewell(&mut sink, slow, limits).await;
            }
        };
        match farewell {
            Some(farewell) => return say_farewell(&mut sink, farewell, limits).await,
            None if written => {}
            None => return,
        }
    }
}

async fn say_farewell(sink: &mut SplitSink<WebSocket, Message>, farewell: Farewell, limits: Sockets) {
    let Some(code) = farewell.code else { return };
    let bye = farewell.bye.map(|(reason, retry_after_ms)| ServerMessage::Bye { reason, retry_after_ms });
    let last = async {
        if let Some(bye) = bye {
            sink.feed(Message::Text(super::outbox::encode(&bye))).await?;
        }
        sink.send(Message::Close(Some(CloseFrame { code, reason: Utf8Bytes::default() }))).await
    };
    // The other side may be gone already; there is nobody left to tell.
    let _late = timeout(limits.send.min(CLOSING), last).await;
}

fn is_too_big(error: &axum::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<tungstenite::Error>());
    matches!(cause, Some(tungstenite::Error::Capacity(_)))
}
