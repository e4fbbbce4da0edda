//! Text for the two elements, `title` and `textarea`, whose content is written to HTML as it stands.

/// The text, escaped on the server, where it becomes HTML. In the browser it is set as text.
pub(crate) fn raw_text(text: &str) -> String {
    if cfg!(feature = "ssr") { escaped(text) } else { text.to_owned() }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_cannot_end_its_element() {
        assert_eq!(escaped("</title>&amp;"), "&lt;/title&gt;&amp;amp;");
    }
}
