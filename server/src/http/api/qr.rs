//! A room's join link as a QR code.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use qrcode::render::svg;
use qrcode::{EcLevel, QrCode};

use super::extract::Code;
use crate::error::Error;
use crate::http::link::join_url;
use crate::http::problem::Refused;
use crate::state::AppState;

/// `GET /rooms/{code}/qr.svg`: dark on light with its quiet zone, whatever the page's colours, since
/// cameras want it so.
pub(super) async fn svg(
    State(state): State<AppState>,
    Code(code): Code,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refused> {
    let room = state.services.room_state(&code).await?.room;
    let picture = draw(&join_url(&state.site, &headers, room.code))?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml"), (header::CACHE_CONTROL, "private, max-age=300")], picture))
}

/// A link as a QR code, in SVG.
pub(in crate::http) fn draw(link: &str) -> Result<String, Error> {
    let code = QrCode::with_error_correction_level(link, EcLevel::M);
    let code = code.map_err(|error| Error::Internal(format!("a QR code: {error}")))?;
    let mut render = code.render::<svg::Color<'_>>();
    Ok(render.module_dimensions(8, 8).dark_color(svg::Color("#000")).light_color(svg::Color("#fff")).build())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_scales_and_has_its_quiet_zone() {
        let picture = draw("http://192.168.0.7:3000/r/K7M2QX").unwrap();
        assert!(picture.contains("viewBox=\"0 0 "), "{picture}");
        assert!(picture.contains("#000") && picture.contains("#fff"));
        assert!(!picture.contains("style="));
    }
}
