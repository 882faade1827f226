//! One connection: its requests, until it becomes a WebSocket or ends.

use std::{io, sync::Arc, time::Duration};

use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::{sleep_until, timeout_at},
};

use super::{
    admin,
    answers::{Answer, Delivery, answer},
    http::{HEAD_BYTES_MAX, ReadError, Request, Response, read_request},
    journal::{Happened, bounded, masked},
    random::Random,
    scenario::FaultKind,
    socket,
    windows::http_date,
    world::World,
};
use crate::clock;

/// How long a client may take for a request, and between requests.
const IDLE_MAX: Duration = Duration::from_secs(60);
/// An endless body ends after all: nobody shall fill a disk with it, in bytes.
const ENDLESS_BYTES_MAX: usize = 1 << 30;
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
pub(super) struct Visitor {
    pub(super) world: Arc<World>,
    /// Counts the connections to the mock from 1.
    pub(super) number: u64,
    /// The address without the port; empty in memory.
    pub(super) address: String,
    pub(super) random: Random,
}

/// Answers the requests of a connection.
pub(super) async fn visit<I: Wire>(mut io: I, visitor: Visitor) {
    let mut buffer = BytesMut::with_capacity(HEAD_BYTES_MAX);
    loop {
        let request = match timeout_at(clock::now() + IDLE_MAX, read_request(&mut io, &mut buffer)).await {
            Ok(Ok(request)) => request,
            Ok(Err(ReadError::Bad(status, message))) => {
                let _ = io.write_all(&Response::text(status, message).bytes()).await;
                return;
            }
            Ok(Err(ReadError::Ended)) | Err(_) => return,
        };
        if let Some(response) = admin::answer(&visitor, &request) {
            if io.write_all(&response.bytes()).await.is_err() || request.wants_close() {
                return;
            }
            continue;
        }
        let (answer, fault) = answer(&visitor.world, &request, &visitor.address);
        visitor.log(&request, &answer, fault);
        match answer {
            Answer::Send(response, delivery) => {
                let response = response.with("Date", http_date(visitor.world.wall_ms() / 1000));
                let sent = send(&mut io, &response, delivery).await;
                if sent.is_err() || delivery != Delivery::Whole || request.wants_close() {
                    return;
                }
            }
            Answer::Upgrade(known) => return socket::open(io, buffer, visitor, &request, &known).await,
            Answer::Stall => return wait_for_the_end(&mut io).await,
            Answer::Reset => return io.reset(),
        }
    }
}

impl Visitor {
    fn log(&self, request: &Request, answer: &Answer, fault: Option<FaultKind>) {
        let status = match answer {
            Answer::Send(response, _) => response.status,
            Answer::Upgrade(_) => 101,
            Answer::Stall | Answer::Reset => 0,
        };
        let happened = Happened::Request {
            method: bounded(&request.method),
            path: bounded(&request.path),
            query: masked(&request.query),
            headers: masked(&request.headers),
            status,
            fault: fault.map(FaultKind::name),
        };
        self.world.log(self.number, happened);
    }
}

/// Reads until the client is gone.
pub(super) async fn wait_for_the_end<I: AsyncRead + Unpin>(io: &mut I) {
    let mut nowhere = [0; 1024];
    while matches!(io.read(&mut nowhere).await, Ok(1..)) {}
}

async fn send<I: AsyncWrite + Unpin>(io: &mut I, response: &Response, delivery: Delivery) -> io::Result<()> {
    match delivery {
        Delivery::Whole => io.write_all(&response.bytes()).await,
        Delivery::Half => {
            let bytes = response.bytes();
            io.write_all(&bytes[..bytes.len() - response.body.len().div_ceil(2)]).await
        }
        Delivery::Slow(bytes_per_ms) => dribble(io, &response.bytes(), bytes_per_ms).await,
        Delivery::Endless => {
            io.write_all(response.head(None).as_bytes()).await?;
            for _ in 0..ENDLESS_BYTES_MAX / response.body.len() {
                io.write_all(&response.body).await?;
            }
            Ok(())
        }
    }
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
