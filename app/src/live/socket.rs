//! The socket of a live room. One timer drives it: it beats, notices silence, counts down to the next try and
//! sends ballots that are due. What comes from a socket of an earlier generation changes nothing.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use domain::wire::{ByeReason, ErrorCode, Role, SUBPROTOCOL, close};
use domain::{ClientMessage, ServerMessage, Status};
use futures_util::StreamExt;
use gloo_net::websocket::{Message, WebSocketError, futures::WebSocket};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::outbox::Outbox;
use super::{Connection, Live, Notice, VoteStatus};
use crate::{browser, functions};

/// How often the timer runs, in milliseconds.
const TICK: u64 = 500;
/// The first and the longest pause between two tries, in milliseconds.
const FIRST_PAUSE: i64 = 500;
const LONGEST_PAUSE: i64 = 15_000;
/// Whoever comes back to the page wants to see soon whether the socket still lives.
const PROBE: i64 = 1_000;
/// Opening a socket may take this long.
const OPENING: i64 = 8_000;
/// What `hello` will say better.
const HEARTBEAT: i64 = 30_000;

/// Connects and stays connected until the page's owner is cleaned up.
pub(super) fn run(live: Live, role: Option<Role>) {
    let key = format!("voxpop.outbox.{}", live.page().you.id);
    if let Some(text) = browser::stored(&key) {
        live.outbox.update(|outbox| outbox.merge(Outbox::read(&text)));
    }
    let link = Link(Rc::new(RefCell::new(State::default())), live, role);
    let owned = StoredValue::new_local(link.clone());

    Effect::new(move || {
        live.outbox.track();
        live.outbox.with_untracked(|outbox| browser::store(&key, outbox.written().as_deref()));
        owned.with_value(Link::flush);
    });
    let have = move |act: fn(&Link)| {
        owned.try_with_value(act);
    };
    let tick = set_interval_with_handle(move || have(Link::tick), Duration::from_millis(TICK));
    let wake = move || have(Link::wake);
    let listeners = [
        window_event_listener_untyped("online", move |_| wake()),
        window_event_listener_untyped("pageshow", move |_| wake()),
        window_event_listener_untyped("offline", move |_| have(Link::went_offline)),
    ];
    let seen = window_event_listener_untyped("visibilitychange", move |_| {
        if !browser::hidden() {
            wake();
        }
    });
    on_cleanup(move || {
        if let Ok(tick) = tick {
            tick.clear();
        }
        listeners.into_iter().chain([seen]).for_each(|listener| listener.remove());
        have(Link::end);
    });
    link.open();
}

/// The one socket at a time, and when to do what about it. All times are milliseconds of our own clock.
#[derive(Default)]
struct State {
    /// Rises with every socket; what an older one says is not heard.
    generation: u32,
    socket: Option<web_sys::WebSocket>,
    /// The answer to `join` has come.
    joined: bool,
    /// No more tries.
    ended: bool,
    /// Tries since the last success.
    tries: u32,
    /// When to try again.
    retry_at: i64,
    /// The server asked for at least this pause.
    asked_pause: i64,
    heartbeat: i64,
    heard: i64,
    said: i64,
    /// The latest time for a sign of life.
    deadline: i64,
}

#[derive(Clone)]
struct Link(Rc<RefCell<State>>, Live, Option<Role>);

impl Link {
    /// Opens a new socket in place of whatever there was.
    fn open(&self) {
        let now = browser::now().millis();
        self.retire();
        if !browser::online() {
            self.wait(now);
            return;
        }
        let Ok(socket) = web_sys::WebSocket::new_with_str(&address(), SUBPROTOCOL) else {
            self.wait(now);
            return;
        };
        let Ok(mut stream) = WebSocket::try_from(socket.clone()) else {
            self.wait(now);
            return;
        };
        let generation = {
            let mut state = self.0.borrow_mut();
            state.socket = Some(socket);
            state.heartbeat = HEARTBEAT;
            state.heard = now;
            state.said = now;
            state.deadline = now + OPENING;
            state.generation
        };
        if self.1.connection.get_untracked() != Connection::Connecting {
            self.tell(Connection::Reconnecting(0));
        }
        let link = self.clone();
        spawn_local(async move {
            let mut code = 0;
            while let Some(next) = stream.next().await {
                if !link.is(generation) {
                    return;
                }
                match next {
                    Ok(Message::Text(text)) => link.hear(&text),
                    Ok(Message::Bytes(_)) | Err(WebSocketError::ConnectionError) => {}
                    Err(WebSocketError::ConnectionClose(event)) => code = event.code,
                    Err(_) => {}
                }
            }
            if link.is(generation) {
                link.lost(code);
            }
        });
    }

    fn is(&self, generation: u32) -> bool {
        self.0.borrow().generation == generation
    }

    /// One message of the server.
    fn hear(&self, text: &str) {
        let now = browser::now();
        {
            let mut state = self.0.borrow_mut();
            state.heard = now.millis();
            state.deadline = i64::MAX;
        }
        let Some(message) = super::incoming::read(text) else { return };
        let Self(_, live, role) = self;
        match &message {
            ServerMessage::Hello { heartbeat_secs, .. } => {
                self.0.borrow_mut().heartbeat = i64::try_from(*heartbeat_secs).unwrap_or(30).max(1) * 1_000;
                self.say(&ClientMessage::Join { room: live.code(), role: *role });
            }
            ServerMessage::Receipt(receipt) => {
                let status = match (receipt.status, receipt.reason) {
                    (Status::Accepted, _) => VoteStatus::Received,
                    (Status::Recorded, _) => VoteStatus::Counted,
                    (Status::Refused, reason) => {
                        VoteStatus::Refused(reason.unwrap_or(domain::Reason::Superseded))
                    }
                };
                let mut known = false;
                live.outbox.try_update(|outbox| known = outbox.settle(receipt, now.millis()));
                let round =
                    live.room.try_with(|room| room.poll(receipt.poll).map(|poll| poll.round)).flatten();
                live.answers.try_update(|all| {
                    let again = all.iter().any(|(_, _, ballot, _)| *ballot == receipt.ballot);
                    if let (true, Some(round)) = (known || again, round) {
                        all.retain(|(poll, ..)| *poll != receipt.poll);
                        all.push((receipt.poll, round, receipt.ballot, status));
                    }
                });
            }
            ServerMessage::Error { code, .. } => self.complain(*code),
            ServerMessage::Bye { reason: ByeReason::Logout, .. } => {
                self.end();
                return browser::reload();
            }
            ServerMessage::Bye { retry_after_ms, .. } => {
                self.0.borrow_mut().asked_pause = i64::try_from(*retry_after_ms).unwrap_or(LONGEST_PAUSE);
            }
            _ => {}
        }
        let joined = matches!(message, ServerMessage::Room { .. });
        if (joined || matches!(message, ServerMessage::Receipt(_)))
            && live.notice.try_get_untracked().flatten() == Some(Notice::TooFast)
        {
            live.notice.try_set(None);
        }
        live.room.try_update(|room| room.apply(message, now));
        if joined {
            self.joined();
        }
        self.show_time();
    }

    /// The room's answer: from here on all is live, and what the last socket left open is sent again.
    fn joined(&self) {
        let Self(state, live, _) = self;
        let first = {
            let mut state = state.borrow_mut();
            state.tries = 0;
            state.asked_pause = 0;
            !std::mem::replace(&mut state.joined, true)
        };
        self.tell(Connection::Live);
        live.room.with_untracked(|room| {
            live.outbox.try_update(|outbox| {
                outbox.prune(&room.room.polls);
                if first {
                    outbox.all_due();
                }
            });
        });
    }

    /// Sends the ballots of this room that are due.
    fn flush(&self) {
        let Self(state, live, _) = self;
        if !state.borrow().joined {
            return;
        }
        let now = browser::now().millis();
        let due = live.room.with_untracked(|room| {
            let ours = |id| room.room.polls.iter().any(|poll| poll.id == id);
            // Not told to the signal's readers: nobody sees when a ballot is next due.
            live.outbox.try_update_untracked(|outbox| outbox.take_due(now, ours))
        });
        for entry in due.into_iter().flatten() {
            self.say(&ClientMessage::Vote { poll: entry.poll, ballot: entry.ballot, choice: entry.choice });
        }
    }

    fn say(&self, message: &ClientMessage) {
        let mut state = self.0.borrow_mut();
        if let (Some(socket), Ok(text)) = (&state.socket, serde_json::to_string(message))
            && socket.ready_state() == web_sys::WebSocket::OPEN
            && socket.send_with_str(&text).is_ok()
        {
            state.said = browser::now().millis();
        }
    }

    /// Beats, notices silence, counts down, sends again.
    fn tick(&self) {
        self.show_time();
        let now = browser::now().millis();
        let (open, silent, beat, retry_at, ended) = {
            let state = self.0.borrow();
            let silent = now > state.deadline || now - state.heard > state.heartbeat * 3 / 2;
            let beat = now - state.said >= state.heartbeat * 9 / 10;
            (state.socket.is_some(), silent, beat, state.retry_at, state.ended)
        };
        if ended {
        } else if open && silent {
            self.lost(0);
        } else if open {
            if beat {
                self.say(&ClientMessage::Ping);
            }
            self.flush();
        } else if !browser::online() {
            self.tell(Connection::Offline);
        } else if now >= retry_at {
            self.open();
        } else {
            self.tell(Connection::Reconnecting((retry_at - now + 999) / 1_000));
        }
    }

    /// Somebody is back: a socket that lives has to say so soon, a lost one is tried again at once.
    fn wake(&self) {
        let open = {
            let mut state = self.0.borrow_mut();
            if state.ended {
                return;
            }
            state.tries = 0;
            if state.socket.is_some() && state.joined {
                state.deadline = browser::now().millis() + PROBE;
            }
            state.socket.is_some()
        };
        if open {
            self.say(&ClientMessage::Ping);
        } else {
            self.open();
        }
    }

    fn went_offline(&self) {
        self.retire();
        self.wait(browser::now().millis());
    }

    /// The socket is gone, with this close code.
    fn lost(&self, code: u16) {
        let joined = self.0.borrow().joined;
        self.retire();
        if code == close::NOT_AUTHENTICATED {
            self.1.notice.try_set(Some(Notice::SignedOut));
            return self.end();
        }
        if !joined {
            // Refused before it said a word: the session's cookie may want renewing, which any request does.
            spawn_local(async { drop(functions::load_visitor().await) });
        }
        self.wait(browser::now().millis());
    }

    /// Sets when to try again.
    fn wait(&self, now: i64) {
        let pause = {
            let mut state = self.0.borrow_mut();
            let longest = FIRST_PAUSE.saturating_mul(1 << state.tries.min(8)).min(LONGEST_PAUSE);
            state.tries += 1;
            let [random, ..] = browser::random();
            let pause = (longest / 2 + longest / 2 * i64::from(random) / 255).max(state.asked_pause);
            state.retry_at = now + pause;
            pause
        };
        let online = browser::online();
        self.tell(if online { Connection::Reconnecting((pause + 999) / 1_000) } else { Connection::Offline });
    }

    /// Makes the socket one of the past.
    fn retire(&self) {
        let socket = {
            let mut state = self.0.borrow_mut();
            state.generation += 1;
            state.joined = false;
            state.deadline = i64::MAX;
            state.socket.take()
        };
        if let Some(socket) = socket {
            let _ = socket.close();
        }
    }

    fn end(&self) {
        self.retire();
        self.0.borrow_mut().ended = true;
        self.tell(Connection::Ended);
    }

    fn complain(&self, code: ErrorCode) {
        let notice = match code {
            ErrorCode::NoSuchRoom => Notice::RoomGone,
            ErrorCode::RateLimited => Notice::TooFast,
            _ => return,
        };
        self.1.notice.try_set(Some(notice));
        if notice == Notice::RoomGone {
            self.end();
        }
    }

    fn tell(&self, connection: Connection) {
        if self.1.connection.try_get_untracked().is_some_and(|known| known != connection) {
            self.1.connection.try_set(connection);
        }
    }

    fn show_time(&self) {
        if let Some(Some(offset)) = self.1.room.try_with_untracked(|room| room.offset) {
            self.1.now.try_set(browser::now().millis() + offset);
        }
    }
}

/// Where the socket is: beside the page.
fn address() -> String {
    let location = location();
    let secure = location.protocol().is_ok_and(|protocol| protocol == "https:");
    format!("{}://{}/ws", if secure { "wss" } else { "ws" }, location.host().unwrap_or_default())
}
