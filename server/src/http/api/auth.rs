//! Signing in and out, and staying so.

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{AppendHeaders, IntoResponse, Response};
use domain::{IdentityKind, Me, Problem};
use serde::{Deserialize, Serialize};

use super::extract::{Json, Optional};
use crate::auth::Sender;
use crate::auth::refresh::RefreshToken;
use crate::error::Error;
use crate::http::caller::{Caller, Verified};
use crate::http::cookies::{Cookie, of_signed, signed_out};
use crate::http::problem::{Refused, invalid_token};
use crate::service::{NewAccount, SignedIn};
use crate::state::{AppState, Site};

/// A user name and its password.
#[derive(Deserialize)]
pub(super) struct Login {
    username: String,
    password: String,
    /// The room that it happens in, by its code: what the guest chose there becomes the account's.
    #[serde(default)]
    room: Option<String>,
}

/// What a program renews its session with; browsers send a cookie.
#[derive(Default, Deserialize)]
pub(super) struct Renewal {
    #[serde(default)]
    refresh_token: Option<String>,
}

/// Somebody, and the tokens that say so.
#[derive(Serialize)]
struct Identified {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Me>,
    #[serde(skip_serializing_if = "Option::is_none")]
    guest: Option<Me>,
    access_token: String,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
}

/// `POST /auth/register`. Bad cookies do no harm here: they are about to be replaced.
pub(super) async fn register(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Json(account): Json<NewAccount>,
) -> Result<Response, Refused> {
    let room = account.room.clone();
    let signed = state.services.register(account, &caller.asker.sender).await?;
    state.services.adopt(&caller.asker, &signed, room.as_deref()).await;
    Ok(identified(StatusCode::CREATED, signed, &headers, &state.site))
}

/// `POST /auth/login`.
pub(super) async fn login(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    Json(login): Json<Login>,
) -> Result<Response, Refused> {
    let signed = state.services.login(&login.username, &login.password, &caller.asker.sender).await?;
    state.services.adopt(&caller.asker, &signed, login.room.as_deref()).await;
    Ok(identified(StatusCode::OK, signed, &headers, &state.site))
}

/// `POST /auth/refresh`. A token in the body goes before the cookie; cookies that are no good are cleared.
pub(super) async fn refresh(
    State(state): State<AppState>,
    sender: Sender,
    headers: HeaderMap,
    Optional(renewal): Optional<Renewal>,
) -> Result<Response, Refused> {
    let sent = renewal.refresh_token.or_else(|| Cookie::Refresh.read(&headers, &state.site));
    let sent = sent.ok_or_else(Problem::not_authenticated)?;
    let renewed = match RefreshToken::parse(&sent) {
        Some(token) => state.services.refresh(&token, &sender).await,
        None => Err(invalid_token().into()),
    };
    match renewed {
        Ok(signed) => Ok(identified(StatusCode::OK, signed, &headers, &state.site)),
        Err(Error::Problem(problem)) if problem.status == 401 => {
            Ok((set(signed_out(&state.site)), Refused(problem)).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// `POST /auth/logout`.
pub(super) async fn logout(
    State(state): State<AppState>,
    Verified(asker): Verified,
) -> Result<Response, Refused> {
    state.services.logout(&asker).await?;
    let kind = asker.known.map_or(IdentityKind::User, |principal| principal.me.kind);
    Ok((StatusCode::NO_CONTENT, forgetting(kind, &state.site)).into_response())
}

/// `POST /auth/guest`. A guest stays the same one, with a fresh token; an account is told who it is.
pub(super) async fn guest(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    match &caller.asker.known {
        None => {
            let signed = state.services.new_guest(&caller.asker.sender).await?;
            Ok(identified(StatusCode::CREATED, signed, &headers, &state.site))
        }
        Some(guest) if guest.me.kind == IdentityKind::Guest => {
            let signed = state.services.renew_guest(guest)?;
            Ok(identified(StatusCode::OK, signed, &headers, &state.site))
        }
        Some(account) => Ok(axum::Json(serde_json::json!({ "guest": account.me })).into_response()),
    }
}

/// What removes the cookies of somebody who is no more.
pub(super) fn forgetting(kind: IdentityKind, site: &Site) -> impl IntoResponse + use<> {
    match kind {
        IdentityKind::User => set(signed_out(site)),
        IdentityKind::Guest => set(Cookie::Guest.clear(site).into_iter().collect()),
    }
}

fn identified(status: StatusCode, signed: SignedIn, asked: &HeaderMap, site: &Site) -> Response {
    let cookies = of_signed(&signed, site);
    let me = signed.principal.me;
    let (user, guest) = match me.kind {
        IdentityKind::User => (Some(me), None),
        IdentityKind::Guest => (None, Some(me)),
    };
    let refresh_token = signed.refresh.filter(|_| !is_browser(asked)).map(|refresh| refresh.token.reveal());
    let (access_token, expires_in) = (signed.token, signed.lasts.as_secs());
    let body = Identified { user, guest, access_token, expires_in, refresh_token };
    (status, set(cookies), axum::Json(body)).into_response()
}

/// A browser keeps the refresh token in its cookie, where no script can read it.
fn is_browser(asked: &HeaderMap) -> bool {
    asked.contains_key(header::ORIGIN) || asked.contains_key("sec-fetch-site")
}

fn set(cookies: Vec<HeaderValue>) -> AppendHeaders<Vec<(header::HeaderName, HeaderValue)>> {
    AppendHeaders(cookies.into_iter().map(|cookie| (header::SET_COOKIE, cookie)).collect())
}
