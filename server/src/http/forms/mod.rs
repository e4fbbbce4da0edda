//! Plain forms: what pages send without scripts. Carried out, the answer leads on to a page (303); refused,
//! it is the same page again with what was typed and what is wrong.

pub(super) mod account;
pub(super) mod edit;
pub(super) mod host;
pub(super) mod join;
pub(super) mod rooms;
pub(super) mod settings;
pub(super) mod start;
pub(super) mod tickets;
pub(super) mod vote;

use app::forms::{Fields, parsed, value};
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, FromRequest, Request};
use domain::{PollId, Problem};

use super::problem::{Refused, too_large, unsupported_media_type};

/// A form's fields, in order.
pub(super) struct Sent(Vec<(String, String)>);

impl<S: Send + Sync> FromRequest<S> for Sent {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        match Form::from_request(request, state).await {
            Ok(Form(fields)) => Ok(Self(fields)),
            Err(rejection) => Err(unread(&rejection).into()),
        }
    }
}

fn unread(rejection: &FormRejection) -> Problem {
    match rejection.status().as_u16() {
        413 => too_large(),
        415 => unsupported_media_type("application/x-www-form-urlencoded"),
        _ => Problem::new(400, "bad_request", "The form could not be understood."),
    }
}

/// What a form asks for, where its page has several.
fn action(fields: &Fields) -> &str {
    value(fields, "action").unwrap_or_default()
}

/// A field's text; nothing typed is an empty one.
fn text(fields: &Fields, name: &str) -> String {
    value(fields, name).unwrap_or_default().to_owned()
}

/// The poll that a form is about.
fn poll(fields: &Fields) -> Result<PollId, Problem> {
    parsed(fields, "poll").ok_or_else(Problem::no_such_poll)
}

/// The answer to a form that this server's pages do not have.
fn unknown_action() -> Problem {
    Problem::new(
        422,
        "unknown_action",
        "This form asks for something that is not known here. Please reload the page.",
    )
}
