//! A room's voting tickets.

use app::forms::{Fields, parsed};
use axum::response::Response;
use domain::{FieldError, Problem};

use super::{Sent, action, unknown_action};
use crate::http::api::extract::Code;
use crate::http::problem::Refused;
use crate::http::visit::Visit;

/// `POST /rooms/{code}/tickets`.
pub(crate) async fn change(visit: Visit, Code(code): Code, Sent(fields): Sent) -> Response {
    let done = carry_out(&visit, &code, &fields).await;
    visit.answer(fields, done).await
}

async fn carry_out(visit: &Visit, code: &str, fields: &Fields) -> Result<String, Refused> {
    let (services, asker) = (&visit.state.services, &visit.asker);
    match action(fields) {
        "make" => {
            let no_number = || Problem::invalid(vec![FieldError::new("count", "must be a whole number")]);
            let count = parsed(fields, "count").ok_or_else(no_number)?;
            services.make_tickets(asker, code, count).await?;
        }
        "delete_unused" => services.delete_unused_tickets(asker, code).await?,
        _ => return Err(unknown_action().into()),
    }
    Ok(visit.uri.path().to_owned())
}
