//! Where in the site a path leads. Every link is a page load, so that every page comes whole from the server:
//! what is left of routing is this one function, the same on both sides.

/// A page of the site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// A page that needs no script: plain links and forms.
    Still(Still),
    /// The voting tickets of the room with this code: a page that needs no script.
    Tickets(String),
    /// A page that lives on in the browser, about the room with this code.
    Live(LivePage, String),
}

/// The pages that need no script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Still {
    Home,
    Join,
    Start,
    Login,
    Register,
    Rooms,
    Account,
    Nowhere,
}

/// The pages about one room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LivePage {
    Edit,
    Room,
    Host,
    Screen,
}

#[cfg(feature = "ssr")]
impl LivePage {
    /// Whether only the room's host may see it.
    pub(crate) fn is_for_host(self) -> bool {
        matches!(self, Self::Edit | Self::Host)
    }
}

impl Place {
    /// The page at a path.
    pub(crate) fn at(path: &str) -> Self {
        let mut parts = path.split('/').filter(|part| !part.is_empty());
        match [(); 4].map(|()| parts.next()) {
            [None, ..] => Self::Still(Still::Home),
            [Some("join"), None, ..] => Self::Still(Still::Join),
            [Some("start"), None, ..] => Self::Still(Still::Start),
            [Some("login"), None, ..] => Self::Still(Still::Login),
            [Some("register"), None, ..] => Self::Still(Still::Register),
            [Some("account"), None, ..] => Self::Still(Still::Account),
            [Some("rooms"), Some(code), Some("tickets"), None] => Self::Tickets(code.to_owned()),
            [Some("rooms"), None, ..] => Self::Still(Still::Rooms),
            [Some("rooms"), Some(code), Some("edit"), None] => Self::Live(LivePage::Edit, code.to_owned()),
            [Some("r"), Some(code), None, ..] => Self::Live(LivePage::Room, code.to_owned()),
            [Some("r"), Some(code), Some("host"), None] => Self::Live(LivePage::Host, code.to_owned()),
            [Some("r"), Some(code), Some("screen"), None] => Self::Live(LivePage::Screen, code.to_owned()),
            _ => Self::Still(Still::Nowhere),
        }
    }

    /// Whether scripts go with the page.
    #[cfg(feature = "ssr")]
    pub(crate) fn is_live(&self) -> bool {
        matches!(self, Self::Live(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_to_their_pages() {
        let live = |page| Place::Live(page, "K7M2QX".to_owned());
        assert_eq!(Place::at("/"), Place::Still(Still::Home));
        assert_eq!(Place::at("/rooms"), Place::Still(Still::Rooms));
        assert_eq!(Place::at("/account"), Place::Still(Still::Account));
        assert_eq!(Place::at("/rooms/K7M2QX/tickets"), Place::Tickets("K7M2QX".to_owned()));
        assert_eq!(Place::at("/rooms/K7M2QX/edit"), live(LivePage::Edit));
        assert_eq!(Place::at("/r/K7M2QX"), live(LivePage::Room));
        assert_eq!(Place::at("/r/K7M2QX/"), live(LivePage::Room));
        assert_eq!(Place::at("/r/K7M2QX/host"), live(LivePage::Host));
        assert_eq!(Place::at("/r/K7M2QX/screen"), live(LivePage::Screen));
        for path in ["/nope", "/r", "/r/K7M2QX/else", "/r/K7M2QX/host/x", "/rooms/K7M2QX", "/login/x"] {
            assert_eq!(Place::at(path), Place::Still(Still::Nowhere), "{path}");
        }
    }
}
