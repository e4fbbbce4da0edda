//! Who calls: told by a Bearer header, else by the session cookie, else by the guest cookie.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::cookies::Cookie;
use super::problem::{Refused, invalid_token};
use crate::auth::Asker;
use crate::state::{AppState, Site};

/// Who calls, found out once for a request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who it is.
    pub asker: Asker,
    /// Whether credentials came that are not ours, have expired, or whose session has ended. The API and
    /// sockets refuse those; pages go on without them.
    pub bad: bool,
    /// The cookies that were bad.
    pub stale: Vec<Cookie>,
}

impl Caller {
    /// What clears the cookies that were bad.
    pub fn clearing(&self, site: &Site) -> Vec<HeaderValue> {
        self.stale.iter().filter_map(|cookie| cookie.clear(site)).collect()
    }

    /// The answer to bad credentials: 401, and bad cookies are cleared.
    pub fn refusal(&self, site: &Site) -> Option<Response> {
        self.bad.then(|| {
            let mut response = Refused(invalid_token()).into_response();
            for cookie in self.clearing(site) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        })
    }

    async fn known(headers: &HeaderMap, state: &AppState) -> crate::error::Result<Self> {
        let mut caller = Self { asker: Asker(None), bad: false, stale: Vec::new() };
        if let Some(token) = bearer(headers) {
            caller.asker = Asker(state.services.authenticate(token).await?);
            caller.bad = caller.asker.0.is_none();
            return Ok(caller);
        }
        for cookie in [Cookie::Session, Cookie::Guest] {
            let Some(token) = cookie.read(headers, &state.site) else { continue };
            caller.asker = Asker(state.services.authenticate(&token).await?);
            if caller.asker.0.is_some() {
                break;
            }
            caller.bad = true;
            caller.stale.push(cookie);
        }
        Ok(caller)
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Refused> {
        Ok(Self::known(&parts.headers, state).await?)
    }
}

/// Who calls the API: bad credentials are refused, no credentials are nobody.
pub(super) struct Verified(pub(super) Asker);

impl FromRequestParts<AppState> for Verified {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Response> {
        let caller = Caller::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        match caller.refusal(&state.site) {
            Some(refusal) => Err(refusal),
            None => Ok(Self(caller.asker)),
        }
    }
}

/// The token of a Bearer header (RFC 6750), if there is one.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bearer_header_has_a_token() {
        let headers =
            |value| HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))]);
        assert_eq!(bearer(&headers("bearer  abc ")), Some("abc"));
        assert_eq!(bearer(&headers("Bearer")), Some(""));
        assert_eq!(bearer(&headers("Basic abc")), None);
        assert_eq!(bearer(&HeaderMap::new()), None);
    }
}
