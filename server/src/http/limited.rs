//! How much may be changed from one address.

use axum::extract::{FromRequestParts, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::problem::Refused;
use crate::auth::Sender;
use crate::doors::Door;
use crate::state::AppState;

/// Refuses whoever sends too much that is meant to change something. Who only reads is never refused here.
pub(super) async fn changes(State(state): State<AppState>, request: Request, next: Next) -> Response {
    if request.method().is_safe() {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let Ok(sender) = Sender::from_request_parts(&mut parts, &state).await;
    match state.services.doors.enter(Door::Change, sender.address).await {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refused) => Refused::from(refused).into_response(),
    }
}
