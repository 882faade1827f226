//! Connection attempts in a loop, until the room ends, retrying is pointless or the source is stopped: from a user name
//! to an open socket, and the frames that it brings.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use livetape_core::{
    error::{Code, close},
    recording::{
        Flags, Frame, Item, Opcode, What,
        records::{ConnClose, ConnOpen, Status, conn_close::Who, http::Role},
    },
    retry::{Decision, Retry, SplitMix},
    session::{self, RATE_BYTES_MAX, Session},
};
use livetape_io::clock;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tungstenite::{
    Error, Message,
    http::HeaderMap,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

use super::{
    BATCHES_WAITING_MAX, HELD_BYTES_MAX, HELD_ITEMS_MAX, LiveOptions, Outcome, SharedTransport,
    WAIT_LIVE_MIN, Way, advice,
    lookup::look_up,
    secrets::SecretKind,
    sign::{self, SocketTarget, TTWID},
    transport::{Received, Socket, Unreached},
    upstream::{Failure, Turn, Upstream, within},
    url,
};

/// Reason in the `disconnected` event when the room has ended.
const STREAM_ENDED: &str = "stream_ended";
/// HTTP status of a successful upgrade.
const SWITCHING_PROTOCOLS: u32 = 101;
/// Maximum time for sending a frame; beyond it, the socket counts as dead.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Drives the connection to one user's room.
pub(super) struct RoomDriver {
    pub(super) options: LiveOptions,
    pub(super) upstream: Upstream,
    pub(super) retry: Retry,
    /// Ways into the room that are left, the current one first; never empty.
    ways: VecDeque<Way>,
    pub(super) random: SplitMix,
    /// TikTok's cookie, reused for reconnects.
    pub(super) cookie: Option<String>,
    pub(super) stop: CancellationToken,
    pub(super) out: mpsc::Sender<Vec<Item>>,
    was_connected: bool,
}

/// A failed attempt or a lost connection.
struct Failed {
    failure: Failure,
    /// How long the connection was healthy.
    healthy: Duration,
    close: Option<ConnClose>,
}

impl RoomDriver {
    pub(super) fn new(
        options: LiveOptions,
        transport: SharedTransport,
        wall_anchor: Duration,
        out: mpsc::Sender<Vec<Item>>,
        stop: CancellationToken,
    ) -> Self {
        let mut random = SplitMix(options.seed);
        let retry = Retry::new(options.attempts_max, random.next_bits());
        let upstream = Upstream::new(&options, transport, wall_anchor);
        let was_connected = options.continues;
        let may_go = upstream.secrets.may_go(SecretKind::Session, &upstream.origins.socket);
        let cookie = options
            .cookies()
            .get(TTWID)
            .filter(|_| may_go)
            .map(|value| format!("{TTWID}={}", value.reveal()));
        let ways = options.ways().into();
        Self { options, upstream, retry, ways, random, cookie, stop, out, was_connected }
    }

    pub(super) async fn run(mut self) -> Outcome {
        let outcome = self.attempts().await;
        self.flush().await;
        outcome
    }

    async fn attempts(&mut self) -> Outcome {
        let (stop, limit) = (self.stop.clone(), self.options.limit.clone());
        loop {
            if self.ways.front() == Some(&Way::Tab) {
                match self.follow_tab().await {
                    Outcome::Failed(_) if self.ways.len() > 1 => self.skip_ways(1),
                    outcome => return outcome,
                }
            }
            tokio::select! { biased;
                () = stop.cancelled() => return Outcome::Stopped,
                () = limit.passed() => {}
            }
            let failed = match self.attempt().await {
                Ok(outcome) => return outcome,
                Err(failed) => failed,
            };
            let due = match self.record_failure(failed) {
                Ok(due) => due,
                Err(failure) => return Outcome::Failed(failure.into()),
            };
            self.flush().await;
            tokio::select! { biased;
                () = stop.cancelled() => return Outcome::Stopped,
                () = tokio::time::sleep_until(self.upstream.at(due)) => {}
            }
        }
    }

    async fn attempt(&mut self) -> Result<Outcome, Failed> {
        let stop = self.stop.clone();
        if self.was_connected {
            self.upstream.turn = Turn::AtOnce;
        }
        let connected = tokio::select! { biased;
            () = stop.cancelled() => return Ok(Outcome::Stopped),
            connected = self.connect() => connected,
        };
        let link = match connected {
            Ok(link) => link,
            // The connection was lost because the room ended.
            Err(failure) if failure.code == Code::UserOffline && self.was_connected => {
                return Ok(Outcome::Ended(STREAM_ENDED));
            }
            Err(failure) => {
                return Err(Failed { failure, healthy: Duration::ZERO, close: None });
            }
        };
        self.was_connected = true;
        let Failed { failure, healthy, close } = match self.talk(link).await {
            Ok(outcome) => return Ok(outcome),
            Err(lost) => *lost,
        };
        // TikTok also ends rooms with a plain close frame. Treat it as the end if a look-up confirms that.
        match close {
            Some(close) if close.code == u32::from(close::NORMAL) && self.is_over().await => {
                self.note_close(close);
                Ok(Outcome::Ended(STREAM_ENDED))
            }
            close => Err(Failed { failure: self.of_way(failure), healthy, close }),
        }
    }

    /// Whether the user is no longer live.
    async fn is_over(&mut self) -> bool {
        let stop = self.stop.clone();
        let user = self.options.username().unwrap_or_default();
        self.upstream.turn = Turn::AtOnce;
        tokio::select! { biased;
            () = stop.cancelled() => false,
            found = look_up(&mut self.upstream, &user) => found.is_ok_and(|room| !room.is_live()),
        }
    }

    /// Records the failure. Returns when the next attempt is due, or the failure if there is none.
    fn record_failure(&mut self, failed: Failed) -> Result<Duration, Failure> {
        let Failed { failure, healthy, close } = failed;
        let mut failure = Failure { detail: self.upstream.redact.text(&failure.detail), ..failure };
        self.upstream.explain(&mut failure);
        let waits_for_live = self.options.wait_live.filter(|_| failure.code == Code::UserOffline);
        let verdict = match waits_for_live {
            Some(every) => Decision::Again(every.max(WAIT_LIVE_MIN)),
            None => self.retry.failed(failure.code, failure.wait, healthy),
        };
        let is_over = failure.recurs || matches!(verdict, Decision::Final(_));
        let known = failure.clone();
        // A name that nobody has needs no explanation.
        let is_told = is_over && failure.code != Code::UserNotFound;
        if is_told && let Some(times) = self.retry.gave_up_after(failure.code) {
            failure.detail += &format!("; the same {times} times, so not tried again");
        }
        let skipped = self.next_way(&failure).filter(|_| is_over);
        failure.hint = match skipped {
            Some(skipped) => {
                failure.detail = self.hands_over(&failure.detail, self.ways[skipped]);
                Some(advice::without(&self.options, &failure, self.ways[0]))
            }
            // Another way is left.
            None if self.next_way(&failure).is_some() => failure.hint.take(),
            None => advice::of(&self.options, &failure),
        };
        let after = match (skipped.map(|at| self.ways[at]), verdict) {
            // It needs no request of ours.
            (Some(Way::Tab), _) => Some(Duration::ZERO),
            // Another source may have met a pause.
            (Some(_), _) => Some(self.options.limit.left()),
            (None, Decision::Again(after)) => Some(after.max(self.options.limit.left())),
            (None, Decision::Final(_)) => None,
        };
        let is_open = close.is_some();
        if let Some(close) = close {
            self.note_close(ConnClose { will_retry: after.is_some(), ..close });
        }
        self.note_status(&failure, after);
        if matches!(failure.code, Code::Blocked | Code::HandshakeRefused) {
            // The next attempt should not reuse it.
            self.cookie = None;
        }
        self.upstream.conn += u32::from(is_open);
        let Some(after) = after else {
            if failure.code == Code::UserNotFound {
                self.options.limit.remember(&self.options.user, known.into(), None);
            }
            return Err(failure);
        };
        if let Some(skipped) = skipped {
            self.skip_ways(skipped);
        } else if waits_for_live.is_none() {
            self.retry.start_next();
        }
        Ok(self.upstream.now() + after)
    }

    /// Returns the place of the next way that may succeed after this failure.
    fn next_way(&self, failure: &Failure) -> Option<usize> {
        let may =
            |way: &Way| failure.is_of_way || (*way == Way::Tab && self.options.may_follow_tab(failure.code));
        (1..self.ways.len()).find(|at| may(&self.ways[*at]))
    }

    /// Goes on with the way in this place.
    fn skip_ways(&mut self, ways: usize) {
        self.ways.drain(..ways);
        self.retry = Retry::new(self.options.attempts_max, self.random.next_bits());
    }

    /// Returns the message of a failure that hands over to another way, and where that leads.
    fn hands_over(&self, detail: &str, next: Way) -> String {
        let place = match next {
            Way::Direct => url::host(&self.upstream.origins.www),
            Way::Sign | Way::SignConnect => self.options.sign_server(),
            Way::Tab => self.options.tab.as_ref().map(|tab| tab.browser.clone()).unwrap_or_default(),
        };
        format!("{detail}; trying {} next ({place})", next.name())
    }

    /// Follows the tab until it fails for good, which its source decides. Its connections follow the others.
    async fn follow_tab(&mut self) -> Outcome {
        let user = match self.options.username() {
            Ok(user) => user,
            Err(problem) => return Outcome::Failed(problem),
        };
        let Some(tab) = self.options.tab.clone() else { return Outcome::Stopped };
        let next = self.ways.get(1).copied();
        let mut options = LiveOptions { user, ..self.options.clone() };
        if next.is_some() {
            (options.attempts_max, options.wait_live) = (1, None);
        }
        let (stop, start, conns) = (self.stop.clone(), self.upstream.now(), self.upstream.conn - 1);
        let mut live = (tab.follow)(&options);
        loop {
            let items = tokio::select! { biased;
                () = stop.cancelled(), if !live.is_stopping() => {
                    live.stop();
                    continue;
                }
                items = live.next_batch() => items,
            };
            let Some(items) = items else { break };
            let is_last = |item: &Item| matches!(&item.what, What::Status(status) if !status.retrying);
            let next = next.filter(|_| items.iter().any(is_last));
            for item in items {
                self.take_of_tab(Item { offset: item.offset + start, conn: item.conn + conns, ..item }, next);
            }
            self.flush().await;
        }
        live.outcome().await
    }

    /// Records an item of the tab. `next` is the way that its failure hands over to.
    fn take_of_tab(&mut self, mut item: Item, next: Option<Way>) {
        match &mut item.what {
            What::ConnOpen(_) => (self.upstream.conn, self.was_connected) = (item.conn + 1, true),
            What::ConnClose(close) => close.will_retry |= next.is_some(),
            What::Status(status) => {
                if self.options.ways().len() > 1 {
                    status.detail = format!("{}: {}", Way::Tab.name(), status.detail);
                }
                if let Some(next) = next {
                    (status.retrying, status.retry_after_ms) = (true, Some(0));
                    status.detail = self.hands_over(&status.detail, next);
                }
            }
            _ => {}
        }
        self.upstream.held.push(item);
    }

    /// Records a closed connection. The reason is redacted, because servers may quote what they received.
    fn note_close(&mut self, mut close: ConnClose) {
        close.reason = self.upstream.redact.text(&close.reason);
        self.upstream.note(What::ConnClose(close));
    }

    /// Records a failure; `after` is the time until the next attempt, if one follows.
    pub(super) fn note_status(&mut self, failure: &Failure, after: Option<Duration>) {
        let wait = after.or(failure.wait);
        let status = Status {
            code: failure.code.name().to_owned(),
            attempt: self.retry.attempt(),
            retrying: after.is_some(),
            retry_after_ms: wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
            detail: self.upstream.redact.text(&failure.detail),
            hint: failure.hint.clone().unwrap_or_default(),
        };
        self.upstream.note(What::Status(status));
    }

    /// Sends the recorded items and waits for the receiver. Stops the source if the receiver is gone.
    pub(super) async fn flush(&mut self) {
        if !self.upstream.held.is_empty() && self.out.send(self.upstream.held.take()).await.is_err() {
            self.stop.cancel();
        }
    }

    /// Looks up the user and opens the socket.
    async fn connect(&mut self) -> Result<Link, Failure> {
        let user = self.options.username()?;
        let room_id = look_up(&mut self.upstream, &user).await?.live()?;
        let target = self.find_target(room_id).await.map_err(|failure| self.of_way(failure))?;
        let opened = self.upstream.open_socket(target.url.clone(), &target.cookie).await;
        let opened = opened.map_err(|failure| self.of_way(failure))?;
        let open = ConnOpen {
            room_id: target.room_id,
            unique_id: user,
            attempt: self.retry.attempt(),
            url: url::shown(&target.url),
            handshake_status: SWITCHING_PROTOCOLS,
            headers: self.upstream.redact.headers(&opened.headers),
        };
        self.upstream.note(What::ConnOpen(open));
        let mut session = Session::new(target.room_id);
        if let Some((request, answer)) = &target.batch {
            // After the opening, so that its messages belong to the room that the opening names.
            self.upstream.note_http(Role::InitialBatch, request, answer, true);
            session.handle_initial_batch(&answer.body);
        }
        if let Some(interval) = ping_interval(&opened.headers) {
            session.handle_ping_interval(interval);
        }
        session.handle_opened(self.upstream.now());
        Ok(Link { socket: opened.socket, session, received: opened.received })
    }

    /// Names the way that failed, if there is more than one.
    fn of_way(&self, failure: Failure) -> Failure {
        let detail = match (self.options.ways().len(), self.ways.front()) {
            (2.., Some(way)) => format!("{}: {}", way.name(), failure.detail),
            _ => failure.detail,
        };
        // No way leads past the setting `offline`.
        Failure { detail, is_of_way: failure.code != Code::OfflineMode, ..failure }
    }

    async fn find_target(&mut self, room_id: i64) -> Result<SocketTarget, Failure> {
        let way = self.ways[0];
        if way.is_signed() {
            return sign::sign(&mut self.upstream, &self.options, way, room_id, &mut self.random).await;
        }
        let cookie = match &self.cookie {
            Some(cookie) => cookie.clone(),
            None => sign::get_cookie(&mut self.upstream).await?,
        };
        self.cookie = Some(cookie.clone());
        let (requests, origin) = (&self.options.requests, &self.upstream.origins.socket);
        let url = sign::direct_url(requests, origin, room_id, &mut self.random);
        Ok(SocketTarget { url, cookie, room_id, batch: None })
    }

    /// Runs the session until it ends. Sends acks before frames are forwarded, so that they never wait for
    /// slow readers.
    async fn talk(&mut self, link: Link) -> Result<Outcome, Box<Failed>> {
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
        if let Some(lost) = Failed::lost(outcome, session.healthy_for()) {
            return Err(Box::new(lost));
        }
        self.close(socket, STREAM_ENDED).await;
        Ok(Outcome::Ended(STREAM_ENDED))
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
        let (offset, conn, what) =
            (self.upstream.now(), self.upstream.conn, What::Frame(Frame { opcode, bytes }));
        self.upstream.held.push(Item { offset, conn, flags: Flags(flags), what });
    }

    async fn close_stopped(&mut self, socket: Socket) -> Result<Outcome, Box<Failed>> {
        self.close(socket, "stopped").await;
        Ok(Outcome::Stopped)
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

/// Returns the interval of heartbeats that the server wants: `Handshake-Options: ping-interval=SECONDS`.
fn ping_interval(headers: &HeaderMap) -> Option<Duration> {
    let options = headers.get("handshake-options")?.to_str().ok()?;
    let mut options = options.split([';', ',']).filter_map(|option| option.trim().split_once('='));
    let (_, seconds) = options.find(|(name, _)| *name == "ping-interval")?;
    Some(Duration::from_secs(seconds.parse().ok()?))
}

/// Items that wait to be sent to the room, in order, and the size of their frames in bytes.
#[derive(Default)]
pub(super) struct Held {
    items: Vec<Item>,
    bytes: usize,
}

impl Held {
    pub(super) fn push(&mut self, item: Item) {
        if let What::Frame(frame) = &item.what {
            self.bytes += frame.bytes.len();
        }
        self.items.push(item);
    }

    pub(super) fn take(&mut self) -> Vec<Item> {
        std::mem::take(self).items
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether the socket must not be read until items are sent.
    pub(super) fn is_full(&self) -> bool {
        self.items.len() >= HELD_ITEMS_MAX || self.bytes >= HELD_BYTES_MAX
    }
}

/// The room's end of a source, which also returns items one by one.
#[derive(Debug)]
pub(crate) struct Batches {
    receiver: mpsc::Receiver<Vec<Item>>,
    /// Received items that were not returned yet.
    items: VecDeque<Item>,
}

impl Batches {
    pub(crate) fn channel() -> (mpsc::Sender<Vec<Item>>, Self) {
        let (sender, receiver) = mpsc::channel(BATCHES_WAITING_MAX);
        (sender, Self { receiver, items: VecDeque::new() })
    }

    /// Returns the next item, or `None` at the end. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Item> {
        while self.items.is_empty() {
            self.receive().await?;
        }
        self.items.pop_front()
    }

    /// Returns the items that were received together, or `None` at the end. Cancel safe.
    pub(crate) async fn next_batch(&mut self) -> Option<Vec<Item>> {
        if self.items.is_empty() {
            return self.receiver.recv().await;
        }
        Some(std::mem::take(&mut self.items).into())
    }

    /// Receives a batch to return later, or returns `None` at the end. Cancel safe.
    pub(crate) async fn receive(&mut self) -> Option<()> {
        self.items.extend(self.receiver.recv().await?);
        Some(())
    }

    /// Takes no further batches. Those that wait are still returned.
    pub(crate) fn close(&mut self) {
        self.receiver.close();
    }
}

struct Link {
    socket: Socket,
    session: Session,
    received: Received,
}

impl Failed {
    /// Describes a lost connection; `None` if the room has ended.
    fn lost(outcome: session::Outcome, healthy: Duration) -> Option<Self> {
        let lost = |detail: String| Failure::new(Code::ConnectionLost, detail);
        let (code, reason, who, failure, healthy) = match outcome {
            session::Outcome::Ended(_) => return None,
            session::Outcome::Closed(close::ABNORMAL, reason) => {
                let failure = lost(format!("the connection to the room broke: {reason}"));
                (close::ABNORMAL, reason, Who::Network, failure, healthy)
            }
            session::Outcome::Closed(code, reason) => {
                let said = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
                let failure = lost(format!("TikTok closed the connection with {code}{said}"));
                (code, reason, Who::Upstream, failure, healthy)
            }
            session::Outcome::Stale => {
                let reason = "no frame for 60 s".to_owned();
                let failure = lost(format!("the room is silent: {reason}"));
                (close::ABNORMAL, reason, Who::Us, failure, healthy)
            }
            session::Outcome::Silent => {
                let reason = "nothing for 30 s after it was accepted".to_owned();
                let failure = Failure { recurs: true, ..lost(format!("the room pushes {reason}")) };
                (close::ABNORMAL, reason, Who::Us, failure, Duration::ZERO)
            }
            // Not retried, because the upstream would send as much after reconnecting.
            session::Outcome::Flood => {
                let reason = format!("more than {} MiB per second", RATE_BYTES_MAX >> 20);
                let failure = Failure::new(Code::UpstreamFlood, format!("the upstream sends {reason}"));
                (close::POLICY, reason, Who::Us, failure, healthy)
            }
        };
        // `will_retry` is set later, when the next attempt is known.
        let close = ConnClose { code: code.into(), reason, who: who.into(), will_retry: false };
        Some(Self { failure, healthy, close: Some(close) })
    }
}
