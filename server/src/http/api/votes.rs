//! Ballots and results.

use axum::extract::State;
use domain::wire::required;
use domain::{BallotId, Choice, Receipt, Tally};
use serde::Deserialize;

use super::extract::{Json, Poll};
use crate::http::caller::Verified;
use crate::http::problem::Refused;
use crate::state::AppState;

/// A ballot. The choice must be there: a body cut short is no withdrawal.
#[derive(Deserialize)]
pub(super) struct Ballot {
    #[serde(default)]
    ballot: Option<OfClient>,
    #[serde(deserialize_with = "required")]
    choice: Option<Choice>,
}

/// A ballot's id that its client made.
#[derive(Deserialize)]
struct OfClient(#[serde(deserialize_with = "BallotId::of_client")] BallotId);

/// `POST /polls/{id}/votes`. Refusals too are receipts.
pub(super) async fn cast(
    State(state): State<AppState>,
    Verified(asker): Verified,
    Poll(id): Poll,
    Json(ballot): Json<Ballot>,
) -> Result<axum::Json<Receipt>, Refused> {
    state.services.may_vote(&asker).await?;
    let cast =
        state.services.cast(&asker, id, ballot.ballot.map(|OfClient(ballot)| ballot), ballot.choice).await?;
    Ok(axum::Json(state.services.last_receipt(cast).await))
}

/// `GET /polls/{id}/results`.
pub(super) async fn results(
    State(state): State<AppState>,
    Verified(asker): Verified,
    Poll(id): Poll,
) -> Result<axum::Json<Tally>, Refused> {
    Ok(axum::Json(state.services.results(&asker, id).await?))
}
