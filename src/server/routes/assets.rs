//! The dashboard: what `web/` was built to, inside of this program. Nothing of it is asked for elsewhere.

use std::borrow::Cow;

use axum::{
    body::Body,
    extract::Path,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::sans_io::error::{Code, Problem};
use crate::server::state::refusal::Refusal;

#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Dist;

/// Names of assets change with their content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// The page is asked for each time; its ETag saves sending it.
const ASK_AGAIN: &str = "no-cache";

const HEADERS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// The page itself.
pub(crate) fn index(headers: &HeaderMap) -> Response {
    let Some(file) = Dist::get("index.html") else {
        // Only a tree whose `web/dist` was removed has none.
        return StatusCode::NOT_FOUND.into_response();
    };
    answer("index.html", file, headers, ASK_AGAIN)
}

/// What the page asks for.
pub(crate) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Refusal> {
    let path = format!("assets/{name}");
    let missing = || {
        Problem::new(Code::NotFound, format!("there is no `/{path}`"))
            .hint("load the page again: it is of another version")
    };
    let file = Dist::get(&path).ok_or_else(missing)?;
    Ok(answer(&path, file, &headers, FOR_EVER))
}

/// All from here, and sockets to here alone. The page's worker lives by the policy of its script, so scripts have it as
/// well. The host has passed [`access`](crate::server::access): it cannot add to the policy.
fn policy(asked: &HeaderMap) -> String {
    let host = asked.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    format!(
        "default-src 'self'; connect-src 'self' ws://{host} wss://{host}; object-src 'none'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    )
}

fn answer(path: &str, file: EmbeddedFile, asked: &HeaderMap, caching: &'static str) -> Response {
    let tag = tag(&file);
    let known = asked.get_all(header::IF_NONE_MATCH).iter().any(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let body = match file.data {
            Cow::Borrowed(bytes) => Body::from(bytes),
            Cow::Owned(bytes) => Body::from(bytes),
        };
        ([(header::CONTENT_TYPE, content_type(path))], body).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    if let Ok(policy) = HeaderValue::try_from(policy(asked)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn tag(file: &EmbeddedFile) -> String {
    let sum = file.metadata.sha256_hash();
    let short = sum.iter().take(12).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    format!("\"{short:024x}\"")
}

/// The types that a build makes.
fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
