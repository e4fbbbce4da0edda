//! One socket: reads what its client says until either side ends it, then releases all it held.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use domain::wire::{BadMessage, ByeReason, ErrorCode, Role, close};
use domain::{
    BallotId, Choice, ClientMessage, PollId, Reason, Receipt, RoomCode, RoomId, ServerMessage, Status, limits,
};
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use tokio::time::{Instant, sleep_until, timeout};

use super::bucket::{Bucket, SharedBucket};
use super::hub::Shared;
use super::inbox::{Joining, SocketId};
use super::outbox::{Farewell, Outbox};
use super::writing::{self, CLOSING};
use crate::auth::{Asker, Principal, Sender};
use crate::doors::Door;
use crate::error::Error;
use crate::places::Place;
use crate::state::AppState;

/// How many rooms a socket may be in at once.
const MOST_ROOMS: usize = 8;
/// How long it waits to look again whose a socket is, when that could not be found out.
const LOOK_AGAIN: Duration = Duration::from_secs(10);
/// Which bad message ends a connection.
const MOST_BAD: u32 = 10;
/// How many messages beyond the rate a connection survives, over its whole life.
const MOST_TOO_FAST: u32 = 100;

/// Serves a socket to its end; so long its place is taken.
pub(super) async fn serve(socket: WebSocket, asker: Asker, state: AppState, _place: Place) {
    let outbox = Arc::new(state.hub.outbox());
    let id = state.hub.add(outbox.clone());
    let (sink, stream) = socket.split();
    let writer = tokio::spawn(writing::write(sink, outbox.clone(), state.sockets));

    let mut connection = Connection {
        id,
        state,
        outbox,
        principal: None,
        look_at: None,
        sender: asker.sender,
        rooms: HashMap::new(),
        bad: 0,
        messages: Bucket::full(),
        too_fast: 0,
        votes: SharedBucket::default(),
    };
    connection.read(stream, asker.known, writer).await;
    for (_, joined) in std::mem::take(&mut connection.rooms) {
        connection.state.hub.leave(joined.room, id).await;
    }
    connection.state.hub.remove(id);
}

struct Connection {
    id: SocketId,
    sender: Sender,
    state: AppState,
    outbox: Arc<Outbox>,
    principal: Option<Principal>,
    /// When it is looked at again whose it is, where that has failed.
    look_at: Option<Instant>,
    rooms: HashMap<RoomCode, Joined>,
    bad: u32,
    /// What it may still say.
    messages: Bucket,
    /// How many it has said beyond that.
    too_fast: u32,
    /// What its owner may still vote, over all of their sockets.
    votes: SharedBucket,
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
        let sockets = self.state.sockets;
        let mut silent_until = Instant::now() + sockets.auth;
        if let Some(principal) = known {
            self.welcome(principal).await;
            if self.principal.is_some() {
                silent_until = Instant::now() + sockets.idle;
            }
        }
        let outbox = self.outbox.clone();
        loop {
            tokio::select! {
                biased;
                // What ends it comes before what is heard: whoever was told to go is heard no more.
                () = outbox.closing() => break,
                _ = &mut writer => return,
                () = sleep_until(silent_until), if self.principal.is_none() => {
                    self.end(None, close::NOT_AUTHENTICATED);
                }
                () = sleep_until(self.token_end()) => self.look_again().await,
                frame = stream.next() => match frame {
                    Some(Ok(Message::Close(_))) | None => break,
                    Some(Ok(frame)) => {
                        self.hear(frame).await;
                        if self.principal.is_some() {
                            silent_until = Instant::now() + sockets.idle;
                        }
                    }
                    Some(Err(error)) if is_too_big(&error) => {
                        self.end(None, close::TOO_BIG);
                        break;
                    }
                    Some(Err(_)) => break,
                },
                // Behind what is heard: a node that stood still must not take its people for silent.
                () = sleep_until(silent_until), if self.principal.is_some() => {
                    self.end(Some((ByeReason::Idle, 0)), close::SLOW_OR_IDLE);
                }
            }
        }
        // The writer says farewell; then the other side has a moment to answer.
        outbox.close(Farewell { bye: None, code: None });
        if timeout(sockets.send + CLOSING, &mut writer).await.is_err() {
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
        match (message, self.principal.clone()) {
            (ClientMessage::Auth { token }, _) => self.authenticate(&token).await,
            (ClientMessage::Ping, _) => self.outbox.say(&ServerMessage::Pong),
            (_, None) => self.error(ErrorCode::Forbidden, "Say who you are first, with auth."),
            (ClientMessage::Join { room, role }, Some(principal)) => self.join(&room, role, principal).await,
            (ClientMessage::Leave { room }, Some(_)) => self.leave(&room).await,
            (ClientMessage::Vote { poll, ballot, choice }, Some(principal)) => {
                self.vote(poll, ballot, choice, principal).await;
            }
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
        let Some(votes) = self.state.hub.set_owner(self.id, &principal) else {
            self.error(ErrorCode::RateLimited, "You have very many connections here. Please close some.");
            return self.end(None, close::FLOODING);
        };
        self.votes = votes;
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
        let asker = Asker::new(principal.clone(), self.sender.clone());
        let room = match self.state.services.room_to_join(&asker, typed).await {
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
        let overloaded = ServerMessage::Receipt(Receipt {
            ballot,
            poll,
            status: Status::Refused,
            reason: Some(Reason::Overloaded),
            choice: None,
        });
        let from = self.sender.address;
        if !self.votes.take() || self.state.services.doors.enter_here(Door::Change, from).is_err() {
            return self.outbox.say(&overloaded);
        }
        let asker = Asker::new(principal, self.sender.clone());
        if !self.is_in_room_of(poll) {
            return match self.state.services.knows_of(&asker, poll).await {
                Ok(()) => self.error(ErrorCode::NotJoined, "Join the room of this poll first."),
                Err(error) => self.failed(error),
            };
        }
        match self.state.services.cast(&asker, poll, Some(ballot), choice).await {
            // A counted ballot is told by the room's task, to all sockets of its voter.
            Ok(cast) if cast.counted => {}
            Ok(cast) => self.outbox.say(&ServerMessage::Receipt(cast.receipt)),
            Err(Error::Problem(problem)) if problem.code == "no_such_poll" => self.failed(problem.into()),
            Err(error) => {
                // The log has the cause; the client keeps the ballot and sends it again.
                let _told = error.into_problem();
                self.outbox.say(&overloaded);
            }
        }
    }

    fn is_in_room_of(&self, poll: PollId) -> bool {
        let has = |joined: &Joined| {
            joined.shared.polls.read().unwrap_or_else(PoisonError::into_inner).contains(&poll)
        };
        self.rooms.values().any(has)
    }

    /// Whether the client keeps to the rate.
    fn may_speak(&mut self) -> bool {
        if self.messages.take() {
            return true;
        }
        self.too_fast += 1;
        if self.too_fast > MOST_TOO_FAST {
            self.end(None, close::FLOODING);
        } else {
            self.error(ErrorCode::RateLimited, "That is too much at once. Send it again, more slowly.");
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

    /// Goes on when the token would have expired, as long as the session does.
    async fn look_again(&mut self) {
        let Some(principal) = &self.principal else { return };
        match self.state.services.look_again(principal).await {
            Ok(Some(principal)) => {
                self.look_at = None;
                self.principal = Some(principal);
            }
            Ok(None) => self.end(Some((ByeReason::Logout, 0)), close::NOT_AUTHENTICATED),
            Err(error) => {
                tracing::debug!(%error, "it could not be looked whether a session goes on");
                self.look_at = Some(Instant::now() + LOOK_AGAIN);
            }
        }
    }

    fn token_end(&self) -> Instant {
        if let Some(at) = self.look_at {
            return at;
        }
        let far = Duration::from_secs(24 * 60 * 60);
        let now = self.state.services.clock.now();
        let left = self.principal.as_ref().map_or(far, |principal| principal.expires_at.since(now));
        Instant::now() + left.min(far)
    }
}

fn is_too_big(error: &axum::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<tungstenite::Error>());
    matches!(cause, Some(tungstenite::Error::Capacity(_)))
}
