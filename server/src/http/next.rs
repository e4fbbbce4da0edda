//! Where somebody goes after signing in: back to a page of this site, and nowhere else.

/// The path, if it leads to a page of this site. Browsers read a backslash as a slash and skip tabs and
/// line breaks, so none of those may stand in it.
pub(super) fn local(path: &str) -> Option<&str> {
    let printable = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    (printable && path.starts_with('/') && !path.starts_with("//")).then_some(path)
}

/// The code of the room whose page a path leads to.
pub(super) fn room(path: &str) -> Option<&str> {
    let code = path.strip_prefix("/r/")?.split(['/', '?', '#']).next()?;
    Some(code).filter(|code| !code.is_empty())
}

/// The sign-in page that leads back to a path.
pub(super) fn login(back_to: &str) -> String {
    format!("/login?next={}", app::forms::escaped(back_to))
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    #[test]
    fn only_paths_of_this_site_are_followed() {
        for good in ["/", "/rooms", "/r/K7M2QX/host?x=1#poll-2"] {
            assert_eq!(local(good), Some(good));
        }
        for bad in [
            "",
            "rooms",
            "//evil",
            "/\\evil",
            "\\/evil",
            "/\t/evil",
            "https://evil",
            " /x",
            "/a b",
            "/é",
            "/x\r\ny: z",
        ] {
            assert_eq!(local(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_followed_stays_on_this_site(path in "[/\\\\a-z:@.?#%0-9 \t\r\n]{0,24}|\\PC{0,20}|/[/\\\\]?[a-z.]{1,9}") {
            let here = Url::parse("https://vote.example/login").unwrap();
            if let Some(followed) = local(&path) {
                let there = here.join(followed).unwrap();
                prop_assert_eq!(there.origin(), here.origin(), "{:?}", path);
                prop_assert!(HeaderValue::from_str(followed).is_ok());
            }
        }

        #[test]
        fn a_way_back_is_what_it_was(path in "/[a-zA-Z0-9%&+#=?/.-]{0,30}") {
            let page = Url::parse("https://vote.example").unwrap().join(&login(&path)).unwrap();
            let next = page.query_pairs().find(|(name, _)| name == "next").map(|(_, value)| value.into_owned());
            prop_assert_eq!(next, Some(path));
        }
    }

    #[test]
    fn a_rooms_pages_are_known() {
        for path in ["/r/K7M2QX", "/r/K7M2QX/screen", "/r/K7M2QX?x=1", "/r/K7M2QX#top"] {
            assert_eq!(room(path), Some("K7M2QX"));
        }
        for path in ["/rooms", "/r/", "/", "/rooms/K7M2QX/edit"] {
            assert_eq!(room(path), None, "{path}");
        }
    }

    #[test]
    fn the_way_back_survives_as_part_of_a_query() {
        assert_eq!(login("/rooms?q=a%20b&cursor=1+2"), "/login?next=/rooms?q%3Da%2520b%26cursor%3D1%2B2");
    }
}
