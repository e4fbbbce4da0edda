//! Polls, as their host writes and runs them.

use app::data::HostAction;
use axum::extract::State;
use axum::http::StatusCode;
use domain::{NewPoll, PollPatch};
use serde::Deserialize;

use super::extract::{Code, Json, Optional, Poll};
use crate::http::caller::Verified;
use crate::http::problem::Refused;
use crate::state::AppState;

/// For how long to open a poll.
#[derive(Default, Deserialize)]
pub(super) struct Opening {
    #[serde(default)]
    duration_secs: Option<u64>,
}

type Answer = Result<axum::Json<domain::Poll>, Refused>;

/// `POST /rooms/{code}/polls`.
pub(super) async fn add(
    State(state): State<AppState>,
    Verified(asker): Verified,
    Code(code): Code,
    Json(poll): Json<NewPoll>,
) -> Result<(StatusCode, axum::Json<domain::Poll>), Refused> {
    Ok((StatusCode::CREATED, axum::Json(state.services.add_poll(&asker, &code, poll).await?)))
}

/// `PATCH /polls/{id}`.
pub(super) async fn change(
    State(state): State<AppState>,
    Verified(asker): Verified,
    Poll(id): Poll,
    Json(patch): Json<PollPatch>,
) -> Answer {
    Ok(axum::Json(state.services.change_poll(&asker, id, patch).await?))
}

/// `DELETE /polls/{id}`.
pub(super) async fn delete(
    State(state): State<AppState>,
    Verified(asker): Verified,
    Poll(id): Poll,
) -> Result<StatusCode, Refused> {
    state.services.delete_poll(&asker, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /polls/{id}/open`.
pub(super) async fn open(
    state: State<AppState>,
    asker: Verified,
    poll: Poll,
    Optional(opening): Optional<Opening>,
) -> Answer {
    act(state, asker, poll, HostAction::Open(opening.duration_secs)).await
}

/// `POST /polls/{id}/close`.
pub(super) async fn close(state: State<AppState>, asker: Verified, poll: Poll) -> Answer {
    act(state, asker, poll, HostAction::Close).await
}

/// `POST /polls/{id}/reveal`.
pub(super) async fn reveal(state: State<AppState>, asker: Verified, poll: Poll) -> Answer {
    act(state, asker, poll, HostAction::Reveal).await
}

/// `POST /polls/{id}/hide`.
pub(super) async fn hide(state: State<AppState>, asker: Verified, poll: Poll) -> Answer {
    act(state, asker, poll, HostAction::Hide).await
}

/// `POST /polls/{id}/reset`.
pub(super) async fn reset(state: State<AppState>, asker: Verified, poll: Poll) -> Answer {
    act(state, asker, poll, HostAction::Reset).await
}

async fn act(
    State(state): State<AppState>,
    Verified(asker): Verified,
    Poll(id): Poll,
    action: HostAction,
) -> Answer {
    Ok(axum::Json(state.services.act(&asker, id, action).await?))
}
