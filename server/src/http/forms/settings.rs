//! One's own account, or what is known of a guest.

use app::forms::{Fields, parsed};
use axum::response::Response;
use domain::{FieldError, Problem};

use super::{Sent, action, text, unknown_action};
use crate::http::problem::Refused;
use crate::http::visit::Visit;

/// `POST /account`.
pub(crate) async fn change(mut visit: Visit, Sent(fields): Sent) -> Response {
    let done = carry_out(&visit, &fields).await;
    match action(&fields) {
        "delete" if done.is_ok() => visit.sign_out(),
        "forget" if done.is_ok() => visit.forget_guest(),
        _ => {}
    }
    visit.answer(fields, done).await
}

async fn carry_out(visit: &Visit, fields: &Fields) -> Result<String, Refused> {
    let (services, asker) = (&visit.state.services, &visit.asker);
    let action = action(fields);
    match action {
        "rename" => _ = services.rename(asker, &text(fields, "display_name")).await?,
        "password" => {
            let (current, new) = (text(fields, "current"), text(fields, "new"));
            services.change_password(asker, &current, &new).await?;
        }
        "end" => {
            let none = || Problem::new(404, "no_such_session", "That session has ended already.");
            services.end_session(asker, parsed(fields, "session").ok_or_else(none)?).await?;
        }
        "end_others" => services.end_other_sessions(asker).await?,
        "delete" => {
            let typed = text(fields, "confirm").trim().to_lowercase();
            if asker.principal()?.me.username.as_ref() != Some(&typed) {
                let error = FieldError::new("confirm", "is not your user name");
                return Err(Problem::invalid(vec![error]).into());
            }
            services.delete_me(asker).await?;
            return Ok("/".to_owned());
        }
        // An account is deleted by its name.
        "forget" if asker.principal()?.user().is_none() => {
            services.delete_me(asker).await?;
            return Ok("/".to_owned());
        }
        _ => return Err(unknown_action().into()),
    }
    Ok(format!("/account?done={action}"))
}
