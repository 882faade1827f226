//! Drives an open socket: moves bytes between it and the session, and records every frame.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use livetape_core::{
    error::{Code, close},
    recording::{
        Flags, Frame, Opcode, What,
        records::{ConnClose, conn_close::Who},
    },
    session::{Outcome, RATE_BYTES_MAX, Session},
};
use livetape_io::clock;
use tungstenite::{
    Error, Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::{
    super::{
        failure::Failure,
        transport::{Received, Socket, Unreached},
        upstream::within,
    },
    Driver, STREAM_ENDED,
    connect::Link,
};

/// Maximum time for sending a frame; beyond it, the socket counts as dead.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// A lost connection, and how long it was healthy.
pub(super) struct Lost {
    pub(super) close: ConnClose,
    pub(super) failure: Failure,
    pub(super) healthy: Duration,
}

pub(super) enum End {
    Ended,
    Stopped,
    Lost(Box<Lost>),
}

impl Driver {
    /// Runs the session until it ends. Sends acks before frames are forwarded, so that they never wait for
    /// slow readers.
    pub(super) async fn talk(&mut self, link: Link) -> End {
        let Link { mut socket, mut session, received } = link;
        let (stop, out) = (self.stop.clone(), self.out.clone());
        let mut broken = None;
        let outcome = loop {
            tokio::select! { biased;
                () = stop.cancelled() => return self.close_stopped(socket).await,
                why = self.transmit(&mut socket, &mut session) => broken = broken.or(why),
            }
            if let Some(outcome) = session.outcome() {
                break outcome.clone();
            }
            let due = session.poll_timeout().map(|due| self.upstream.at(due));
            let is_full = self.upstream.held.is_full();
            tokio::select! { biased;
                () = stop.cancelled() => return self.close_stopped(socket).await,
                () = clock::passed(due) => {
                    let now = self.upstream.now();
                    if is_full {
                        // The pause in reading was ours, so the silence does not show that the room is dead.
                        session.handle_sign_of_life(now);
                    }
                    session.handle_timeout(now);
                }
                permit = out.reserve(), if !self.upstream.held.is_empty() => {
                    let Ok(permit) = permit else { return self.close_stopped(socket).await };
                    permit.send(self.upstream.held.take());
                }
                message = socket.next(), if !is_full => {
                    if let Some(Ok(message)) = &message {
                        session.handle_read(self.upstream.now(), received.take(), message.len());
                    }
                    self.receive(message, &mut session, broken.as_deref());
                }
            }
        };
        match outcome {
            Outcome::Ended(_) => {
                self.close(socket, STREAM_ENDED).await;
                End::Ended
            }
            Outcome::Closed(code, reason) => {
                End::Lost(Box::new(Lost::closed(code, reason, session.healthy_for())))
            }
            Outcome::Stale => End::Lost(Box::new(Lost::stale(session.healthy_for()))),
            Outcome::Flood => End::Lost(Box::new(Lost::flood(session.healthy_for()))),
        }
    }

    /// Sends what waits. Returns why the connection is broken; what arrived before can still be read.
    async fn transmit(&mut self, socket: &mut Socket, session: &mut Session) -> Option<String> {
        let mut broken = None;
        while let Some(bytes) = session.poll_transmit() {
            match within(SEND_TIMEOUT, socket.send(Message::Binary(bytes.clone()))).await {
                Some(Ok(())) => self.note_frame(Opcode::BINARY, bytes, Flags::SENT),
                // Keep reading: the server's last messages and its close frame may still be unread.
                Some(Err(Error::AlreadyClosed | Error::ConnectionClosed | Error::Protocol(_))) => {}
                Some(Err(error @ Error::Io(_))) => broken = Some(Unreached::of_socket(&error).why),
                Some(Err(error)) => {
                    session.handle_closed(close::ABNORMAL, &Unreached::of_socket(&error).why);
                    break;
                }
                None => {
                    session.handle_closed(close::ABNORMAL, "nothing could be sent for 10 s");
                    break;
                }
            }
        }
        broken
    }

    /// Passes on a message. `broken` tells why no more can be sent: reading only finds the end.
    fn receive(
        &mut self,
        message: Option<Result<Message, Error>>,
        session: &mut Session,
        broken: Option<&str>,
    ) {
        let now = self.upstream.now();
        match message {
            Some(Ok(Message::Binary(bytes))) => {
                session.handle_frame(now, &bytes);
                self.note_frame(Opcode::BINARY, bytes, 0);
            }
            Some(Ok(Message::Text(text))) => {
                session.handle_sign_of_life(now);
                session.handle_bytes(now, text.len());
                self.note_frame(Opcode::TEXT, Bytes::from(text), 0);
            }
            Some(Ok(Message::Close(frame))) => {
                let (code, reason) = frame.map_or((close::NO_CODE, String::new()), |frame| {
                    (frame.code.into(), frame.reason.to_string())
                });
                session.handle_closed(code, &reason);
            }
            // The library answers pings. They do not show that the room is alive.
            Some(Ok(Message::Ping(bytes) | Message::Pong(bytes))) => session.handle_bytes(now, bytes.len()),
            Some(Ok(Message::Frame(_))) => {}
            Some(Err(Error::Io(error))) if error.kind() == Received::TOO_MUCH => session.handle_flood(),
            Some(Err(error)) => {
                session.handle_closed(close::ABNORMAL, broken.unwrap_or(&Unreached::of_socket(&error).why));
            }
            None => session.handle_closed(close::ABNORMAL, broken.unwrap_or("closed without a close frame")),
        }
    }

    fn note_frame(&mut self, opcode: Opcode, bytes: Bytes, flags: u8) {
        self.upstream.note_flagged(What::Frame(Frame { opcode, bytes }), flags);
    }

    async fn close_stopped(&mut self, socket: Socket) -> End {
        self.close(socket, "stopped").await;
        End::Stopped
    }

    /// Closes the socket, and records the frames that arrive before the server closes it, too.
    async fn close(&mut self, mut socket: Socket, reason: &str) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        let time_max = self.options.close_timeout;
        let closing = async {
            if socket.close(Some(frame)).await.is_err() {
                return;
            }
            while let Some(Ok(message)) = socket.next().await {
                if let Message::Binary(bytes) = message
                    && !self.upstream.held.is_full()
                {
                    self.note_frame(Opcode::BINARY, bytes, 0);
                }
            }
        };
        // If the server does not respond in time, drop the connection.
        within(time_max, closing).await;
        let close = ConnClose {
            code: close::NORMAL.into(),
            reason: reason.to_owned(),
            who: Who::Us.into(),
            will_retry: false,
        };
        self.upstream.note(What::ConnClose(close));
    }
}

impl Lost {
    fn closed(code: u16, reason: String, healthy: Duration) -> Self {
        let is_network = code == close::ABNORMAL;
        let detail = match (is_network, reason.is_empty()) {
            (true, _) => format!("the connection to the room broke: {reason}"),
            (false, true) => format!("TikTok closed the connection with {code}"),
            (false, false) => format!("TikTok closed the connection with {code} ({reason})"),
        };
        let who = if is_network { Who::Network } else { Who::Upstream };
        Self::new(code, reason, who, detail, healthy)
    }

    fn stale(healthy: Duration) -> Self {
        let reason = "no frame for 60 s";
        Self::new(
            close::ABNORMAL,
            reason.to_owned(),
            Who::Us,
            format!("the room is silent: {reason}"),
            healthy,
        )
    }

    /// Not retried, because the upstream would send as much after reconnecting.
    fn flood(healthy: Duration) -> Self {
        let reason = format!("more than {} MiB per second", RATE_BYTES_MAX >> 20);
        let lost = Self::new(close::POLICY, reason, Who::Us, String::new(), healthy);
        let detail = format!("the upstream sends {}", lost.close.reason);
        Self { failure: Failure::new(Code::UpstreamFlood, detail), ..lost }
    }

    fn new(code: u16, reason: String, who: Who, detail: String, healthy: Duration) -> Self {
        // `will_retry` is set later, when the next attempt is known.
        let close = ConnClose { code: code.into(), reason, who: who.into(), will_retry: false };
        Self { close, failure: Failure::new(Code::ConnectionLost, detail), healthy }
    }
}
