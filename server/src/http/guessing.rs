//! Holds up who asks again and again for what is not there: rooms by guessed codes, polls, tickets, pages.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::caller::Caller;
use super::problem::Refused;
use crate::auth::{Asker, Sender};
use crate::doors::Door;
use crate::state::AppState;

/// Refuses whoever has missed too often; an answer that says "not found" is a miss. Files count as little as pages: who
/// asks for one in vain has guessed, too.
pub(super) async fn held_up(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let Ok(sender) = Sender::from_request_parts(&mut parts, &state).await;
    let services = &state.services;
    let seeking = match services.seeking(&Asker::default(), &sender) {
        Ok(seeking) => seeking,
        // Only now it matters who asks.
        Err(_) => {
            let asker = match Caller::from_request_parts(&mut parts, &state).await {
                Ok(caller) => caller.asker,
                Err(refused) => return refused.into_response(),
            };
            match services.seeking(&asker, &sender) {
                Ok(seeking) => seeking,
                Err(refused) => return Refused::from(refused).into_response(),
            }
        }
    };
    let response = next.run(Request::from_parts(parts, body)).await;
    if response.status() == StatusCode::NOT_FOUND
        && let Err(refused) = services.doors.enter(Door::Miss, seeking).await
    {
        return Refused::from(refused).into_response();
    }
    response
}
