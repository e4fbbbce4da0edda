//! From HTTP to a socket: who may have one.

use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use domain::wire::SUBPROTOCOL;
use domain::{Problem, limits};

use super::connection;
use crate::doors::Door;
use crate::http::{Caller, answer_problem, is_own_origin};
use crate::state::AppState;

/// The largest frame that is read at all; one over 4 KiB is read up to here, to be refused politely.
const READ_LIMIT: usize = 16 * limits::FRAME_BYTES;

/// When there may be room for another socket.
const AGAIN: Duration = Duration::from_secs(10);

/// `GET /ws`: refuses foreign origins, bad tokens and sockets beyond the limit; all others get one.
pub async fn upgrade(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let Ok(upgrade) = upgrade else {
        let detail = "Here is a WebSocket: ask for an upgrade, with the subprotocol voxpop.v1.";
        return answer_problem(Problem::new(426, "upgrade_required", detail));
    };
    if !is_own_origin(&headers, &state.site) {
        let detail = "This socket was asked for by a page of another site.";
        return answer_problem(Problem::new(403, "foreign_origin", detail));
    }
    if let Some(refusal) = caller.refusal() {
        return refusal;
    }
    if caller.asker.voter().is_some_and(|voter| !state.hub.may_have_another(voter)) {
        let detail = "You have very many connections here. Please close some, and try again.";
        return answer_problem(Problem::new(429, "rate_limited", detail).with_retry_after(AGAIN));
    }
    let from = caller.asker.sender.address;
    if let Err(refused) = state.services.doors.enter(Door::Socket, from).await {
        return answer_problem(refused.into_problem());
    }
    let Some(place) = state.hub.place(from) else {
        let detail = "The server holds as many connections as it can. Please try again in a moment.";
        return answer_problem(Problem::new(503, "overloaded", detail).with_retry_after(AGAIN));
    };
    upgrade
        .protocols([SUBPROTOCOL])
        .read_buffer_size(limits::FRAME_BYTES)
        .max_message_size(READ_LIMIT)
        .max_frame_size(READ_LIMIT)
        .on_upgrade(move |socket| connection::serve(socket, caller.asker, state, place))
        .into_response()
}
