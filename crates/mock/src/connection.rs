//! A connection to the mock, and the ways to write to it.

use std::{io, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    time::sleep_until,
};

use super::{mock_state::MockState, random::Random};
use crate::clock;

/// How much is written at once to a slow client, at least, in bytes.
const DRIBBLE_BYTES_MIN: u32 = 1;

/// What a client is connected by.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Ends the connection as a crash does: with a reset, where there is such a thing.
    fn reset(self);
}

impl Wire for tokio::net::TcpStream {
    fn reset(self) {
        // The next drop sends a reset instead of the end.
        let _ = self.set_zero_linger();
    }
}

impl Wire for tokio::io::DuplexStream {
    fn reset(self) {}
}

/// A client and its connection.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) mock: Arc<MockState>,
    /// Counts the connections to the mock from 1.
    pub(super) number: u64,
    /// The address without the port; empty in memory.
    pub(super) address: String,
    pub(super) random: Random,
}

/// Writes so many bytes in a millisecond.
pub(super) async fn dribble<O: AsyncWrite + Unpin>(
    out: &mut O,
    bytes: &[u8],
    bytes_per_ms: u32,
) -> io::Result<()> {
    let start = clock::now();
    for (part, number) in bytes.chunks(bytes_per_ms.max(DRIBBLE_BYTES_MIN) as usize).zip(0_u64..) {
        sleep_until(start + Duration::from_millis(number)).await;
        out.write_all(part).await?;
    }
    Ok(())
}
