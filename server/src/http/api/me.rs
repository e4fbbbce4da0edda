//! Whoever asks.

use app::data::Session;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use domain::Me;
use serde::{Deserialize, Serialize};

use super::auth::forgetting;
use super::extract::{self, Json};
use crate::http::caller::Verified;
use crate::http::problem::Refused;
use crate::state::AppState;

/// A new name.
#[derive(Deserialize)]
pub(super) struct Rename {
    display_name: String,
}

/// The password that is, and the one that is to be.
#[derive(Deserialize)]
pub(super) struct NewPassword {
    current: String,
    new: String,
}

/// Where somebody is signed in.
#[derive(Serialize)]
pub(super) struct Sessions {
    sessions: Vec<Session>,
}

/// `GET /me`.
pub(super) async fn show(Verified(asker): Verified) -> Result<axum::Json<Me>, Refused> {
    Ok(axum::Json(asker.principal()?.me.clone()))
}

/// `PATCH /me`.
pub(super) async fn rename(
    State(state): State<AppState>,
    Verified(asker): Verified,
    Json(name): Json<Rename>,
) -> Result<axum::Json<Me>, Refused> {
    Ok(axum::Json(state.services.rename(&asker, &name.display_name).await?))
}

/// `DELETE /me`.
pub(super) async fn delete(
    State(state): State<AppState>,
    Verified(asker): Verified,
) -> Result<impl IntoResponse, Refused> {
    let kind = asker.principal()?.me.kind;
    state.services.delete_me(&asker).await?;
    Ok((StatusCode::NO_CONTENT, forgetting(kind, &state.site)))
}

/// `GET /me/export`.
pub(super) async fn export(
    State(state): State<AppState>,
    Verified(asker): Verified,
) -> Result<impl IntoResponse, Refused> {
    let parts = state.services.export(&asker).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"voxpop-export.json\""),
    ];
    Ok((headers, Body::from_stream(parts)))
}

/// `POST /me/password`.
pub(super) async fn change_password(
    State(state): State<AppState>,
    Verified(asker): Verified,
    Json(password): Json<NewPassword>,
) -> Result<StatusCode, Refused> {
    state.services.change_password(&asker, &password.current, &password.new).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /me/sessions`.
pub(super) async fn sessions(
    State(state): State<AppState>,
    Verified(asker): Verified,
) -> Result<axum::Json<Sessions>, Refused> {
    Ok(axum::Json(Sessions { sessions: state.services.sessions(&asker).await? }))
}

/// `DELETE /me/sessions`: all but the one that asks.
pub(super) async fn end_other_sessions(
    State(state): State<AppState>,
    Verified(asker): Verified,
) -> Result<StatusCode, Refused> {
    state.services.end_other_sessions(&asker).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `DELETE /me/sessions/{id}`. The one that asks may end itself, too.
pub(super) async fn end_session(
    State(state): State<AppState>,
    Verified(asker): Verified,
    extract::Session(id): extract::Session,
) -> Result<StatusCode, Refused> {
    state.services.end_session(&asker, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
