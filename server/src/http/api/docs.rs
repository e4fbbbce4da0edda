//! The contract's description: the document, and a page drawn from it.

use std::fmt::Write;
use std::sync::LazyLock;

use axum::http::header;
use axum::response::{Html, IntoResponse};
use serde_json::Value;

/// OpenAPI 3.1.
pub(super) const DOCUMENT: &str = include_str!("../openapi.json");

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// `GET /openapi.json`.
pub(super) async fn document() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")], DOCUMENT)
}

/// `GET /api/docs`: no scripts, nothing from elsewhere.
pub(super) async fn page() -> impl IntoResponse {
    static PAGE: LazyLock<String> =
        LazyLock::new(|| draw(&serde_json::from_str(DOCUMENT).unwrap_or_default()));
    let policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; \
                  frame-ancestors 'none'";
    let headers = [(header::CONTENT_SECURITY_POLICY, policy), (header::CACHE_CONTROL, "public, max-age=300")];
    (headers, Html(PAGE.as_str()))
}

fn draw(document: &Value) -> String {
    let info = &document["info"];
    let mut page = format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{title}</title>\
         <link rel=\"icon\" href=\"/favicon.svg\" type=\"image/svg+xml\">\
         <link rel=\"stylesheet\" href=\"/pkg/voxpop.css\"></head><body><main id=\"main\" class=\"page docs\">\
         <h1>{title}</h1>{words}\
         <p>The same for programs: <a href=\"/api/v1/openapi.json\">OpenAPI 3.1</a>.</p>",
        title = escaped(text(&info["title"])),
        words = paragraphs(text(&info["description"])),
    );
    for tag in items(&document["tags"]) {
        let name = text(&tag["name"]);
        page += &format!("<section><h2>{}</h2>{}", escaped(name), paragraphs(text(&tag["description"])));
        for (path, item) in fields(&document["paths"]) {
            for method in METHODS {
                let operation = &item[method];
                if items(&operation["tags"]).any(|tag| tag == name) {
                    page += &draw_operation(path, method, operation);
                }
            }
        }
        page += "</section>";
    }
    page += "<section><h2>Shapes</h2>";
    for (name, schema) in fields(&document["components"]["schemas"]) {
        let name = escaped(name);
        let json = serde_json::to_string_pretty(schema).unwrap_or_default();
        page += &format!(
            "<article class=\"card\" id=\"{name}\"><h3>{name}</h3><pre>{}</pre></article>",
            escaped(&json)
        );
    }
    page + "</section></main></body></html>"
}

fn draw_operation(path: &str, method: &str, operation: &Value) -> String {
    let mut out = format!(
        "<article class=\"card\"><h3><code>{} /api/v1{}</code></h3><p>{}</p>{}",
        method.to_uppercase(),
        escaped(path),
        escaped(text(&operation["summary"])),
        paragraphs(text(&operation["description"])),
    );
    if let Some(shape) = shape(&operation["requestBody"]["content"]) {
        out += &format!("<p>Body: {shape}</p>");
    }
    out += "<table><thead><tr><th scope=\"col\">Status</th><th scope=\"col\">Answer</th></tr></thead><tbody>";
    for (status, response) in fields(&operation["responses"]) {
        let shape = shape(&response["content"]).map(|shape| format!(" {shape}")).unwrap_or_default();
        let words = match reference(response) {
            Some(name) => name.to_owned(),
            None => text(&response["description"]).to_owned(),
        };
        out += &format!("<tr><td>{status}</td><td>{}{shape}</td></tr>", escaped(&words));
    }
    out + "</tbody></table></article>"
}

/// The named shape of a body, as a link to where it is described; what is written in place is shown.
fn shape(content: &Value) -> Option<String> {
    let (_, body) = fields(content).next()?;
    let schema = &body["schema"];
    Some(match reference(schema) {
        Some(name) => format!("<a href=\"#{0}\">{0}</a>", escaped(name)),
        None => format!("<code>{}</code>", escaped(&schema.to_string())),
    })
}

fn reference(value: &Value) -> Option<&str> {
    value["$ref"].as_str()?.rsplit('/').next()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn paragraphs(words: &str) -> String {
    words.split("\n\n").filter(|words| !words.is_empty()).fold(String::new(), |mut out, words| {
        let _ = write!(out, "<p>{}</p>", escaped(words));
        out
    })
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        serde_json::from_str(DOCUMENT).unwrap()
    }

    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(array) => array.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 50);
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn the_page_tells_every_operation_and_runs_nothing() {
        let document = document();
        let page = draw(&document);
        let operations: usize = fields(&document["paths"])
            .map(|(_, item)| METHODS.iter().filter(|method| item.get(**method).is_some()).count())
            .sum();
        assert_eq!(page.matches("<h3><code>").count(), operations);
        for forbidden in ["<script", "<style", "style=", "//cdn", "onclick"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
    }
}
