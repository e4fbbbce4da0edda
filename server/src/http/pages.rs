//! Pages, drawn whole on the server: who may come, and as whom.

use axum::http::StatusCode;
use axum::response::Response;

use super::next;
use super::problem::Refused;
use super::visit::Visit;
use crate::http::api::extract::Code;

/// A page that anybody may see as they are.
pub(super) async fn open(visit: Visit) -> Response {
    visit.draw().await
}

/// Signing in or up: whoever is signed in already goes on.
pub(super) async fn account(visit: Visit) -> Response {
    if visit.asker.user().is_err() {
        return visit.draw().await;
    }
    let place = after_login(&visit.query()).to_owned();
    visit.lead_to(&place)
}

/// The rooms of whoever is signed in: others go there by way of the sign-in page.
pub(super) async fn rooms(visit: Visit) -> Response {
    if visit.asker.user().is_ok() { visit.draw().await } else { by_way_of_login(visit) }
}

/// What somebody decides about themselves, account or guest. Who is neither may want to sign in.
pub(super) async fn own(visit: Visit) -> Response {
    if visit.asker.known.is_some() { visit.draw().await } else { by_way_of_login(visit) }
}

/// A page for a room's host. Another account is shown that it is not for it.
pub(super) async fn hosts(visit: Visit, Code(code): Code) -> Response {
    if visit.asker.user().is_err() {
        return by_way_of_login(visit);
    }
    let allowed = match visit.state.services.room_state(&visit.asker, &code).await {
        Ok(state) => state.is_host(&visit.asker),
        // The page itself tells what is wrong.
        Err(_) => true,
    };
    visit.draw_as(if allowed { StatusCode::OK } else { StatusCode::FORBIDDEN }).await
}

/// A room as its participants and screens see it: whoever is nobody yet comes as a new guest.
pub(super) async fn room(mut visit: Visit, Code(code): Code) -> Response {
    let nobody = visit.asker.known.is_none();
    if nobody
        && visit.state.services.room_id(&visit.asker, &code).await.is_ok()
        && let Err(Refused(problem)) = visit.become_guest().await
    {
        return visit.turn_away(problem).await;
    }
    visit.draw().await
}

fn by_way_of_login(visit: Visit) -> Response {
    let place = next::login(visit.uri.path_and_query().map_or("/", |path| path.as_str()));
    visit.lead_to(&place)
}

/// Where a sign-in leads.
pub(super) fn after_login(fields: &app::forms::Fields) -> &str {
    app::forms::value(fields, "next").and_then(next::local).unwrap_or("/rooms")
}
