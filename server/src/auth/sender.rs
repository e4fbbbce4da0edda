//! Where a request comes from.

use std::net::{IpAddr, Ipv4Addr};

/// How long a device's description is at most, in characters.
const LONGEST: usize = 60;

/// The browsers and systems that are told apart; the first that fits. Chrome names Safari too, and Edge Chrome.
const BROWSERS: [(&str, &str); 6] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
];
const SYSTEMS: [(&str, &str); 7] = [
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// Who sends a request, as far as the network tells. It is no identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// The address that it comes from. It is not stored, and logged as a hash only.
    pub address: IpAddr,
    /// What it is sent with, in words for people.
    pub device: String,
}

impl Sender {
    /// A sender at an address, with what it says of itself in `User-Agent`.
    pub fn new(address: IpAddr, user_agent: &str) -> Self {
        Self { address, device: device(user_agent) }
    }
}

/// Nobody in particular: this machine.
impl Default for Sender {
    fn default() -> Self {
        Self::new(Ipv4Addr::LOCALHOST.into(), "")
    }
}

fn device(user_agent: &str) -> String {
    let named = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| user_agent.contains(mark)).map(|(_, name)| *name)
    };
    match (named(&BROWSERS), named(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => {
            let first = user_agent.split_whitespace().next().unwrap_or_default();
            first.chars().filter(char::is_ascii_graphic).take(LONGEST).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_told_in_words() {
        let phone = "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36";
        let told = |user_agent| Sender::new(Ipv4Addr::LOCALHOST.into(), user_agent).device;
        assert_eq!(told(phone), "Chrome, Android");
        assert_eq!(
            told("Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0"),
            "Firefox, Linux"
        );
        assert_eq!(told("curl/8.5.0"), "curl/8.5.0");
        assert_eq!(told(""), "");
        assert_eq!(told(&"x".repeat(100)).len(), LONGEST);
    }
}
