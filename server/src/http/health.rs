//! Whether the process is up, and whether it can serve.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::routes::Routes;
use crate::state::AppState;

/// `/healthz` and `/readyz`.
pub(super) fn routes() -> Routes {
    Routes::default().at("GET", "/healthz", up).at("GET", "/readyz", ready)
}

async fn up() -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], "ok")
}

async fn ready(State(state): State<AppState>) -> impl IntoResponse {
    let services = &state.services;
    let checked = async {
        services.store.check().await?;
        services.ballots.check().await
    };
    let (status, word) = match checked.await {
        Ok(()) => (StatusCode::OK, "ready"),
        Err(error) => {
            tracing::warn!(%error, "not ready: the database or Redis does not answer, or nothing is counted");
            (StatusCode::SERVICE_UNAVAILABLE, "not ready")
        }
    };
    (status, [(header::CACHE_CONTROL, "no-store")], word)
}
