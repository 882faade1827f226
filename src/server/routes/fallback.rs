//! What is answered where nothing else is; and paths as answers and the log may show them.

use std::borrow::Cow;

use axum::http::Uri;

use crate::{
    sans_io::error::{Code, Problem},
    server::state::refusal::Refusal,
};

/// Behind this, a path may be a token.
const TOKENS: &str = "/ws/";

/// For addresses that there are not.
pub(crate) async fn not_found(uri: Uri) -> Refusal {
    Problem::new(Code::NotFound, format!("there is no `{}`", shown(uri.path()))).into()
}

/// For addresses that do not take the method. `Allow` says which they take.
pub(crate) async fn method_not_allowed(uri: Uri) -> Refusal {
    let message = format!("`{}` does not take this method", shown(uri.path()));
    Problem::new(Code::MethodNotAllowed, message).into()
}

/// The path, without what may be a token.
pub(crate) fn shown(path: &str) -> Cow<'_, str> {
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
    fn paths_show_no_token() {
        for (path, expected) in [
            ("/ws/abc", "/ws/***"),
            ("/ws/test/abc", "/ws/***"),
            ("/ws/echo", "/ws/echo"),
            ("/ws", "/ws"),
            ("//ws/abc", "//ws/***"),
            ("/status/ann", "/status/ann"),
        ] {
            assert_eq!(shown(path), expected);
        }
    }
}
