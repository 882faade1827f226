//! One WebSocket: plays the room and handles the client's messages. Tracks acks, so that the mock does not
//! close too early: a slow decoder lags behind the bytes sent, and many clients discard unread data when the
//! server closes the connection.

mod frames;
mod play;

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use frames::{Maker, Messages};
use livetape_core::wire::{self, Push, RawField, RawFields, RawValue};
use livetape_io::clock;
use play::{Ended, Player, Progress};
use tokio::{
    io::{AsyncRead, AsyncWriteExt as _},
    select,
    sync::{mpsc, watch},
    time::{Instant, timeout_at},
};
use tungstenite::handshake::derive_accept_key;

use crate::{
    http::{Request, Response},
    link::{ClientConnection, Wire},
    room::script::Resolved,
    scenario::{Fault, FaultKind},
    state::{
        SESSION,
        journal::{By, Happened, bounded},
    },
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
    if io.write_all(&head).await.is_err() || io.flush().await.is_err() {
        return;
    }
    let (input, mut output) = tokio::io::split(io);
    let mut messages = Messages::new(input, buffer);
    let (sender, mut replies) = mpsc::channel(REPLIES_MAX);
    let (acks, acked) = watch::channel(Acks::default());
    let no_heartbeat = AtomicBool::new(false);
    let (mut known, mut has_moved) = (known.clone(), false);
    let ended = loop {
        let replaced = connection.mock.replaced();
        let is_signed = is_signed(request) && !has_moved;
        let (epoch, joined, mut faults) =
            connection.mock.memory.lock().join(&known, connection.mock.clock.now(), is_signed);
        let is_anonymous = |fault: &Fault| matches!(fault.kind, FaultKind::Lose { anonymous: true, .. });
        let has_session = request.cookie(SESSION).is_some();
        faults.retain(|(_, fault)| !(is_anonymous(fault) && has_session));
        connection
            .mock
            .log(connection.number, Happened::Upgrade { room_id: known.room_id, attempt: joined.attempt });
        let maker = Maker::new(connection.random.clone(), request.param("compress") == Some("gzip"), &joined);
        let mut player = Player {
            output: &mut output,
            connection: &connection,
            known: &known,
            epoch,
            until: None,
            progress: Progress { at: joined.frame, ..Progress::default() },
            joined,
            faults,
            maker,
            replies: &mut replies,
            replaced,
            acks: &acks,
            acked: acked.clone(),
            no_heartbeat: &no_heartbeat,
        };
        if has_moved && player.enter().await.is_err() {
            break (Ended::Client(Goodbye::gone()), player.progress.frames);
        }
        let ended = select! {
            biased;
            goodbye = listen(&mut messages, &connection, &sender, &acks, &no_heartbeat) => Ended::Client(goodbye),
            ended = player.play() => ended,
        };
        let frames = player.progress.frames;
        let Ended::Moved(room_id) = ended else { break (ended, frames) };
        (known, has_moved) = (connection.mock.by_id(room_id), true);
    };
    let (ended, frames) = ended;
    let (by, code, reason) = match &ended {
        Ended::Client(_) if connection.is_cut.load(Ordering::Relaxed) => (By::Mock, 1006, String::new()),
        Ended::Client(goodbye) => (By::Client, goodbye.code, goodbye.reason.clone()),
        Ended::Close(code, reason) => (By::Mock, *code, reason.clone()),
        Ended::Break | Ended::Reset | Ended::Moved(_) => (By::Mock, 1006, String::new()),
    };
    let closed = Happened::Closed { by, code, reason: bounded(&reason), frames };
    connection.mock.log(connection.number, closed);
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
        Ended::Client(_) | Ended::Moved(_) => {}
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
    let mut response = Response { status: 101, headers: vec![], body: Bytes::new(), wait: None }
        .with("Upgrade", "websocket")
        .with("Connection", "Upgrade")
        .with("Sec-WebSocket-Accept", derive_accept_key(key.as_bytes()));
    let offered = request.header("sec-websocket-protocol").unwrap_or_default();
    if offered.split(',').any(|offer| offer.trim() == PROTOCOL) {
        response = response.with("Sec-WebSocket-Protocol", PROTOCOL);
    }
    Some(response.bare_head().into_bytes())
}

/// An answer that the player has to send.
#[derive(Debug)]
enum Reply {
    /// Echo a heartbeat.
    Heartbeat(Push),
    /// Answer a client that entered this room; 0 if it names none.
    Enter(i64),
    /// Answer a ping.
    Pong(Bytes),
}

/// How the client's half of a connection ended.
#[derive(Debug)]
struct Goodbye {
    pub(super) code: u16,
    pub(super) reason: String,
    /// Payload of its close frame.
    pub(super) close: Option<Bytes>,
}

impl Goodbye {
    /// The connection ended without a close frame.
    fn gone() -> Self {
        Self { code: 1006, reason: String::new(), close: None }
    }

    fn read(close: Bytes) -> Self {
        let code = close.get(..2).map_or(1005, |code| u16::from_be_bytes([code[0], code[1]]));
        let reason = String::from_utf8_lossy(close.get(2..).unwrap_or_default()).into_owned();
        Self { code, reason, close: Some(close) }
    }
}

/// Reads and logs messages until the client leaves.
async fn listen<R: AsyncRead + Unpin>(
    messages: &mut Messages<R>,
    connection: &ClientConnection,
    replies: &mpsc::Sender<Reply>,
    acks: &watch::Sender<Acks>,
    no_heartbeat: &AtomicBool,
) -> Goodbye {
    while let Some((opcode, payload)) = messages.next().await {
        let reply = match opcode {
            frames::CLOSE => return Goodbye::read(payload),
            frames::PING => Some(Reply::Pong(payload)),
            frames::BINARY => hear(connection, acks, &payload),
            frames::TEXT => {
                connection.mock.log(connection.number, Happened::Other { payload_type: "text".into() });
                None
            }
            _ => None,
        };
        let is_mute = matches!(reply, Some(Reply::Heartbeat(_))) && no_heartbeat.load(Ordering::Relaxed);
        if let Some(reply) = reply.filter(|_| !is_mute) {
            // A client that does not read gets no answers. That must not block reading from it.
            let _ = replies.try_send(reply);
        }
    }
    Goodbye::gone()
}

fn hear(connection: &ClientConnection, acks: &watch::Sender<Acks>, bytes: &Bytes) -> Option<Reply> {
    let push = wire::read_push(bytes, &mut Vec::new());
    let text = || bounded(&String::from_utf8_lossy(&push.payload));
    let (happened, reply) = match push.payload_type.as_str() {
        "hb" => (Happened::Heartbeat, Some(Reply::Heartbeat(push))),
        "im_enter_room" => {
            acks.send_modify(|acks| acks.hear(None, connection.mock.clock.now()));
            (Happened::Enter, Some(Reply::Enter(entered(&push.payload))))
        }
        "ack" => {
            acks.send_modify(|acks| acks.hear(Some(push.log_id), connection.mock.clock.now()));
            (Happened::Ack { log_id: push.log_id, internal_ext: text() }, None)
        }
        other => (Happened::Other { payload_type: bounded(other) }, None),
    };
    connection.mock.log(connection.number, happened);
    reply
}

/// Returns the room that a client enters, the first field of the payload.
fn entered(payload: &[u8]) -> i64 {
    let room_id = |field: RawField<'_>| {
        let RawValue::Varint(room_id) = field.value else { return None };
        (field.number == 1).then_some(room_id.cast_signed())
    };
    RawFields::of(payload).find_map(room_id).unwrap_or_default()
}

/// How long to wait for the next ack of an acking client before closing.
const ACK_MAX: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, Default)]
struct Acks {
    /// Log id of the last frame that requests an ack, until the client sends it.
    owed: Option<u64>,
    /// When the client last sent an ack or entered the room.
    heard: Option<Instant>,
}

impl Acks {
    /// Records that a frame requesting this ack was sent.
    fn owe(&mut self, log_id: u64) {
        self.owed = Some(log_id);
    }

    /// Records that the client acked this frame, or entered the room (`None`).
    fn hear(&mut self, log_id: Option<u64>, now: Instant) {
        if log_id.is_none() || self.owed.is_some() {
            self.heard = Some(now);
        }
        self.owed = self.owed.filter(|owed| Some(*owed) != log_id);
    }

    /// Returns when to close, given the time at which the last frame was written.
    fn close_at(&self, written: Instant, close_after: Duration) -> Instant {
        let Some(heard) = self.heard else { return written + close_after };
        let wait = if self.owed.is_some() { close_after.max(ACK_MAX) } else { close_after };
        heard.max(written) + wait
    }
}
