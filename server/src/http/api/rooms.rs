//! Rooms.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use domain::wire::required;
use domain::{FieldError, NewRoom, PollId, Problem, Room, RoomList, RoomPatch};
use serde::Deserialize;

use super::extract::{Code, Json};
use crate::http::caller::Verified;
use crate::http::problem::Refused;
use crate::state::AppState;

/// Which rooms of one's own.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    q: String,
    cursor: String,
    limit: String,
}

/// Which poll is current. It must be there: a body cut short empties no screen.
#[derive(Deserialize)]
pub(super) struct Current {
    #[serde(deserialize_with = "required")]
    poll: Option<PollId>,
}

/// `POST /rooms`.
pub(super) async fn create(
    State(state): State<AppState>,
    Verified(asker): Verified,
    Json(room): Json<NewRoom>,
) -> Result<(StatusCode, axum::Json<Room>), Refused> {
    Ok((StatusCode::CREATED, axum::Json(state.services.create_room(&asker, room).await?)))
}

/// `GET /rooms`.
pub(super) async fn list(
    State(state): State<AppState>,
    Verified(asker): Verified,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Result<axum::Json<RoomList>, Refused> {
    let invalid = |field, message| Problem::invalid(vec![FieldError::new(field, message)]);
    let Query(wanted) = wanted.map_err(|_| invalid("query", "cannot be understood"))?;
    let cursor = Some(wanted.cursor.as_str()).filter(|cursor| !cursor.is_empty());
    let limit = match wanted.limit.as_str() {
        "" => None,
        limit => Some(limit.parse().map_err(|_| invalid("limit", "must be a whole number"))?),
    };
    Ok(axum::Json(state.services.rooms(&asker, &wanted.q, cursor, limit).await?))
}

/// `GET /rooms/{code}`.
pub(super) async fn show(
    State(state): State<AppState>,
    Verified(asker): Verified,
    Code(code): Code,
) -> Result<axum::Json<Room>, Refused> {
    Ok(axum::Json(state.services.room(&asker, &code).await?))
}

/// `PATCH /rooms/{code}`.
pub(super) async fn change(
    State(state): State<AppState>,
    Verified(asker): Verified,
    Code(code): Code,
    Json(patch): Json<RoomPatch>,
) -> Result<axum::Json<Room>, Refused> {
    Ok(axum::Json(state.services.change_room(&asker, &code, patch).await?))
}

/// `DELETE /rooms/{code}`.
pub(super) async fn delete(
    State(state): State<AppState>,
    Verified(asker): Verified,
    Code(code): Code,
) -> Result<StatusCode, Refused> {
    state.services.delete_room(&asker, &code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /rooms/{code}/duplicate`.
pub(super) async fn duplicate(
    State(state): State<AppState>,
    Verified(asker): Verified,
    Code(code): Code,
) -> Result<(StatusCode, axum::Json<Room>), Refused> {
    Ok((StatusCode::CREATED, axum::Json(state.services.duplicate_room(&asker, &code).await?)))
}

/// `PUT /rooms/{code}/current`.
pub(super) async fn set_current(
    State(state): State<AppState>,
    Verified(asker): Verified,
    Code(code): Code,
    Json(current): Json<Current>,
) -> Result<axum::Json<Room>, Refused> {
    Ok(axum::Json(state.services.set_current(&asker, &code, current.poll).await?))
}
