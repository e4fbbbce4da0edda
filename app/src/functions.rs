//! Server functions: what pages call. Each has a fixed path under `/fn`, takes POST, and hands over to
//! the [`Backend`](crate::backend::Backend), where the rules are.

#![expect(missing_docs, reason = "the macro makes a public field of every argument")]

use domain::{NewPoll, NewRoom, Poll, PollId, PollPatch, Problem, Room, RoomList, RoomPatch};

use leptos::prelude::*;
use leptos::server_fn::codec::Post;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use leptos::server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType};
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Serialize};

#[cfg(feature = "ssr")]
use crate::backend::backend;
use crate::data::{HostAction, RoomPage, Visitor};

/// What goes to a server function and what comes back.
type Json = Post<TextJson>;

/// JSON that is read as text and not as bytes: all else that pages read is text, so one reader does for both.
#[derive(Debug)]
pub struct TextJson;

impl ContentType for TextJson {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for TextJson {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for TextJson {
    type Error = serde_json::Error;

    fn encode(output: &T) -> Result<Bytes, Self::Error> {
        serde_json::to_string(output).map(Bytes::from)
    }
}

impl<T: DeserializeOwned> Decodes<T> for TextJson {
    type Error = serde_json::Error;

    fn decode(bytes: Bytes) -> Result<T, Self::Error> {
        serde_json::from_str(str::from_utf8(&bytes).map_err(serde_json::Error::custom)?)
    }
}

/// Why a server function failed: the server's problem, or the way there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure(pub Problem);

impl FromServerFnError for Failure {
    type Encoder = TextJson;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        Self(match error {
            ServerFnErrorErr::Request(_) => Problem::new(503, "unreachable", "The server cannot be reached."),
            ServerFnErrorErr::Args(_)
            | ServerFnErrorErr::Deserialization(_)
            | ServerFnErrorErr::MissingArg(_) => {
                Problem::new(400, "bad_request", "The request could not be understood.")
            }
            _ => Problem::internal(),
        })
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Who looks at the page.
#[server(prefix = "/fn", endpoint = "load_visitor", input = Json, output = Json)]
pub async fn load_visitor() -> Result<Visitor, Failure> {
    Ok(backend()?.visitor())
}

/// A room for a page.
#[server(prefix = "/fn", endpoint = "load_room", input = Json, output = Json)]
pub async fn load_room(code: String) -> Result<RoomPage, Failure> {
    Ok(answer(backend()?.room_page(&code).await)?)
}

/// The asker's rooms.
#[server(prefix = "/fn", endpoint = "load_rooms", input = Json, output = Json)]
pub async fn load_rooms(search: Option<String>, cursor: Option<String>) -> Result<RoomList, Failure> {
    Ok(answer(backend()?.rooms(search.as_deref(), cursor.as_deref()).await)?)
}

/// Makes a room.
#[server(prefix = "/fn", endpoint = "create_room", input = Json, output = Json)]
pub async fn create_room(room: NewRoom) -> Result<Room, Failure> {
    Ok(answer(backend()?.create_room(room).await)?)
}

/// Changes a room.
#[server(prefix = "/fn", endpoint = "change_room", input = Json, output = Json)]
pub async fn change_room(code: String, patch: RoomPatch) -> Result<Room, Failure> {
    Ok(answer(backend()?.change_room(&code, patch).await)?)
}

/// Deletes a room.
#[server(prefix = "/fn", endpoint = "delete_room", input = Json, output = Json)]
pub async fn delete_room(code: String) -> Result<(), Failure> {
    Ok(answer(backend()?.delete_room(&code).await)?)
}

/// Copies a room.
#[server(prefix = "/fn", endpoint = "duplicate_room", input = Json, output = Json)]
pub async fn duplicate_room(code: String) -> Result<Room, Failure> {
    Ok(answer(backend()?.duplicate_room(&code).await)?)
}

/// Chooses the current poll.
#[server(prefix = "/fn", endpoint = "set_current", input = Json, output = Json)]
pub async fn set_current(code: String, poll: Option<PollId>) -> Result<Room, Failure> {
    Ok(answer(backend()?.set_current(&code, poll).await)?)
}

/// Adds a poll.
#[server(prefix = "/fn", endpoint = "add_poll", input = Json, output = Json)]
pub async fn add_poll(code: String, poll: NewPoll) -> Result<Poll, Failure> {
    Ok(answer(backend()?.add_poll(&code, poll).await)?)
}

/// Changes a draft.
#[server(prefix = "/fn", endpoint = "change_poll", input = Json, output = Json)]
pub async fn change_poll(poll: PollId, patch: PollPatch) -> Result<Poll, Failure> {
    Ok(answer(backend()?.change_poll(poll, patch).await)?)
}

/// Deletes a poll.
#[server(prefix = "/fn", endpoint = "delete_poll", input = Json, output = Json)]
pub async fn delete_poll(poll: PollId) -> Result<(), Failure> {
    Ok(answer(backend()?.delete_poll(poll).await)?)
}

/// Opens, closes, reveals, hides or resets a poll.
#[server(prefix = "/fn", endpoint = "act", input = Json, output = Json)]
pub async fn act(poll: PollId, action: HostAction) -> Result<Poll, Failure> {
    Ok(answer(backend()?.act(poll, action).await)?)
}

/// Gives the response of a failure its HTTP status, pages included: a room that is not there is a 404.
#[cfg(feature = "ssr")]
pub(crate) fn answer<T>(result: Result<T, Problem>) -> Result<T, Problem> {
    if let (Err(problem), Some(response)) = (&result, use_context::<leptos_axum::ResponseOptions>())
        && let Ok(status) = http::StatusCode::from_u16(problem.status)
    {
        response.set_status(status);
        if let Some(wait) = problem.retry_after_secs {
            response.insert_header(http::header::RETRY_AFTER, wait.into());
        }
    }
    result
}
