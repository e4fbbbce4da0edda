//! The list of one's own rooms: a new one, a copy, a deletion.

use app::forms::Fields;
use axum::response::Response;
use domain::NewRoom;
use domain::room::SettingsPatch;

use super::{Sent, action, text, unknown_action};
use crate::http::problem::Refused;
use crate::http::visit::Visit;

/// `POST /rooms`.
pub(crate) async fn change(visit: Visit, Sent(fields): Sent) -> Response {
    let done = carry_out(&visit, &fields).await;
    visit.answer(fields, done).await
}

async fn carry_out(visit: &Visit, fields: &Fields) -> Result<String, Refused> {
    let services = &visit.state.services;
    match action(fields) {
        "create" => {
            let (title, settings) = (text(fields, "title"), SettingsPatch::default());
            let room =
                services.create_room(&visit.asker, NewRoom { title, settings, polls: Vec::new() }).await?;
            return Ok(format!("/rooms/{}/edit", room.code));
        }
        "duplicate" => {
            services.duplicate_room(&visit.asker, &text(fields, "code")).await?;
        }
        "delete" => services.delete_room(&visit.asker, &text(fields, "code")).await?,
        _ => return Err(unknown_action().into()),
    }
    Ok("/rooms".to_owned())
}
