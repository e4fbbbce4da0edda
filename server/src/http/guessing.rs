//! Holds up who asks again and again for what is not there: rooms by guessed codes, polls, tickets, pages.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Refused;
use super::sender::address;
use crate::doors::Door;
use crate::state::AppState;

/// Refuses an address that has missed too often; an answer that says "not found" is a miss. Files count as little as
/// pages: who asks for one in vain has guessed, too.
pub(super) async fn held_up(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let from = address(request.extensions().get(), request.headers(), &state.site.trusted_proxies);
    let doors = &state.services.doors;
    if let Err(refused) = doors.look(Door::Miss, from) {
        return Refused::from(refused).into_response();
    }
    let response = next.run(request).await;
    if response.status() == StatusCode::NOT_FOUND
        && let Err(refused) = doors.enter(Door::Miss, from).await
    {
        return Refused::from(refused).into_response();
    }
    response
}
