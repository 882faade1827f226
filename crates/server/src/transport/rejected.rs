//! The 503 response to connections beyond the limit.

use std::time::Duration;

use livetape_core::error::{Code, Problem};
use livetape_io::clock;
use serde_json::json;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::timeout_at,
};

use super::admission::Full;
use crate::access::POLICY;

/// Maximum time for the client to receive the response.
const TIME_MAX: Duration = Duration::from_secs(1);
/// Maximum number of bytes read after the response. Closing a socket with unread data would discard the
/// response.
const READ_BYTES_MAX: u64 = 16 * 1024;

/// Writes the response and closes the connection.
pub(crate) async fn tell<I: AsyncRead + AsyncWrite + Unpin>(mut io: I, full: Full) {
    let deadline = clock::now() + TIME_MAX;
    let told = async {
        io.write_all(refusal(full).as_bytes()).await?;
        io.shutdown().await?;
        let mut ignored = io.take(READ_BYTES_MAX);
        tokio::io::copy(&mut ignored, &mut tokio::io::sink()).await
    };
    // If the client does not read the response, nothing is left to do.
    let _ = timeout_at(deadline, told).await;
}

fn refusal(full: Full) -> String {
    let message = match full {
        Full::All => "too many connections",
        Full::Address => "too many connections from this address",
    };
    let Problem { code, message, hint, .. } = Problem::new(Code::Capacity, message);
    let body = json!({ "error": { "code": code, "message": message, "hint": hint } }).to_string();
    format!(
        "HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
         retry-after: 1\r\nx-content-type-options: nosniff\r\ncross-origin-resource-policy: same-site\r\n\
         content-security-policy: {POLICY}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}
