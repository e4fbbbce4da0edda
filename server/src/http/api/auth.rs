//! Signing in and out.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use domain::{IdentityKind, Me};
use serde::{Deserialize, Serialize};

use super::extract::Json;
use crate::auth::Sender;
use crate::http::caller::{Caller, Verified};
use crate::http::cookies::Cookie;
use crate::http::problem::Refused;
use crate::service::{NewAccount, SignedIn};
use crate::state::{AppState, Site};

/// A user name and its password.
#[derive(Deserialize)]
pub(super) struct Login {
    username: String,
    password: String,
}

/// Somebody, and the token that says so.
#[derive(Serialize)]
struct Identified {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Me>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guest: Option<Me>,
    access_token: String,
    expires_in: u64,
}

/// `POST /auth/register`. Bad cookies do no harm here: they are about to be replaced.
pub(super) async fn register(
    State(state): State<AppState>,
    sender: Sender,
    Json(account): Json<NewAccount>,
) -> Result<Response, Refused> {
    let signed = state.services.register(account, &sender).await?;
    Ok(identified(StatusCode::CREATED, signed, &state.site))
}

/// `POST /auth/login`.
pub(super) async fn login(
    State(state): State<AppState>,
    sender: Sender,
    Json(login): Json<Login>,
) -> Result<Response, Refused> {
    let signed = state.services.login(&login.username, &login.password, &sender).await?;
    Ok(identified(StatusCode::OK, signed, &state.site))
}

/// `POST /auth/logout`.
pub(super) async fn logout(
    State(state): State<AppState>,
    Verified(asker): Verified,
) -> Result<Response, Refused> {
    state.services.logout(&asker).await?;
    let is_guest = asker.0.is_some_and(|principal| principal.me.kind == IdentityKind::Guest);
    let cookie = if is_guest { Cookie::Guest } else { Cookie::Session };
    Ok((StatusCode::NO_CONTENT, set(cookie.clear(&state.site))).into_response())
}

/// `POST /auth/guest`. A guest stays the same one, with a fresh token; an account is told who it is.
pub(super) async fn guest(
    State(state): State<AppState>,
    caller: Caller,
    sender: Sender,
) -> Result<Response, Refused> {
    match &caller.asker.0 {
        None => Ok(identified(StatusCode::CREATED, state.services.new_guest(&sender).await?, &state.site)),
        Some(guest) if guest.me.kind == IdentityKind::Guest => {
            Ok(identified(StatusCode::OK, state.services.renew_guest(guest)?, &state.site))
        }
        Some(account) => Ok(axum::Json(serde_json::json!({ "guest": account.me })).into_response()),
    }
}

/// What removes the cookie of somebody who is no more.
pub(super) fn forgetting(kind: IdentityKind, site: &Site) -> impl IntoResponse + use<> {
    set(cookie_of(kind).clear(site))
}

fn identified(status: StatusCode, signed: SignedIn, site: &Site) -> Response {
    let me = signed.principal.me;
    let cookie = cookie_of(me.kind).set(&signed.token, signed.lasts, site);
    let (user, guest) = match me.kind {
        IdentityKind::User => (Some(me), None),
        IdentityKind::Guest => (None, Some(me)),
    };
    let body = Identified { user, guest, access_token: signed.token, expires_in: signed.lasts.as_secs() };
    (status, set(cookie), axum::Json(body)).into_response()
}

fn cookie_of(kind: IdentityKind) -> Cookie {
    match kind {
        IdentityKind::User => Cookie::Session,
        IdentityKind::Guest => Cookie::Guest,
    }
}

fn set(cookie: Option<HeaderValue>) -> AppendHeaders<Vec<(header::HeaderName, HeaderValue)>> {
    AppendHeaders(cookie.into_iter().map(|cookie| (header::SET_COOKIE, cookie)).collect())
}
