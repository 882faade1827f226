//! Responses for unknown paths and methods. Also masks tokens in paths, for responses and logs.

use std::borrow::Cow;

#[cfg(feature = "page")]
use axum::response::Redirect;
use axum::{
    extract::State,
    http::Uri,
    response::{IntoResponse as _, Response},
};
use livetape_core::error::{Code, Problem};

use super::App;

use crate::state::refusal::Refusal;

/// Prefix of paths that may contain a token.
const TOKENS: &str = "/ws/";

/// Paths of pages with a slash too many or too few, and the right ones: relative, for proxies that serve
/// livetape below a prefix.
#[cfg(feature = "page")]
const MISSPELLED: [(&str, &str); 2] = [("/overlays", "overlays/"), ("/try/", "../try")];

/// Redirects misspelled paths of pages, and rejects other unknown paths.
pub(crate) async fn unknown(app: State<App>, uri: Uri) -> Response {
    #[cfg(feature = "page")]
    if let Some((_, right)) = MISSPELLED.iter().find(|(path, _)| *path == uri.path()) {
        return Redirect::permanent(right).into_response();
    }
    not_found(app, uri).await.into_response()
}

/// Rejects unknown paths, and requests without an upgrade for handled ones.
pub(crate) async fn not_found(State(app): State<App>, uri: Uri) -> Refusal {
    if app.handlers.is_some_and(|handlers| handlers.path(uri.path()).is_some()) {
        return Problem::new(Code::UpgradeRequired, "WebSocket upgrade required").into();
    }
    Problem::new(Code::NotFound, format!("`{}` does not exist", masked(uri.path()))).into()
}

/// Rejects methods that a path does not support; the `Allow` header lists the others.
pub(crate) async fn method_not_allowed(uri: Uri) -> Refusal {
    let message = format!("`{}` does not accept this method", masked(uri.path()));
    Problem::new(Code::MethodNotAllowed, message).into()
}

/// Returns the path with a possible token masked.
#[must_use]
pub fn masked(path: &str) -> Cow<'_, str> {
    match path.find(TOKENS) {
        Some(_) if path == "/ws/echo" => Cow::Borrowed(path),
        Some(at) => Cow::Owned(format!("{}***", &path[..at + TOKENS.len()])),
        None => Cow::Borrowed(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_in_paths_are_masked() {
        for (path, expected) in [
            ("/ws/abc", "/ws/***"),
            ("/ws/test/abc", "/ws/***"),
            ("/ws/echo", "/ws/echo"),
            ("/ws", "/ws"),
            ("//ws/abc", "//ws/***"),
            ("/status/ann", "/status/ann"),
        ] {
            assert_eq!(masked(path), expected);
        }
    }
}
