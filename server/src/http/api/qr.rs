//! A room's join link as a QR code.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

use super::extract::Code;
use crate::error::Error;
use crate::http::caller::Caller;
use crate::http::link::join_url;
use crate::http::problem::Refused;
use crate::state::AppState;

/// `GET /rooms/{code}/qr.svg`: dark on light with its quiet zone, whatever the page's colours, since
/// cameras want it so.
pub(super) async fn svg(
    State(state): State<AppState>,
    caller: Caller,
    Code(code): Code,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refused> {
    let code = state.services.join_code(&caller.asker, &code).await?;
    let picture = draw(&join_url(&state.site, &headers, code), 8)?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "private, max-age=300")], picture))
}

/// A link as a QR code inside a page: an element alone, drawn as small as can be, since a page has a hundred.
pub(in crate::http) fn inline(link: &str) -> Result<String, Error> {
    let picture = draw(link, 1)?;
    let element = picture.find("<svg").and_then(|at| picture.get(at..));
    Ok(element.unwrap_or_default().to_owned())
}

/// A link as a QR code in SVG, each of its modules so many pixels wide.
fn draw(link: &str, module: u32) -> Result<String, Error> {
    let code = QrCode::with_error_correction_level(link, EcLevel::M);
    let code = code.map_err(|error| Error::Internal(format!("a QR code: {error}")))?;
    let mut render = code.render::<svg::Color<'_>>();
    render.module_dimensions(module, module);
    Ok(render.dark_color(svg::Color("#000")).light_color(svg::Color("#fff")).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: &str = "http://192.168.0.7:3000/r/K7M2QX";

    #[test]
    fn a_code_scales_and_has_its_quiet_zone() {
        let picture = draw(LINK, 8).unwrap();
        assert!(picture.contains("viewBox=\"0 0 "), "{picture}");
        assert!(picture.contains("#000") && picture.contains("#fff"));
        assert!(!picture.contains("style="));
    }

    #[test]
    fn inside_a_page_it_is_an_element_alone() {
        let element = inline(LINK).unwrap();
        assert!(element.starts_with("<svg ") && element.ends_with("</svg>"), "{element}");
    }
}
