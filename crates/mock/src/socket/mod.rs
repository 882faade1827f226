//! One WebSocket: plays the room and handles the client's messages.

mod acks;
mod frames;
mod listen;
mod made;
mod mangle;
mod play;
mod wrong;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use acks::Acks;
use bytes::BytesMut;
use frames::Messages;
use listen::{Goodbye, listen};
use livetape_io::clock;
use made::Maker;
use play::{Ended, Player, Progress};
use tokio::{
    io::AsyncWriteExt as _,
    select,
    sync::{mpsc, watch},
    time::timeout_at,
};
use tungstenite::handshake::derive_accept_key;

use crate::{
    http::{Request, Response},
    link::connection::{ClientConnection, Wire},
    room::script::Resolved,
    state::journal::{By, Happened, bounded},
};

/// How long a client may take to read the rest and answer the close frame. A reset would discard both.
const CLOSE_MAX: Duration = Duration::from_secs(30);
/// Maximum number of answers waiting to be written. Further ones are dropped.
const REPLIES_MAX: usize = 64;
/// The only known subprotocol (docs/protocol.md §3.2).
const PROTOCOL: &str = "echo-protocol";

/// Upgrades a connection, joins the room, and runs until either side ends it.
pub(super) async fn open<I: Wire>(
    mut io: I,
    buffer: BytesMut,
    connection: ClientConnection,
    request: &Request,
    known: &Resolved,
) {
    let Some(head) = upgraded(request) else {
        let _ = io.write_all(&Response::text(400, "`sec-websocket-key` is missing").bytes()).await;
        let _ = io.flush().await;
        return;
    };
    let replaced = connection.mock.replaced();
    let (epoch, joined, faults) =
        connection.mock.memory.lock().join(known, connection.mock.clock.now(), is_signed(request));
    connection
        .mock
        .log(connection.number, Happened::Upgrade { room_id: known.room_id, attempt: joined.attempt });
    if io.write_all(&head).await.is_err() || io.flush().await.is_err() {
        return;
    }
    let (input, output) = tokio::io::split(io);
    let mut messages = Messages::new(input, buffer);
    let (sender, replies) = mpsc::channel(REPLIES_MAX);
    let (acks, acked) = watch::channel(Acks::default());
    let no_heartbeat = AtomicBool::new(false);
    let maker = Maker::new(connection.random.clone(), request.param("compress") == Some("gzip"), &joined);
    let mut player = Player {
        output,
        connection: &connection,
        known,
        epoch,
        until: None,
        progress: Progress { at: joined.frame, ..Progress::default() },
        joined,
        faults,
        maker,
        replies,
        replaced,
        acks: &acks,
        acked,
        no_heartbeat: &no_heartbeat,
    };

    let ended = select! {
        biased;
        goodbye = listen(&mut messages, &connection, &sender, &acks, &no_heartbeat) => Ended::Client(goodbye),
        ended = player.play() => ended,
    };
    let (by, code, reason) = match &ended {
        Ended::Client(_) if connection.is_cut.load(Ordering::Relaxed) => (By::Mock, 1006, String::new()),
        Ended::Client(goodbye) => (By::Client, goodbye.code, goodbye.reason.clone()),
        Ended::Close(code, reason) => (By::Mock, *code, reason.clone()),
        Ended::Break | Ended::Reset => (By::Mock, 1006, String::new()),
    };
    let closed = Happened::Closed { by, code, reason: bounded(&reason), frames: player.progress.frames };
    connection.mock.log(connection.number, closed);
    let mut output = player.output;
    match ended {
        Ended::Client(Goodbye { close: Some(close), .. }) => {
            let _ = output.write_all(&frames::frame(frames::CLOSE, &close)).await;
            let _ = output.flush().await;
        }
        Ended::Close(code, reason) => {
            let deadline = clock::now() + CLOSE_MAX;
            let farewell = async {
                output.write_all(&frames::close(code, &reason)).await?;
                output.flush().await?;
                listen(&mut messages, &connection, &sender, &acks, &no_heartbeat).await;
                Ok::<_, std::io::Error>(())
            };
            let _ = timeout_at(deadline, farewell).await;
        }
        Ended::Reset => messages.into_io().unsplit(output).reset(),
        Ended::Break => {
            let _ = output.shutdown().await;
            // Unread data from the client would turn the close into a reset.
            let rest = async { while messages.next().await.is_some() {} };
            let _ = timeout_at(clock::now() + CLOSE_MAX, rest).await;
        }
        Ended::Client(_) => {}
    }
}

/// Whether the client connected through a signing response, whose parameters it then passes on
/// (docs/protocol.md §3.1).
fn is_signed(request: &Request) -> bool {
    ["cursor", "internal_ext", "imprp", "wrss"].iter().any(|name| request.param(name).is_some())
}

/// Returns the head of the 101 response.
fn upgraded(request: &Request) -> Option<Vec<u8>> {
    let key = request.header("sec-websocket-key")?;
    let mut response = Response { status: 101, headers: vec![], body: bytes::Bytes::new(), wait: None }
        .with("Upgrade", "websocket")
        .with("Connection", "Upgrade")
        .with("Sec-WebSocket-Accept", derive_accept_key(key.as_bytes()));
    let offered = request.header("sec-websocket-protocol").unwrap_or_default();
    if offered.split(',').any(|offer| offer.trim() == PROTOCOL) {
        response = response.with("Sec-WebSocket-Protocol", PROTOCOL);
    }
    Some(response.bare_head().into_bytes())
}
