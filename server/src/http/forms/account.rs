//! Signing in, up and out.

use app::forms::Fields;
use axum::response::{IntoResponse, Response};

use super::{Sent, text};
use crate::error::Result;
use crate::http::next;
use crate::http::pages::after_login;
use crate::http::problem::Refused;
use crate::http::visit::Visit;
use crate::service::{NewAccount, SignedIn};

/// `POST /login`.
pub(crate) async fn login(visit: Visit, Sent(fields): Sent) -> Response {
    let signed = visit
        .state
        .services
        .login(&text(&fields, "username"), &text(&fields, "password"), &visit.asker.sender)
        .await;
    signed_in(visit, fields, signed).await
}

/// `POST /register`.
pub(crate) async fn register(visit: Visit, Sent(fields): Sent) -> Response {
    let account = NewAccount {
        username: text(&fields, "username"),
        password: text(&fields, "password"),
        display_name: Some(text(&fields, "display_name")),
        room: None,
        invitation: Some(text(&fields, "invitation")),
    };
    let signed = visit.state.services.register(account, &visit.asker.sender).await;
    signed_in(visit, fields, signed).await
}

/// `POST /logout`. Whoever was a guest before is that guest again.
pub(crate) async fn logout(mut visit: Visit) -> Response {
    if let Err(error) = visit.state.services.logout(&visit.asker).await {
        return Refused::from(error).into_response();
    }
    visit.sign_out();
    visit.lead_to("/")
}

async fn signed_in(mut visit: Visit, fields: Vec<(String, String)>, signed: Result<SignedIn>) -> Response {
    match signed {
        Ok(signed) => {
            let place = settle_in(&mut visit, &fields, signed).await;
            visit.lead_to(&place)
        }
        Err(error) => visit.refuse(fields, error.into_problem()).await,
    }
}

/// Whoever signs in on the way to a room takes along what the guest chose there.
async fn settle_in(visit: &mut Visit, fields: &Fields, signed: SignedIn) -> String {
    let place = after_login(fields).to_owned();
    visit.state.services.adopt(&visit.asker, &signed, next::room(&place)).await;
    visit.sign_in(signed);
    place
}
