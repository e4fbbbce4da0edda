//! Whoever asks.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use domain::Me;
use serde::Deserialize;

use super::auth::forgetting;
use super::extract::Json;
use crate::http::caller::Verified;
use crate::http::problem::Refused;
use crate::state::AppState;

/// A new name.
#[derive(Deserialize)]
pub(super) struct Rename {
    display_name: String,
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
