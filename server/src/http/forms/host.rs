//! The host's controls.

use app::forms::{Fields, host_action, value};
use axum::response::Response;

use super::{Sent, action, poll, unknown_action};
use crate::http::api::extract::Code;
use crate::http::problem::Refused;
use crate::http::visit::Visit;

/// `POST /r/{code}/host`.
pub(crate) async fn act(visit: Visit, Code(code): Code, Sent(fields): Sent) -> Response {
    let done = carry_out(&visit, &code, &fields).await;
    visit.answer(fields, done).await
}

async fn carry_out(visit: &Visit, code: &str, fields: &Fields) -> Result<String, Refused> {
    let (services, asker) = (&visit.state.services, &visit.asker);
    if let Some(action) = host_action(fields) {
        services.act(asker, poll(fields)?, action).await?;
    } else if action(fields) == "show" {
        let none = value(fields, "poll").unwrap_or_default().is_empty();
        let shown = if none { None } else { Some(poll(fields)?) };
        services.set_current(asker, code, shown).await?;
    } else {
        return Err(unknown_action().into());
    }
    Ok(visit.uri.path().to_owned())
}
