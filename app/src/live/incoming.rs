//! Reading what the server says. Its messages carry their type beside their fields; to read that in one go, the
//! derived reader keeps everything in between and has each type's reader twice. Looking at the type first
//! costs a second look at a few short frames and keeps a tenth of the script off every phone.

use domain::wire::{ByeReason, ErrorCode};
use domain::{BallotId, Choice, Identity, Poll, PollId, Room, RoomCode, ServerMessage};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

/// A frame as a message. What can't be read is of a later version of the contract, and none.
pub(super) fn read(frame: &str) -> Option<ServerMessage> {
    let Type { kind } = serde_json::from_str(frame).ok()?;
    Some(match kind {
        "hello" => {
            let Hello { protocol, you, heartbeat_secs } = fields(frame)?;
            ServerMessage::Hello { protocol, you, heartbeat_secs }
        }
        "room" => {
            let RoomNow { room, participants } = fields(frame)?;
            ServerMessage::Room { room, participants }
        }
        "poll" => ServerMessage::Poll { poll: fields::<PollNow>(frame)?.poll },
        "yours" => {
            let Yours { poll, results_visible, choice, ballot } = fields(frame)?;
            ServerMessage::Yours { poll, results_visible, choice, ballot }
        }
        "poll_removed" => ServerMessage::PollRemoved { poll: fields::<PollGone>(frame)?.poll },
        "tally" => ServerMessage::Tally(fields(frame)?),
        "receipt" => ServerMessage::Receipt(fields(frame)?),
        "presence" => {
            let Presence { room, participants } = fields(frame)?;
            ServerMessage::Presence { room, participants }
        }
        "room_closed" => ServerMessage::RoomClosed { room: fields::<Code>(frame)?.room },
        "left" => ServerMessage::Left { room: fields::<Code>(frame)?.room },
        "pong" => ServerMessage::Pong,
        "error" => {
            let Error { code, message } = fields(frame)?;
            ServerMessage::Error { code, message }
        }
        "bye" => {
            let Bye { reason, retry_after_ms } = fields(frame)?;
            ServerMessage::Bye { reason, retry_after_ms }
        }
        _ => return None,
    })
}

fn fields<T: DeserializeOwned>(frame: &str) -> Option<T> {
    serde_json::from_str(frame).ok()
}

#[derive(Deserialize)]
struct Type<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
}

#[derive(Deserialize)]
struct Hello {
    protocol: u32,
    you: Identity,
    heartbeat_secs: u64,
}

#[derive(Deserialize)]
struct RoomNow {
    room: Room,
    participants: u64,
}

#[derive(Deserialize)]
struct PollNow {
    poll: Poll,
}

#[derive(Deserialize)]
struct PollGone {
    poll: PollId,
}

#[derive(Deserialize)]
struct Yours {
    poll: PollId,
    results_visible: bool,
    #[serde(default, deserialize_with = "present")]
    choice: Option<Option<Choice>>,
    ballot: Option<BallotId>,
}

/// Null says something other than absence: that the vote was taken back.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<Choice>>, D::Error> {
    Option::deserialize(from).map(Some)
}

#[derive(Deserialize)]
struct Presence {
    room: RoomCode,
    participants: u64,
}

#[derive(Deserialize)]
struct Code {
    room: RoomCode,
}

#[derive(Deserialize)]
struct Error {
    code: ErrorCode,
    message: String,
}

#[derive(Deserialize)]
struct Bye {
    reason: ByeReason,
    retry_after_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kind of message, as the contract writes it.
    const FRAMES: [&str; 15] = [
        r#"{"type":"hello","protocol":1,"you":{"id":"019a9f3e-0000-7000-8000-000000000001","kind":"guest"},"heartbeat_secs":30}"#,
        r#"{"type":"room","room":{"id":"019a9f3e-0000-7000-8000-000000000002","code":"K7M2QX","title":"T","is_host":false,"settings":{"results":"always","change_vote":true,"voters":"guest"},"current":null,"polls":[],"created_at":"2026-01-01T00:00:00.000Z"},"participants":12}"#,
        r#"{"type":"poll","poll":{"id":"019a9f3e-0000-7000-8000-000000000003","room":"K7M2QX","position":0,"question":"Q","kind":{"type":"rating","max":5},"options":[],"state":"open","round":1,"revealed":null,"server_time":"2026-01-01T00:00:00.000Z"}}"#,
        r#"{"type":"yours","poll":"019a9f3e-0000-7000-8000-000000000003","results_visible":true}"#,
        r#"{"type":"yours","poll":"019a9f3e-0000-7000-8000-000000000003","results_visible":true,"choice":null,"ballot":"019a9f3e-0000-7000-8000-000000000004"}"#,
        r#"{"type":"yours","poll":"019a9f3e-0000-7000-8000-000000000003","results_visible":true,"choice":{"options":[0,2]}}"#,
        r#"{"type":"poll_removed","poll":"019a9f3e-0000-7000-8000-000000000003"}"#,
        r#"{"type":"tally","poll":"019a9f3e-0000-7000-8000-000000000003","round":0,"epoch":1,"version":7,"ballots":2,"marks":{"0":2},"distinct":1,"provisional":false,"final":true}"#,
        r#"{"type":"receipt","ballot":"019a9f3e-0000-7000-8000-000000000004","poll":"019a9f3e-0000-7000-8000-000000000003","status":"refused","reason":"closed"}"#,
        r#"{"type":"presence","room":"K7M2QX","participants":12}"#,
        r#"{"type":"error","code":"rate_limited","message":"m"}"#,
        r#"{"type":"bye","reason":"restart","retry_after_ms":1500}"#,
        r#"{"type":"room_closed","room":"K7M2QX"}"#,
        r#"{"type":"left","room":"K7M2QX"}"#,
        r#"{"type":"pong"}"#,
    ];

    #[test]
    fn reads_what_the_derived_reader_reads() {
        for frame in FRAMES {
            let derived: ServerMessage = serde_json::from_str(frame).unwrap();
            assert_eq!(read(frame), Some(derived), "{frame}");
        }
    }

    #[test]
    fn later_messages_are_none() {
        for frame in ["", "[]", "{}", r#"{"type":"dance"}"#, r#"{"type":"room"}"#] {
            assert_eq!(read(frame), None, "{frame}");
        }
    }
}
