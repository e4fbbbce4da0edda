//! The cookies: who is signed in, how that is renewed, and which guest a device is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use crate::service::SignedIn;
use crate::state::Site;

/// One of the cookies that say who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cookie {
    /// A signed-in account: its access token.
    Session,
    /// What the next access token is asked for with.
    Refresh,
    /// A guest.
    Guest,
}

impl Cookie {
    /// Its name. Over https the prefix makes browsers see to it that no other host can have set it.
    fn name(self, https: bool) -> &'static str {
        match (self, https) {
            (Self::Session, false) => "voxpop_session",
            (Self::Session, true) => "__Host-voxpop_session",
            (Self::Refresh, false) => "voxpop_refresh",
            (Self::Refresh, true) => "__Host-voxpop_refresh",
            (Self::Guest, false) => "voxpop_guest",
            (Self::Guest, true) => "__Host-voxpop_guest",
        }
    }

    /// Its value, if the request has it; the first where there are several.
    pub(super) fn read(self, headers: &HeaderMap, site: &Site) -> Option<String> {
        let name = self.name(site.is_https()).as_bytes();
        // As bytes: what others put beside ours may be anything.
        let lines = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes);
        let pairs = lines.flat_map(|line| line.split(|byte| *byte == b';')).map(<[u8]>::trim_ascii);
        let mut values = pairs.filter_map(|pair| pair.strip_prefix(name)?.strip_prefix(b"="));
        values.next().and_then(|value| str::from_utf8(value).ok()).map(str::to_owned)
    }

    /// The `Set-Cookie` that stores a token.
    pub(super) fn set(self, token: &str, lasts: Duration, site: &Site) -> Option<HeaderValue> {
        let https = site.is_https();
        let (name, age) = (self.name(https), lasts.as_secs());
        let secure = if https { "; Secure" } else { "" };
        let line = format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}");
        let mut value = HeaderValue::from_str(&line).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The `Set-Cookie` that removes it.
    pub(super) fn clear(self, site: &Site) -> Option<HeaderValue> {
        self.set("", Duration::ZERO, site)
    }
}

/// The `Set-Cookie`s that store who was signed in, or which guest a device is.
pub(super) fn of_signed(signed: &SignedIn, site: &Site) -> Vec<HeaderValue> {
    let access = match signed.refresh {
        Some(_) => Cookie::Session,
        None => Cookie::Guest,
    };
    let refresh = signed.refresh.as_ref();
    let refresh =
        refresh.and_then(|refresh| Cookie::Refresh.set(&refresh.token.reveal(), refresh.lasts, site));
    access.set(&signed.token, signed.lasts, site).into_iter().chain(refresh).collect()
}

/// The `Set-Cookie`s that forget who was signed in.
pub(super) fn signed_out(site: &Site) -> Vec<HeaderValue> {
    [Cookie::Session, Cookie::Refresh].into_iter().filter_map(|cookie| cookie.clear(site)).collect()
}

/// What is found out about a request's cookies on its way in, and told with its answer, whatever that is: those that are no
/// good are cleared, those that were renewed are set.
#[derive(Clone, Default)]
pub(super) struct Jar(Arc<Mutex<Vec<HeaderValue>>>);

impl Jar {
    /// Puts what the answer is to set.
    pub(super) fn put(&self, cookies: impl IntoIterator<Item = HeaderValue>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(cookies);
    }

    fn take(&self) -> Vec<HeaderValue> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Gives a request a jar, and its answer what is in it. What the handler itself sets comes behind, and so wins.
pub(super) async fn carried(mut request: Request, next: Next) -> Response {
    let jar = Jar::default();
    request.extensions_mut().insert(jar.clone());
    let mut response = next.run(request).await;
    let found = jar.take();
    if found.is_empty() {
        return response;
    }
    let headers = response.headers_mut();
    let own: Vec<HeaderValue> = headers.get_all(header::SET_COOKIE).iter().cloned().collect();
    headers.remove(header::SET_COOKIE);
    for cookie in found.into_iter().chain(own) {
        headers.append(header::SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::config::Registration;

    pub(crate) fn site(public_url: Option<&str>) -> Site {
        Site {
            public_url: public_url.map(str::to_owned),
            lan_url: Some("http://192.168.0.7:3000".into()),
            root: "target/site".into(),
            registration: Registration::Open,
            imprint_url: None,
            privacy_url: None,
            trusted_proxies: Vec::new(),
        }
    }

    fn sent(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (header::COOKIE, HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn names_are_compared_whole_and_the_first_wins() {
        let http = site(None);
        let headers = sent(&[
            "a=b; voxpop_session_x=no; xvoxpop_session=no",
            " voxpop_session=one ;voxpop_session=two",
        ]);
        assert_eq!(Cookie::Session.read(&headers, &http).as_deref(), Some("one"));
        assert_eq!(Cookie::Guest.read(&headers, &http), None);
        assert_eq!(Cookie::Session.read(&sent(&["voxpop_session", "VOXPOP_SESSION=x"]), &http), None);
    }

    #[test]
    fn what_others_put_beside_ours_hides_nothing() {
        let mut headers = HeaderMap::new();
        let line = HeaderValue::from_bytes(b"theirs=\xfc\xff; voxpop_guest=mine").unwrap();
        headers.insert(header::COOKIE, line);
        assert_eq!(Cookie::Guest.read(&headers, &site(None)).as_deref(), Some("mine"));
        headers.insert(header::COOKIE, HeaderValue::from_bytes(b"\xc2\xa0voxpop_guest=x").unwrap());
        assert_eq!(Cookie::Guest.read(&headers, &site(None)), None, "a blank of that sort is part of a name");
    }

    #[test]
    fn https_asks_for_the_host_prefix_and_secure() {
        let https = site(Some("https://vote.example"));
        assert_eq!(Cookie::Session.read(&sent(&["voxpop_session=x"]), &https), None);
        assert_eq!(Cookie::Guest.read(&sent(&["__Host-voxpop_guest=x"]), &https).as_deref(), Some("x"));
        let set = Cookie::Guest.set("t", Duration::from_secs(9), &https).unwrap();
        assert_eq!(set, "__Host-voxpop_guest=t; Path=/; HttpOnly; SameSite=Lax; Max-Age=9; Secure");
        let clear = Cookie::Session.clear(&site(None)).unwrap();
        assert_eq!(clear, "voxpop_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    }
}
