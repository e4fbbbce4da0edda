//! What requests carry, read so that whatever is wrong with it is told as a problem.

use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use domain::{FieldError, PollId, Problem, SessionId};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::http::functions::unread;
use crate::http::problem::{Refused, unsupported_media_type};
use crate::service::no_such_session;

/// A body of JSON.
pub(super) struct Json<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        if !is_json(request.headers()) {
            return Err(unsupported_media_type("application/json").into());
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| unread(&rejection))?;
        Ok(parse(&body).map(Self)?)
    }
}

/// A body of JSON that may be left out.
pub(super) struct Optional<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for Optional<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let json = is_json(request.headers());
        let body = Bytes::from_request(request, state).await.map_err(|rejection| unread(&rejection))?;
        if body.is_empty() {
            return Ok(Self(T::default()));
        }
        if !json {
            return Err(unsupported_media_type("application/json").into());
        }
        Ok(parse(&body).map(Self)?)
    }
}

/// The room code in the path, as typed. What is no text is no room's code.
pub(in crate::http) struct Code(pub(in crate::http) String);

impl<S: Send + Sync> FromRequestParts<S> for Code {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        path.map(|Path(code)| Self(code)).map_err(|_| Problem::no_such_room().into())
    }
}

/// The poll's id in the path. What is no id is no poll's.
pub(super) struct Poll(pub(super) PollId);

impl<S: Send + Sync> FromRequestParts<S> for Poll {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        id(parts, state).await.map(Self).ok_or_else(|| Problem::no_such_poll().into())
    }
}

/// The session's id in the path. What is no id is no session's.
pub(super) struct Session(pub(super) SessionId);

impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        id(parts, state).await.map(Self).ok_or_else(|| no_such_session().into())
    }
}

async fn id<T: FromStr, S: Send + Sync>(parts: &mut Parts, state: &S) -> Option<T> {
    let Path(id) = Path::<String>::from_request_parts(parts, state).await.ok()?;
    id.parse().ok()
}

/// How much is told of what is wrong with a field, in characters.
const LONGEST_MESSAGE: usize = 200;

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// What is no JSON is malformed; JSON that says something else than was asked for is invalid input.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice::<IgnoredAny>(body)
        .map_err(|error| Problem::new(400, "malformed_json", format!("The body is not JSON: {error}.")))?;
    let mut source = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut source)
        .map_err(|error| refusal(&error.path().to_string(), error.inner()))
}

fn refusal(path: &str, error: &serde_json::Error) -> Problem {
    let written = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let message = written.strip_suffix(&place).unwrap_or(&written);
    // It repeats what was sent, which may be as long as a body.
    let message = message.char_indices().nth(LONGEST_MESSAGE).map_or(message, |(end, _)| &message[..end]);
    let path = if path == "." { "" } else { path };
    // Of a missing field the path names only what it is missing in, and serde has no kind of error for it; the
    // test of wrong input notices when its words change.
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    let error = match missing {
        Some(name) if path.is_empty() => FieldError::new(name, "is missing"),
        Some(name) if path.ends_with(name) => FieldError::new(path, "is missing"),
        Some(name) => FieldError::new(format!("{path}.{name}"), "is missing"),
        None if path.is_empty() => FieldError::new("body", message),
        None => FieldError::new(path, message),
    };
    Problem::invalid(vec![error])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use axum::http::HeaderValue;
    use domain::NewRoom;

    fn refused(body: &str) -> Problem {
        parse::<NewRoom>(body.as_bytes()).unwrap_err()
    }

    fn field(body: &str) -> String {
        let problem = refused(body);
        assert_eq!((problem.status, problem.code.as_ref()), (422, "invalid_input"), "{problem:?}");
        problem.errors[0].field.clone()
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for body in ["", "{", "nonsense", r#"{"title":"a"} more"#, r#"{"title":"a",}"#] {
            assert_eq!(
                (refused(body).status, refused(body).code.as_ref()),
                (400, "malformed_json"),
                "{body}"
            );
        }
    }

    #[test]
    fn an_answer_does_not_repeat_a_whole_body() {
        let long = "ü".repeat(60_000);
        for body in [format!(r#"{{"title":"a","settings":"{long}"}}"#), format!(r#"{{"title":["{long}"]}}"#)]
        {
            let problem = refused(&body);
            assert_eq!(problem.code, "invalid_input");
            assert!(serde_json::to_string(&problem).unwrap().len() < 2_000, "{problem:.300?}");
        }
    }

    #[test]
    fn wrong_input_names_its_field() {
        assert_eq!(field("[]"), "body");
        let two = serde_json::from_value::<domain::Choice>(serde_json::json!({"option": 0, "rating": 1}));
        assert!(
            two.is_err() && parse::<domain::Choice>(br#"{"option":0,"rating":1}"#).unwrap_err().status == 422
        );
        assert_eq!(field("{}"), "title");
        assert_eq!(field(r#"{"title":7}"#), "title");
        assert_eq!(field(r#"{"title":"a","settings":{"results":"sometimes"}}"#), "settings.results");
        let poll = |poll: &str| format!(r#"{{"title":"a","polls":[{poll}]}}"#);
        assert_eq!(field(&poll("{}")), "polls[0].question");
        assert_eq!(field(&poll(r#"{"question":"q","kind":{"type":"dance"}}"#)), "polls[0].kind.type");
        assert_eq!(
            field(&poll(r#"{"question":"q","kind":{"type":"single"},"options":[1]}"#)),
            "polls[0].options[0]"
        );
    }

    /// Good input of each kind, to be spoilt.
    const GOOD: [&str; 5] = [
        r#"{"title":"Tea","settings":{"results":"always","change_vote":true,"voters":"guest"},"polls":[{"question":"?","kind":{"type":"multiple","min":1,"max":2},"options":["a","b"]}]}"#,
        r#"{"question":"?","kind":{"type":"rating","max":5}}"#,
        r#"{"title":"T","poll_order":["019a9f3e-0000-7000-8000-000000000001"]}"#,
        r#"{"options":[0,1]}"#,
        r#"{"text":"blue"}"#,
    ];

    /// Whatever comes, what is refused says why, in a way that clients know.
    fn read_as_everything(body: &[u8]) -> std::result::Result<(), TestCaseError> {
        fn check<T: DeserializeOwned>(body: &[u8]) -> std::result::Result<(), TestCaseError> {
            if let Err(problem) = parse::<T>(body) {
                let is_known = match problem.status {
                    400 => problem.code == "malformed_json",
                    422 => problem.code == "invalid_input" && problem.errors.len() == 1,
                    _ => false,
                };
                prop_assert!(is_known, "{problem:?}");
            }
            Ok(())
        }
        check::<NewRoom>(body)?;
        check::<domain::NewPoll>(body)?;
        check::<domain::RoomPatch>(body)?;
        check::<domain::PollPatch>(body)?;
        check::<domain::Choice>(body)?;
        check::<crate::service::NewAccount>(body)
    }

    proptest! {
        #[test]
        fn no_bytes_are_more_than_a_bad_body(bytes: Vec<u8>) {
            read_as_everything(&bytes)?;
        }

        #[test]
        fn no_spoilt_body_is_more_than_a_bad_body(which in 0..GOOD.len(), at in 0..200_usize, cut in 0..9_usize, put in "\\PC{0,4}|[\\[\\]{}\":,0-9e.-]{0,6}|null|true") {
            let mut body = GOOD[which].as_bytes().to_vec();
            let at = at.min(body.len());
            let end = (at + cut).min(body.len());
            body.splice(at..end, put.bytes());
            read_as_everything(&body)?;
        }
    }

    #[test]
    fn only_json_is_json() {
        let is =
            |value| is_json(&HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(value))]));
        assert!(
            is("application/json")
                && is("Application/JSON; charset=utf-8")
                && is("application/merge-patch+json")
        );
        assert!(!is("text/plain") && !is("text/json") && !is("") && !is_json(&HeaderMap::new()));
    }
}
