//! Pages embedded in the binary: the dashboard, which is the build of `web/`, and the pages of `examples/`.

use std::borrow::Cow;

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use livetape_core::{
    error::{Code, Problem},
    host::PICTURE_DOMAINS,
    markup::escaped,
};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::{
    App,
    overlays::{self, KindAndName},
};
use crate::{access::bearer::Anonymous, state::ErrorResponse};

#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Dist;

/// Pages with their scripts.
#[derive(RustEmbed)]
#[folder = "examples"]
struct Examples;

/// The page that sets up overlays.
const SETUP: &str = "overlays/index.html";

/// Cache policy of assets, whose names change with their content.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// Cache policy of the page: revalidated on each load, with its ETag.
const REVALIDATE: &str = "no-cache";

const HEADERS: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

pub(crate) fn index(headers: &HeaderMap) -> Response {
    let Some(file) = Dist::get("index.html") else {
        // Only happens in a tree without `web/dist`.
        return StatusCode::NOT_FOUND.into_response();
    };
    answer("index.html", file, policy(headers), headers, REVALIDATE)
}

pub(crate) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, ErrorResponse> {
    let path = format!("assets/{name}");
    let missing = || {
        Problem::new(Code::NotFound, format!("`/{path}` does not exist"))
            .hint("reload the page: it belongs to another version")
    };
    let file = Dist::get(&path).ok_or_else(missing)?;
    Ok(answer(&path, file, policy(&headers), &headers, IMMUTABLE))
}

/// `GET /try`: a page to try `/ws` by hand.
pub(crate) async fn try_rooms(headers: HeaderMap) -> Result<Response, ErrorResponse> {
    example("try.html", &headers)
}

/// `GET /try.js`: its script.
pub(crate) async fn try_script(headers: HeaderMap) -> Result<Response, ErrorResponse> {
    example("try.js", &headers)
}

/// `GET /livetape-client.js`: the client that the overlays use.
pub(crate) async fn client(headers: HeaderMap) -> Result<Response, ErrorResponse> {
    example("livetape-client.js", &headers)
}

/// `GET /overlays/`: a page that sets up overlays.
pub(crate) async fn overlays(headers: HeaderMap) -> Result<Response, ErrorResponse> {
    example(SETUP, &headers)
}

/// `GET /overlays/{name}`: one overlay, or a file that it uses.
pub(crate) async fn overlay(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, ErrorResponse> {
    example(&format!("overlays/{name}"), &headers)
}

/// `GET /overlays/{kind}/{name}`: the page of a saved overlay, with its settings if the request may read them. A page
/// without settings shows why.
pub(crate) async fn saved_overlay(
    State(app): State<App>,
    path: KindAndName,
    anonymous: Option<Extension<Anonymous>>,
    headers: HeaderMap,
) -> Result<Response, ErrorResponse> {
    let id = overlays::read_id(path)?;
    let path = format!("overlays/{}.html", id.kind);
    let page = Examples::get(&path).ok_or_else(|| overlays::missing(&id))?;
    let page = String::from_utf8_lossy(&page.data);
    let (id, attribute) = match anonymous {
        // Its socket is told what is wrong with the token.
        Some(_) => (id, String::new()),
        None => {
            match app.overlays.find(&id).await.and_then(|saved| saved.ok_or_else(|| overlays::missing(&id))) {
                Ok(saved) => (saved.id, format!(" data-settings=\"{}\"", escaped(&saved.settings))),
                Err(problem) => (id, format!(" data-problem=\"{}\"", escaped(&problem.message))),
            }
        }
    };
    // The address has one folder more than that of the files that the page uses.
    let head = format!(
        "<head>\n<base href=\"../\">\n<meta name=\"livetape-overlay\" content=\"{}\"{attribute}>",
        escaped(&id.to_string())
    );
    let policy = example_policy(&path, &headers).replace("base-uri 'none'", "base-uri 'self'");
    let body = page.replacen("<head>", &head, 1);
    let mut response = ([(header::CONTENT_TYPE, content_type(&path))], body).into_response();
    protect(response.headers_mut(), policy, "no-store");
    Ok(response)
}

fn example(path: &str, headers: &HeaderMap) -> Result<Response, ErrorResponse> {
    let missing = || {
        Problem::new(Code::NotFound, format!("`/{path}` does not exist"))
            .hint("GET /overlays/ links to all overlays")
    };
    let file = Examples::get(path).ok_or_else(missing)?;
    Ok(answer(path, file, example_policy(path, headers), headers, REVALIDATE))
}

/// The host of the request. It has passed [`access`](crate::access), so it cannot inject directives.
fn host(request_headers: &HeaderMap) -> &str {
    request_headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
}

/// Sources of sockets to this server, after `'self'`. Older browsers require them. Browsers reject IPv6
/// addresses as sources, where `'self'` has to suffice.
fn sockets(request_headers: &HeaderMap) -> String {
    match host(request_headers) {
        ipv6 if ipv6.starts_with('[') => String::new(),
        host => format!(" ws://{host} wss://{host}"),
    }
}

/// Allows content from this server and sockets to it only. Scripts carry the policy too, since a worker takes
/// the policy of its script.
fn policy(request_headers: &HeaderMap) -> String {
    let sockets = sockets(request_headers);
    format!(
        "default-src 'self'; connect-src 'self'{sockets}; object-src 'none'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    )
}

/// Like [`policy`], for pages of `examples/`: also allows a preview within another page of this server, and in overlays
/// TikTok's pictures, if an option enables them. A recording may name any address as a picture, so none is loaded from
/// this server. An overlay may have inline style elements, because OBS adds one with a source's custom CSS to its page.
/// No page may have style attributes.
fn example_policy(path: &str, request_headers: &HeaderMap) -> String {
    let sockets = sockets(request_headers);
    let is_overlay = path.starts_with("overlays/") && path != SETUP;
    let styles = if is_overlay { " style-src-elem 'self' 'unsafe-inline';" } else { "" };
    let pictures = PICTURE_DOMAINS.iter().filter(|_| is_overlay).map(|domain| format!(" https://*.{domain}"));
    let pictures = String::from_iter(pictures);
    format!(
        "default-src 'self';{styles} \
         img-src data:{pictures}; connect-src 'self'{sockets}; object-src 'none'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
    )
}

fn answer(
    path: &str,
    file: EmbeddedFile,
    policy: String,
    request_headers: &HeaderMap,
    caching: &'static str,
) -> Response {
    let tag = tag(&file);
    let known =
        request_headers.get_all(header::IF_NONE_MATCH).iter().any(|known| known.as_bytes() == tag.as_bytes());
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
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    protect(headers, policy, caching);
    response
}

fn protect(headers: &mut HeaderMap, policy: String, caching: &'static str) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn tag(file: &EmbeddedFile) -> String {
    let sum = file.metadata.sha256_hash();
    let short = sum.iter().take(12).fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
    format!("\"{short:024x}\"")
}

/// Covers the types of the embedded files.
fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, ending)| ending) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
