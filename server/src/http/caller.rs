//! Who calls: told by a Bearer header, else by the session's cookies, else by the guest's.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::cookies::{Cookie, Jar, of_signed};
use super::problem::{Refused, invalid_token};
use super::security::is_from_another_site;
use crate::auth::refresh::RefreshToken;
use crate::auth::{Asker, Sender};
use crate::doors::Door;
use crate::error::{Error, Result};
use crate::service::SignedIn;
use crate::state::{AppState, Site};

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who it is.
    pub asker: Asker,
    /// Whether credentials came that are not ours, have expired, or whose session has ended. The API and sockets refuse
    /// those; pages go on without them.
    pub bad: bool,
    /// What the answer tells the browser: bad cookies go, renewed ones are set.
    cookies: Vec<HeaderValue>,
}

impl Caller {
    /// The answer to bad credentials: 401.
    pub fn refusal(&self) -> Option<Response> {
        self.bad.then(|| Refused(invalid_token()).into_response())
    }

    async fn known(headers: &HeaderMap, sender: Sender, state: &AppState) -> Result<Self> {
        let asker = Asker::nobody(sender);
        let mut caller = Self { asker, bad: false, cookies: Vec::new() };
        if let Some(token) = bearer(headers) {
            caller.asker.known = state.services.authenticate(token).await?;
            caller.bad = caller.asker.known.is_none();
            return Ok(caller);
        }
        if !caller.has_session(headers, state).await? {
            caller.is_guest(headers, state).await?;
        }
        Ok(caller)
    }

    /// Whether a session's cookies say who it is; an access token that has expired is renewed on the way.
    async fn has_session(&mut self, headers: &HeaderMap, state: &AppState) -> Result<bool> {
        let (services, site) = (&state.services, &state.site);
        let access = Cookie::Session.read(headers, site);
        if let Some(token) = &access {
            self.asker.known = services.authenticate(token).await?;
            if self.asker.known.is_some() {
                return Ok(true);
            }
        }
        let refresh = Cookie::Refresh.read(headers, site);
        if access.is_none() && refresh.is_none() {
            return Ok(false);
        }
        let refresh = refresh.as_deref().and_then(RefreshToken::parse);
        if let Some(token) = &refresh
            && !self.may_renew(headers, state).await
        {
            self.asker.known = services.recognise(token).await?;
            self.bad = self.asker.known.is_none();
            return Ok(!self.bad);
        }
        let renewed = match refresh {
            Some(token) => renewed(state, &token, &self.asker.sender).await?,
            None => None,
        };
        match renewed {
            Some(signed) => {
                self.cookies.extend(of_signed(&signed, site));
                self.asker.known = Some(signed.principal);
                Ok(true)
            }
            None => {
                self.forget([Cookie::Session, Cookie::Refresh], site);
                Ok(false)
            }
        }
    }

    /// Whether a session may be renewed on the way. Another site's page can have its visitor's browser come here and turn away
    /// at once: what is renewed would be lost, and the use of what is kept would end the session. And a flood that only reads
    /// must not write more than others may.
    async fn may_renew(&self, headers: &HeaderMap, state: &AppState) -> bool {
        let from = self.asker.sender.address;
        !is_from_another_site(headers) && state.services.doors.enter(Door::Change, from).await.is_ok()
    }

    async fn is_guest(&mut self, headers: &HeaderMap, state: &AppState) -> Result<()> {
        let (services, site) = (&state.services, &state.site);
        let Some(token) = Cookie::Guest.read(headers, site) else { return Ok(()) };
        self.asker.known = services.authenticate(&token).await?;
        match &self.asker.known {
            // Before the old key is taken out, guests have tokens of the new one.
            Some(guest) if services.tokens.is_of_old_key(&token) => {
                self.cookies.extend(of_signed(&services.renew_guest(guest)?, site));
            }
            Some(_) => {}
            None => self.forget([Cookie::Guest], site),
        }
        Ok(())
    }

    fn forget(&mut self, cookies: impl IntoIterator<Item = Cookie>, site: &Site) {
        self.bad = true;
        self.cookies.extend(cookies.into_iter().filter_map(|cookie| cookie.clear(site)));
    }
}

async fn renewed(state: &AppState, token: &RefreshToken, sender: &Sender) -> Result<Option<SignedIn>> {
    match state.services.refresh(token, sender).await {
        Ok(signed) => Ok(Some(signed)),
        Err(Error::Problem(problem)) if problem.status == 401 => Ok(None),
        Err(error) => Err(error),
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> std::result::Result<Self, Refused> {
        let Ok(sender) = Sender::from_request_parts(parts, state).await;
        let mut caller = Self::known(&parts.headers, sender, state).await?;
        if let Some(jar) = parts.extensions.get::<Jar>() {
            jar.put(caller.cookies.drain(..));
        }
        Ok(caller)
    }
}

/// Who calls the API: bad credentials are refused, no credentials are nobody.
pub(super) struct Verified(pub(super) Asker);

impl FromRequestParts<AppState> for Verified {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> std::result::Result<Self, Response> {
        let caller = Caller::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        match caller.refusal() {
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
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_header_is_too_odd(bytes: Vec<u8>, name in 0..4_usize) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let names = [header::AUTHORIZATION, header::COOKIE, header::ORIGIN, header::HOST];
                let headers = HeaderMap::from_iter([(names[name].clone(), value)]);
                let site = crate::http::cookies::tests::site(Some("https://vote.example"));
                if let Some(token) = bearer(&headers) {
                    prop_assert!(bytes.windows(token.len().max(1)).any(|part| part == token.as_bytes()) || token.is_empty());
                }
                let _read = [Cookie::Session, Cookie::Refresh, Cookie::Guest].map(|cookie| cookie.read(&headers, &site));
                let _own = crate::http::is_own_origin(&headers, &site);
            }
        }
    }

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
