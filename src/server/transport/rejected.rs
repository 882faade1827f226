//! What a client is told for whom there is no place: 503, whatever it wanted.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout_at,
};

use super::admission::Full;
use crate::{clock, sans_io::error::Code, server::access::POLICY};

/// How long a client has to take the answer.
const TIME_MAX: Duration = Duration::from_secs(1);
/// How much of what it says is read, in bytes: a socket that is closed with something unread loses what was written.
const READ_BYTES_MAX: u64 = 16 * 1024;

/// Writes the answer and closes.
pub(crate) async fn tell<I: AsyncRead + AsyncWrite + Unpin>(mut io: I, full: Full) {
    let deadline = clock::now() + TIME_MAX;
    let told = async {
        io.write_all(answer(full).as_bytes()).await?;
        io.shutdown().await?;
        let mut ignored = io.take(READ_BYTES_MAX);
        tokio::io::copy(&mut ignored, &mut tokio::io::sink()).await
    };
    // Who does not take it is gone, or does not want to know.
    let _ = timeout_at(deadline, told).await;
}

fn answer(full: Full) -> String {
    let message = match full {
        Full::All => "too many connections",
        Full::Address => "too many connections from this address",
    };
    let code = Code::Capacity;
    let error = serde_json::json!({ "code": code.name(), "message": message, "hint": code.hint() });
    let body = serde_json::json!({ "error": error }).to_string();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         retry-after: 1\r\nx-content-type-options: nosniff\r\ncross-origin-resource-policy: same-site\r\n\
         content-security-policy: {POLICY}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
