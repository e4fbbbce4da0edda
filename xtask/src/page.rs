//! What else a browser fetches once it has a page, a script or a style sheet.

/// The addresses that a file of this content type loads by itself, as written there.
pub(crate) fn references(content_type: &str, text: &str) -> Vec<String> {
    if content_type.contains("html") {
        tags(text).filter_map(loaded_by).chain(script_imports(text)).collect()
    } else if content_type.contains("javascript") {
        script_imports(text).collect()
    } else if content_type.contains("css") {
        let urls = text.split("url(").skip(1).filter_map(|rest| rest.split(')').next());
        urls.map(|url| url.trim_matches(['"', '\'', ' '])).map(String::from).collect()
    } else {
        Vec::new()
    }
}

/// Makes `reference`, found in the file at `base`, a full address; none for `data:` and its like.
pub(crate) fn resolve(base: &str, reference: &str) -> Option<String> {
    if reference.starts_with("https://") || reference.starts_with("http://") {
        return Some(reference.to_owned());
    }
    let (scheme, rest) = base.split_once("://")?;
    if let Some(host_and_path) = reference.strip_prefix("//") {
        return Some(format!("{scheme}://{host_and_path}"));
    }
    let rest = rest.split(['?', '#']).next().unwrap_or(rest);
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if reference.starts_with('/') {
        return Some(format!("{scheme}://{host}{reference}"));
    }
    if reference.is_empty() || reference.starts_with('#') || reference.contains(':') {
        return None;
    }
    let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
    let reference = reference.strip_prefix("./").unwrap_or(reference);
    Some(format!("{scheme}://{host}{folder}{reference}"))
}

/// The insides of every `<…>`. Script text can look like a tag as well, which does no harm here.
fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<').skip(1).filter_map(|rest| rest.split('>').next())
}

fn loaded_by(tag: &str) -> Option<String> {
    const FETCHED: [&str; 5] = ["stylesheet", "preload", "modulepreload", "icon", "manifest"];
    let (name, _) = tag.split_once(|c: char| c.is_ascii_whitespace())?;
    let address = match name {
        "script" | "img" => attribute(tag, "src")?,
        "link" => {
            let rel = attribute(tag, "rel")?;
            rel.split_ascii_whitespace().find(|word| FETCHED.contains(word))?;
            attribute(tag, "href")?
        }
        _ => return None,
    };
    Some(address.replace("&amp;", "&"))
}

fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let starts = tag.match_indices(name).find(|(at, _)| {
        tag[..*at].ends_with(|c: char| c.is_ascii_whitespace()) && tag[at + name.len()..].starts_with('=')
    })?;
    let value = &tag[starts.0 + name.len() + 1..];
    match value.chars().next()? {
        quote @ ('"' | '\'') => value[1..].split(quote).next(),
        _ => value.split_ascii_whitespace().next(),
    }
}

/// What a script imports, and the WASM that it names.
fn script_imports(text: &str) -> impl Iterator<Item = String> {
    let quotes = ['"', '\'', '`'];
    let names = text.split(quotes).zip(text.split(quotes).skip(1));
    names.filter_map(|(before, name)| {
        let imported = ["from", "import", "import("].iter().any(|word| before.trim_end().ends_with(word));
        let address = !name.contains(|c: char| c.is_whitespace() || "${}<>".contains(c));
        (address && (imported || name.ends_with(".wasm"))).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_page_loads() {
        let html = r#"<head><link rel="stylesheet" id=css href="/pkg/voxpop.css?v=1"><link rel=icon href=/favicon.svg>
            <link rel="canonical" href="/"><link rel="modulepreload" href="/pkg/voxpop.js" crossorigin>
            <script type="module">import(`${root}/x.js`); go("/pkg/voxpop_bg.wasm")</script>
            <script src='a.js?b=1&amp;c=2'></script></head><img alt="" src="qr.svg"><a href="/about">"#;
        assert_eq!(
            references("text/html; charset=utf-8", html),
            [
                "/pkg/voxpop.css?v=1",
                "/favicon.svg",
                "/pkg/voxpop.js",
                "a.js?b=1&c=2",
                "qr.svg",
                "/pkg/voxpop_bg.wasm"
            ]
        );
    }

    #[test]
    fn finds_what_scripts_and_styles_load() {
        let js = "import { a } from './snippets/x/inline0.js';\nnew URL('voxpop_bg.wasm', import.meta.url); x['./y.js']";
        assert_eq!(references("text/javascript", js), ["./snippets/x/inline0.js", "voxpop_bg.wasm"]);
        assert_eq!(references("text/css", "a{mask:url( \"/i.svg\" )}"), ["/i.svg"]);
        assert!(references("application/wasm", "'x.wasm'").is_empty());
    }

    #[test]
    fn resolves_against_where_it_was_found() {
        let base = "http://localhost:3000/pkg/voxpop.js?v=1";
        for (reference, full) in [
            ("voxpop_bg.wasm", Some("http://localhost:3000/pkg/voxpop_bg.wasm")),
            ("./s/a.js", Some("http://localhost:3000/pkg/s/a.js")),
            ("/a.css", Some("http://localhost:3000/a.css")),
            ("//other.example/a.css", Some("http://other.example/a.css")),
            ("https://other.example/a.css", Some("https://other.example/a.css")),
            ("data:image/svg+xml,x", None),
            ("#top", None),
        ] {
            assert_eq!(resolve(base, reference).as_deref(), full, "{reference}");
        }
        assert_eq!(resolve("http://localhost:3000", "a.js").as_deref(), Some("http://localhost:3000/a.js"));
    }
}
