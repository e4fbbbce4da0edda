//! The way into a room by its code.

use app::forms::value;
use axum::response::Response;
use domain::RoomCode;

use crate::error::Error;
use crate::http::problem::Refused;
use crate::http::visit::Visit;

/// `GET /join?code=…`.
pub(crate) async fn join(visit: Visit) -> Response {
    let fields = visit.query();
    let Some(typed) = value(&fields, "code") else { return visit.draw().await };
    let found = find(&visit, typed).await;
    visit.answer(fields, found.map(|code| format!("/r/{code}")).map_err(Refused::from)).await
}

async fn find(visit: &Visit, typed: &str) -> Result<RoomCode, Error> {
    Ok(visit.state.services.room_state(&visit.asker, typed).await?.room.code)
}
