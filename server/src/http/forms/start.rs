//! A poll in one step: the account on the way, the room, and the poll open in it.

use app::data::HostAction;
use app::forms::{Fields, new_poll, quick_room, value};
use axum::http::StatusCode;
use axum::response::Response;
use domain::{Definition, Problem};

use super::{Sent, text};
use crate::http::problem::Refused;
use crate::http::visit::Visit;
use crate::service::NewAccount;

/// `POST /start`.
pub(crate) async fn start(mut visit: Visit, Sent(fields): Sent) -> Response {
    // The draft first: nobody should make an account for a poll that cannot be.
    if let Err(errors) = Definition::parse(new_poll(&fields)) {
        return visit.refuse(fields, Problem::invalid(errors)).await;
    }
    if visit.asker.user().is_err() && value(&fields, "username").is_none() {
        let problem = Problem::new(401, "account_required", "Choose a name and a password to start.");
        // Nothing is wrong yet: this is the second step.
        return visit.refuse_as(StatusCode::OK, fields, problem).await;
    }
    let done = carry_out(&mut visit, &fields).await;
    visit.answer(fields, done).await
}

async fn carry_out(visit: &mut Visit, fields: &Fields) -> Result<String, Refused> {
    let services = visit.state.services.clone();
    if visit.asker.user().is_err() {
        let (username, password) = (text(fields, "username"), text(fields, "password"));
        let signed = if value(fields, "intent") == Some("login") {
            services.login(&username, &password, &visit.asker.sender).await?
        } else {
            services
                .register(
                    NewAccount {
                        username,
                        password,
                        display_name: None,
                        room: None,
                        invitation: Some(text(fields, "invitation")),
                    },
                    &visit.asker.sender,
                )
                .await?
        };
        visit.sign_in(signed);
    }
    let room = services.create_room(&visit.asker, quick_room(fields)).await?;
    if let Some(poll) = room.polls.first() {
        services.act(&visit.asker, poll.id, HostAction::Open(None)).await?;
    }
    Ok(format!("/r/{}/host", room.code))
}
