//! Holds up who asks again and again for what is not there: rooms by guessed codes, polls, tickets, pages.

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::Problem;

use super::caller::Caller;
use super::problem::Refused;
use super::visit::Visit;
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
                Err(refused) => return turned_away(&state, &mut parts, refused.into_problem()).await,
            }
        }
    };
    let response = next.run(Request::from_parts(parts, body)).await;
    if response.status() == StatusCode::NOT_FOUND {
        // It is answered as it stands; the next one is not.
        let _counted = services.doors.enter(Door::Miss, seeking).await;
    }
    response
}

/// A page for people, a problem for programs.
async fn turned_away(state: &AppState, parts: &mut Parts, problem: Problem) -> Response {
    let reads = |value: &HeaderValue| value.to_str().is_ok_and(|value| value.contains("text/html"));
    if !parts.headers.get(header::ACCEPT).is_some_and(reads) {
        return Refused(problem).into_response();
    }
    match Visit::from_request_parts(parts, state).await {
        Ok(visit) => visit.turn_away(problem).await,
        Err(refused) => refused.into_response(),
    }
}
