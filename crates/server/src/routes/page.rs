//! `GET /` without an upgrade: the dashboard for browsers, a list of addresses for other clients.

use axum::{
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};

#[cfg(feature = "page")]
use super::assets;
use super::{App, openapi};

/// Returns the dashboard if the client accepts HTML, otherwise a list of paths in plain text.
pub(crate) fn page(app: &App, headers: &HeaderMap) -> Response {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let mut response = match accept {
        #[cfg(feature = "page")]
        accept if accept.contains("text/html") => assets::index(headers),
        _ => {
            let (version, addresses) = (env!("CARGO_PKG_VERSION"), openapi::addresses(&(app.table)()));
            format!("livetape {version}\n\n{addresses}\n/openapi.json describes bodies and responses.\n")
                .into_response()
        }
    };
    response.headers_mut().append(header::VARY, header::HeaderValue::from_static("accept"));
    response
}
