//! A room being prepared: its settings and its polls.

use app::forms::{Fields, moved, new_poll, poll_patch, room_patch, value};
use axum::response::Response;
use domain::RoomPatch;

use super::{Sent, action, poll, unknown_action};
use crate::http::api::extract::Code;
use crate::http::problem::Refused;
use crate::http::visit::Visit;

/// `POST /rooms/{code}/edit`.
pub(crate) async fn change(visit: Visit, Code(code): Code, Sent(fields): Sent) -> Response {
    let done = carry_out(&visit, &code, &fields).await;
    visit.answer(fields, done).await
}

async fn carry_out(visit: &Visit, code: &str, fields: &Fields) -> Result<String, Refused> {
    let (services, asker) = (&visit.state.services, &visit.asker);
    let place = visit.uri.path();
    match action(fields) {
        "settings" => {
            services.change_room(asker, code, room_patch(fields)).await?;
        }
        "add_poll" => {
            services.add_poll(asker, code, new_poll(fields)).await?;
        }
        "edit_poll" => {
            services.change_poll(asker, poll(fields)?, poll_patch(fields)).await?;
        }
        "delete_poll" => services.delete_poll(asker, poll(fields)?).await?,
        "move_poll" => {
            let poll = poll(fields)?;
            let direction = if value(fields, "direction") == Some("up") { "up" } else { "down" };
            let room = services.room(asker, code).await?;
            let order = moved(&room, poll, direction == "up");
            let patch = RoomPatch { poll_order: Some(order), ..RoomPatch::default() };
            services.change_room(asker, code, patch).await?;
            // Back to the button that was pressed, for the next step in the same direction.
            return Ok(format!("{place}#{direction}-{poll}"));
        }
        _ => return Err(unknown_action().into()),
    }
    Ok(place.to_owned())
}
