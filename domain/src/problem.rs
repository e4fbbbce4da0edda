//! What meets the user when something cannot be done: RFC 9457 problem details with a stable code.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An error as a client sees it. It says what happened and what to do, and holds nothing internal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Always `about:blank`: the code says what kind of problem it is.
    #[serde(rename = "type")]
    kind: Cow<'static, str>,
    /// The HTTP status in words.
    pub title: Cow<'static, str>,
    /// The HTTP status.
    pub status: u16,
    /// What happened, for a person.
    pub detail: String,
    /// What happened, for a program; stable.
    pub code: Cow<'static, str>,
    /// What is wrong with which field of the input.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// When it is worth trying again, in seconds; `Retry-After` says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_secs: Option<u64>,
}

/// What is wrong with one field of the input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldError {
    /// The field's name in the input, with an index for lists: `options[2]`.
    pub field: String,
    /// What is wrong with it, for a person.
    pub message: String,
}

impl FieldError {
    /// One field and what is wrong with it.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl Problem {
    /// A problem with this status, code and explanation.
    pub fn new(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank".into(),
            title: title(status).into(),
            status,
            detail: detail.into(),
            code: code.into(),
            errors: Vec::new(),
            retry_after_secs: None,
        }
    }

    /// Input that was understood and is not allowed: 422 `invalid_input`.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [one] => format!("{} {}", one.field, one.message),
            _ => format!("{} fields need another look", errors.len()),
        };
        Self { errors, ..Self::new(422, "invalid_input", detail) }
    }

    /// This problem, with what is wrong with one field.
    #[must_use]
    pub fn with_field(mut self, error: FieldError) -> Self {
        self.errors.push(error);
        self
    }

    /// This problem, with when it is worth trying again: whole seconds, rounded up.
    #[must_use]
    pub fn with_retry_after(self, wait: Duration) -> Self {
        let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        Self { retry_after_secs: Some(secs.max(1)), ..self }
    }

    /// Something failed inside: 500 `internal`. The cause is for the log, not for the client.
    pub fn internal() -> Self {
        Self::new(500, "internal", "Something went wrong on the server. Please try again.")
    }

    /// Whoever asks has not said who it is: 401 `not_authenticated`.
    pub fn not_authenticated() -> Self {
        Self::new(401, "not_authenticated", "Please sign in first.")
    }

    /// No room that the asker may see has this code: 404 `no_such_room`.
    pub fn no_such_room() -> Self {
        Self::new(404, "no_such_room", "There is no room with this code. Check it and try again.")
    }

    /// No poll that the asker may see has this id: 404 `no_such_poll`.
    pub fn no_such_poll() -> Self {
        Self::new(404, "no_such_poll", "There is no such poll.")
    }

    /// The asker may see it, and may not do that: 403 `forbidden`.
    pub fn forbidden() -> Self {
        Self::new(403, "forbidden", "Only the host of this room can do that.")
    }

    /// The message for one field, if it has one.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == name).map(|error| error.message.as_str())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Problem {}

fn title(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}
