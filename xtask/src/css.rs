//! One style sheet out of many: joined in a fixed order, without comments and idle blanks.

use std::path::{Path, PathBuf};

use crate::error::{Doing, Result};
use crate::files;

/// These come first, since the others build on them.
const FIRST: [&str; 2] = ["tokens.css", "base.css"];

/// Joins all `.css` files below `dir`: [`FIRST`], then the others by path.
pub(crate) fn bundle(dir: &Path) -> Result<String> {
    let mut sheets: Vec<PathBuf> = files::below(dir)?;
    sheets.retain(|path| path.extension().is_some_and(|e| e == "css"));
    sheets.sort_by_key(|path| {
        let place = FIRST.iter().position(|name| *path == dir.join(name));
        (place.unwrap_or(FIRST.len()), path.clone())
    });
    let mut bundle = String::new();
    for path in sheets {
        let text =
            String::from_utf8(files::read(&path)?).doing(format_args!("reading {}", path.display()))?;
        bundle.push_str(&squeeze(&text));
    }
    Ok(bundle)
}

/// Takes out comments and the blanks that mean nothing. It knows no more of CSS than that: strings stay as
/// they are, blanks that might part selectors or values stay as one.
fn squeeze(css: &str) -> String {
    let mut out = String::with_capacity(css.len());
    let mut rest = css;
    while let Some(c) = rest.chars().next() {
        let len = match c {
            '"' | '\'' => string_len(rest, c),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or(rest.len(), |end| end + 2),
            '\\' => c.len_utf8() + rest[1..].chars().next().map_or(0, char::len_utf8),
            _ if c.is_ascii_whitespace() => rest.len() - rest.trim_ascii_start().len(),
            _ => c.len_utf8(),
        };
        let (token, after) = rest.split_at(len);
        rest = after;
        if token.starts_with("/*") {
            // An empty comment still parts two words that it stood between.
            if joins(&out, rest) {
                out.push_str("/**/");
            }
        } else if c.is_ascii_whitespace() {
            if !out.is_empty() && !out.ends_with(['{', '}', ';', ',', ' ']) {
                out.push(' ');
            }
        } else {
            // Not after a backslash, which makes the blank part of a name; nor in `--empty: ;`.
            let idle = out.ends_with(' ') && !out.ends_with("\\ ") && !out.ends_with(": ");
            if idle && matches!(c, '{' | '}' | ';') {
                out.pop();
            }
            out.push_str(token);
        }
    }
    out.truncate(out.trim_ascii_end().len());
    out
}

/// The length of the string at the start of `text`, both quotes included.
fn string_len(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn joins(before: &str, after: &str) -> bool {
    let part = |c: char| !c.is_ascii_whitespace() && !"{};,/".contains(c);
    before.chars().next_back().is_some_and(part) && after.chars().next().is_some_and(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drops_comments_and_idle_blanks() {
        let css = "/* head */\n\na ,\n b > .c :hover {\n  color : red ;\n  margin: 0  auto; /* x */\n}\n\n@media (width > 40rem) {\n  a { top: 0 }\n}\n";
        assert_eq!(
            squeeze(css),
            "a ,b > .c :hover{color : red;margin: 0 auto;}@media (width > 40rem){a{top: 0}}"
        );
    }

    #[test]
    fn keeps_strings_and_escapes() {
        for css in [
            r#"a{content:"/* no  comment */ \" ; }"}"#,
            r"a{content:'  '}",
            r".w-1\/2{top:calc(1px + 2px)}",
            r".a\ {top:0}",
            "a{content:\"→ é\"}",
            "--x: ;",
            "unclosed ' x",
        ] {
            assert_eq!(squeeze(css), css);
        }
    }

    #[test]
    fn a_comment_neither_joins_nor_parts() {
        assert_eq!(squeeze("a{margin:1px/* x */2px}"), "a{margin:1px/**/2px}");
        assert_eq!(squeeze("div/* x */.b{}"), "div/**/.b{}");
        assert_eq!(squeeze("a /* x */ b{}"), "a b{}");
        assert_eq!(squeeze("a{}/* x */b{}"), "a{}b{}");
        assert_eq!(squeeze("a{}/* never closed"), "a{}");
    }

    #[test]
    fn tokens_and_base_come_first() {
        let dir = files::root().join("target/xtask-test/style");
        files::remove_dir(&dir).unwrap();
        for name in ["tokens", "base", "app", "components/bars", "zoom"] {
            files::write(&dir.join(format!("{name}.css")), format!(".{name} {{ }}\n").as_bytes()).unwrap();
        }
        files::write(&dir.join("assets/favicon.svg"), b"<svg/>").unwrap();
        assert_eq!(bundle(&dir).unwrap(), ".tokens{}.base{}.app{}.components/bars{}.zoom{}");
    }
}
