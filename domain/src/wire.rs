//! The messages of the socket, subprotocol `voxpop.v1`: one JSON object a text frame.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::choice::nullable;
use crate::{BallotId, Choice, Identity, Poll, PollId, Receipt, Room, RoomCode, Tally};

/// The subprotocol that a client asks for.
pub const SUBPROTOCOL: &str = "voxpop.v1";

/// What a client says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ClientMessage {
    /// Who it is; later again to renew the session.
    Auth {
        /// An access token.
        token: String,
    },
    /// Show me this room.
    Join {
        /// Its code, as typed.
        room: String,
        /// What for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<Role>,
    },
    /// Show it no more.
    Leave {
        /// Its code, as typed.
        room: String,
    },
    /// Cast a ballot.
    Vote {
        /// In this poll.
        poll: PollId,
        /// Its id.
        #[serde(deserialize_with = "BallotId::of_client")]
        ballot: BallotId,
        /// What it chooses; null withdraws. It must be there: a message cut short is no withdrawal.
        #[serde(deserialize_with = "required")]
        choice: Option<Choice>,
    },
    /// I am still here.
    Ping,
}

/// What a client joins for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// To show the room to others: not counted among the participants.
    Screen,
}

/// A frame that is no message: what to tell its sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadMessage {
    /// It is no JSON object with the fields that its type needs.
    Malformed,
    /// It has a type that is not known here.
    UnknownType,
}

impl ClientMessage {
    /// Reads a frame.
    pub fn parse(frame: &str) -> Result<Self, BadMessage> {
        serde_json::from_str(frame).map_err(|_| match serde_json::from_str::<Value>(frame) {
            Ok(Value::Object(object)) => match object.get("type").and_then(Value::as_str) {
                Some("auth" | "join" | "leave" | "vote" | "ping") | None => BadMessage::Malformed,
                Some(_) => BadMessage::UnknownType,
            },
            _ => BadMessage::Malformed,
        })
    }
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The first message: who you are.
    Hello {
        /// The version of this contract.
        protocol: u32,
        /// Who you are.
        you: Identity,
        /// Say something at least this often, in seconds.
        heartbeat_secs: u64,
    },
    /// The room as you may see it.
    Room {
        /// The room.
        room: Room,
        /// How many people are in it.
        participants: u64,
    },
    /// The room was deleted.
    RoomClosed {
        /// Its code.
        room: RoomCode,
    },
    /// A poll was created or changed.
    Poll {
        /// The poll, without what is personal.
        poll: Poll,
    },
    /// What is personal about a poll has changed.
    Yours {
        /// The poll.
        poll: PollId,
        /// Whether you may see its results.
        results_visible: bool,
        /// Your choice; null when withdrawn, absent when you have none.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "nullable")]
        choice: Option<Option<Choice>>,
        /// The ballot that it came with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ballot: Option<BallotId>,
    },
    /// A poll was deleted.
    PollRemoved {
        /// The poll.
        poll: PollId,
    },
    /// How a poll stands.
    Tally(Tally),
    /// What became of a ballot of yours.
    Receipt(Receipt),
    /// How many people are in the room.
    Presence {
        /// The room.
        room: RoomCode,
        /// How many.
        participants: u64,
    },
    /// You have left.
    Left {
        /// The room.
        room: RoomCode,
    },
    /// I am still here too.
    Pong,
    /// What you sent was not carried out; the connection stays open.
    Error {
        /// Stable, for programs.
        code: ErrorCode,
        /// For a person.
        message: String,
    },
    /// The connection is about to be closed.
    Bye {
        /// Why.
        reason: ByeReason,
        /// When to come back, in milliseconds.
        retry_after_ms: u64,
    },
}

/// Why a message was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The frame is no message.
    BadMessage,
    /// The message has a type that is not known here.
    UnknownType,
    /// No room has this code.
    NoSuchRoom,
    /// No poll that you may see has this id.
    NoSuchPoll,
    /// Join the room first.
    NotJoined,
    /// You may not do that.
    Forbidden,
    /// Too much at once.
    RateLimited,
}

/// Why the server closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ByeReason {
    /// The server restarts.
    Restart,
    /// The session ended.
    Logout,
    /// Too slow to take what is sent.
    Slow,
    /// Nothing was heard for too long.
    Idle,
}

/// WebSocket close codes.
pub mod close {
    /// A frame was over 4 KiB.
    pub const TOO_BIG: u16 = 1009;
    /// The server restarts.
    pub const RESTART: u16 = 1012;
    /// Too many bad messages.
    pub const BAD_MESSAGES: u16 = 4400;
    /// Not authenticated, or the session ended.
    pub const NOT_AUTHENTICATED: u16 = 4401;
    /// Too slow or idle.
    pub const SLOW_OR_IDLE: u16 = 4408;
    /// Flooding.
    pub const FLOODING: u16 = 4429;
}

/// Reads a field that may be null and may not be absent.
pub fn required<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use proptest::prelude::*;

    const VOTE: &str = r#"{"type":"vote","poll":"019a9f3e-0000-7000-8000-000000000001","ballot":"019a9f3e-0000-7000-8000-000000000002","choice":null}"#;

    #[test]
    fn reads_every_message() {
        for frame in [
            r#"{"type":"auth","token":"t"}"#,
            r#"{"type":"join","room":"K7M2QX","role":"screen"}"#,
            r#"{"type":"join","room":"K7M2QX","later":"field"}"#,
            r#"{"type":"leave","room":"K7M2QX"}"#,
            r#"{"type":"ping"}"#,
            VOTE,
        ] {
            let message = ClientMessage::parse(frame).unwrap_or_else(|bad| panic!("{frame}: {bad:?}"));
            let again = serde_json::to_string(&message).unwrap();
            assert_eq!(ClientMessage::parse(&again), Ok(message));
        }
    }

    #[test]
    fn a_vote_without_a_choice_is_no_withdrawal() {
        let cut = VOTE.replace(r#","choice":null"#, "");
        assert_eq!(ClientMessage::parse(&cut), Err(BadMessage::Malformed));
    }

    #[test]
    fn tells_unknown_types_from_malformed_frames() {
        assert_eq!(ClientMessage::parse(r#"{"type":"dance"}"#), Err(BadMessage::UnknownType));
        for frame in
            ["", "null", "[]", "{}", r#"{"type":7}"#, r#"{"type":"join"}"#, r#"{"type":"vote","poll":1}"#]
        {
            assert_eq!(ClientMessage::parse(frame), Err(BadMessage::Malformed), "{frame}");
        }
    }

    #[test]
    fn server_messages_carry_their_type_beside_their_fields() {
        let poll = PollId::new(Timestamp::from_millis(0), [0; 10]);
        let message = ServerMessage::Yours { poll, results_visible: true, choice: Some(None), ballot: None };
        let json = serde_json::to_string(&message).unwrap();
        assert!(
            json.starts_with(r#"{"type":"yours","poll":""#) && json.ends_with(r#""choice":null}"#),
            "{json}"
        );
        assert_eq!(serde_json::to_string(&ServerMessage::Pong).unwrap(), r#"{"type":"pong"}"#);
    }

    proptest! {
        #[test]
        fn no_text_panics(frame: String) {
            let _ = ClientMessage::parse(&frame);
        }

        #[test]
        fn no_json_panics(kind in "auth|join|leave|vote|ping|x", key in "room|poll|choice|token|ballot", value in "\\PC{0,40}|[0-9]{1,30}|null|\\{\\}|\\[[0-9,]{0,9}\\]") {
            let _ = ClientMessage::parse(&format!(r#"{{"type":"{kind}","{key}":{value}}}"#));
            let _ = ClientMessage::parse(&VOTE.replace("null", &value));
        }
    }
}
