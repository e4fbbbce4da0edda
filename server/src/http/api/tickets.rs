//! Voting tickets.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use domain::TicketCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::extract::{Code, Json};
use crate::http::caller::Verified;
use crate::http::link::ticket_url;
use crate::http::problem::Refused;
use crate::state::AppState;
use crate::store::tickets::TicketRecord;

/// How many tickets somebody wants.
#[derive(Deserialize)]
pub(super) struct Wanted {
    count: usize,
}

/// A ticket that somebody uses, as typed.
#[derive(Deserialize)]
pub(super) struct Used {
    ticket: String,
}

/// A ticket as its host sees it.
#[derive(Serialize)]
struct Ticket {
    code: TicketCode,
    url: String,
    used: bool,
}

/// `POST /rooms/{code}/tickets`.
pub(super) async fn make(
    State(state): State<AppState>,
    Verified(asker): Verified,
    Code(code): Code,
    headers: HeaderMap,
    Json(wanted): Json<Wanted>,
) -> Result<(StatusCode, axum::Json<Value>), Refused> {
    let made = state.services.make_tickets(&asker, &code, wanted.count).await?;
    Ok((StatusCode::CREATED, shown(&state, &headers, &code, made)?))
}

/// `GET /rooms/{code}/tickets`.
pub(super) async fn list(
    State(state): State<AppState>,
    Verified(asker): Verified,
    Code(code): Code,
    headers: HeaderMap,
) -> Result<axum::Json<Value>, Refused> {
    let found = state.services.tickets(&asker, &code).await?;
    shown(&state, &headers, &code, found)
}

/// `DELETE /rooms/{code}/tickets`: those that nobody has used.
pub(super) async fn delete_unused(
    State(state): State<AppState>,
    Verified(asker): Verified,
    Code(code): Code,
) -> Result<StatusCode, Refused> {
    state.services.delete_unused_tickets(&asker, &code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /rooms/{code}/ticket`.
pub(super) async fn take(
    State(state): State<AppState>,
    Verified(asker): Verified,
    Code(code): Code,
    Json(used): Json<Used>,
) -> Result<axum::Json<Value>, Refused> {
    state.services.use_ticket(&asker, &code, &used.ticket).await?;
    Ok(axum::Json(json!({"status": "held"})))
}

fn shown(
    state: &AppState,
    headers: &HeaderMap,
    code: &str,
    tickets: Vec<TicketRecord>,
) -> Result<axum::Json<Value>, Refused> {
    let code = code.parse().map_err(|_| domain::Problem::no_such_room())?;
    let shown = |TicketRecord { code: ticket, used }| Ticket {
        code: ticket,
        url: ticket_url(&state.site, headers, code, &ticket),
        used,
    };
    let tickets: Vec<Ticket> = tickets.into_iter().map(shown).collect();
    Ok(axum::Json(json!({ "tickets": tickets })))
}
