//! Whether the process is up, and whether it can serve.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;

use crate::state::AppState;

/// `/healthz` and `/readyz`.
pub(super) fn router() -> Router<AppState> {
    Router::new().route("/healthz", get(up)).route("/readyz", get(ready))
}

async fn up() -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], "ok")
}

async fn ready(State(state): State<AppState>) -> impl IntoResponse {
    let (status, word) = match state.services.store.check().await {
        Ok(()) => (StatusCode::OK, "ready"),
        Err(error) => {
            tracing::warn!(%error, "not ready: the database does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready")
        }
    };
    (status, [(header::CACHE_CONTROL, "no-store")], word)
}
