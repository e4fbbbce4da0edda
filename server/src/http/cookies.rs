//! The two cookies: who is signed in, and which guest a device is.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};

use crate::state::Site;

/// One of the cookies that say who somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cookie {
    /// A signed-in account.
    Session,
    /// A guest.
    Guest,
}

impl Cookie {
    /// Its name. Over https the prefix makes browsers see to it that no other host can have set it.
    fn name(self, https: bool) -> &'static str {
        match (self, https) {
            (Self::Session, false) => "voxpop_session",
            (Self::Session, true) => "__Host-voxpop_session",
            (Self::Guest, false) => "voxpop_guest",
            (Self::Guest, true) => "__Host-voxpop_guest",
        }
    }

    /// Its value, if the request has it; the first where there are several.
    pub fn read(self, headers: &HeaderMap, site: &Site) -> Option<String> {
        let name = self.name(site.is_https());
        let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
        let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
    }

    /// The `Set-Cookie` that stores a token.
    pub fn set(self, token: &str, lasts: Duration, site: &Site) -> Option<HeaderValue> {
        let https = site.is_https();
        let (name, age) = (self.name(https), lasts.as_secs());
        let secure = if https { "; Secure" } else { "" };
        let line = format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age={age}{secure}");
        let mut value = HeaderValue::from_str(&line).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The `Set-Cookie` that removes it.
    pub fn clear(self, site: &Site) -> Option<HeaderValue> {
        self.set("", Duration::ZERO, site)
    }
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
