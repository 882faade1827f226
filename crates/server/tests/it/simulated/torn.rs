//! Connections whose bytes arrive in random pieces and at random times, and which log what the client has
//! read.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, ready},
};

use livetape_engine::source::live::MemoryTransport;
use livetape_io::clock;
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    time::{Sleep, sleep_until},
};

use super::Random;
use crate::support::mock::Mock;

/// Bytes that the client has read, for each connection in the order of opening.
pub(super) type Read = Arc<Mutex<Vec<Vec<u8>>>>;

/// The client's end of a connection.
pub(super) struct Torn {
    io: DuplexStream,
    random: Random,
    /// Maximum length of a piece, in bytes.
    piece_max: u64,
    /// One in this many pieces is late.
    late: u64,
    timer: Option<Pin<Box<Sleep>>>,
    number: usize,
    read: Read,
}

pub(super) fn transport(mock: &Mock, random: Random, read: Read) -> MemoryTransport {
    let connector = mock.connector.clone();
    let random = Arc::new(Mutex::new(random));
    MemoryTransport::new(move || {
        let (connector, random, read) = (connector.clone(), Arc::clone(&random), Arc::clone(&read));
        async move {
            let io = connector.connect().await?;
            let mut random = random.lock().unwrap().fork();
            let (piece_max, late) = random.of(&[(7, 10_000), (100, 1_000), (1_500, 20), (65_536, 5)]);
            let number = {
                let mut read = read.lock().unwrap();
                read.push(Vec::new());
                read.len() - 1
            };
            Ok(Torn { io, random, piece_max, late, timer: None, number, read })
        }
    })
}

impl Torn {
    fn piece(&mut self, wanted: usize) -> usize {
        wanted.min(1 + self.random.up_to(self.piece_max - 1) as usize)
    }
}

impl AsyncRead for Torn {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.timer.is_none() && this.random.one_in(this.late) {
            this.timer = Some(Box::pin(sleep_until(clock::now() + this.random.up_to_ms(300))));
        }
        if let Some(timer) = &mut this.timer {
            ready!(timer.as_mut().poll(cx));
            this.timer = None;
        }
        let mut bytes = vec![0; this.piece(buf.remaining())];
        let mut piece = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut this.io).poll_read(cx, &mut piece))?;
        buf.put_slice(piece.filled());
        this.read.lock().unwrap()[this.number].extend_from_slice(piece.filled());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Torn {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let length = this.piece(bytes.len());
        Pin::new(&mut this.io).poll_write(cx, &bytes[..length])
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}
