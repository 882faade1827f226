//! What a client is told for whom there is no place: 503, whatever it wanted.

use std::time::Duration;

use axum::http::StatusCode;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout_at,
};

use super::admission::Full;
use crate::{
    clock,
    sans_io::error::{Code, Problem},
    server::access::POLICY,
};

/// How long a client has to take the answer.
const TIME_MAX: Duration = Duration::from_secs(1);
/// How much of what it says is read, in bytes: a socket that is closed with something unread loses what was written.
const READ_BYTES_MAX: u64 = 16 * 1024;

/// Writes the answer and closes.
pub(crate) async fn tell<I: AsyncRead + AsyncWrite + Unpin>(mut io: I, full: Full) {
    let deadline = clock::now() + TIME_MAX;
    let told = async {
        io.write_all(refusal(full).as_bytes()).await?;
        io.shutdown().await?;
        let mut ignored = io.take(READ_BYTES_MAX);
        tokio::io::copy(&mut ignored, &mut tokio::io::sink()).await
    };
    // Who does not take it is gone, or does not want to know.
    let _ = timeout_at(deadline, told).await;
}

fn refusal(full: Full) -> String {
    let message = match full {
        Full::All => "too many connections",
        Full::Address => "too many connections from this address",
    };
    let problem = Problem::new(Code::Capacity, message);
    answer(StatusCode::SERVICE_UNAVAILABLE, &problem, "retry-after: 1\r\n")
}

/// An answer that no route gives, as bytes: in the shape and with the headers that all have, and the last one on its
/// connection. Each line in `beside` ends with CRLF.
pub(super) fn answer(status: StatusCode, problem: &Problem, beside: &str) -> String {
    let Problem { code, message, hint } = problem;
    let body = json!({ "error": { "code": code, "message": message, "hint": hint } }).to_string();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{beside}\
         x-content-type-options: nosniff\r\ncross-origin-resource-policy: same-site\r\n\
         content-security-policy: {POLICY}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
