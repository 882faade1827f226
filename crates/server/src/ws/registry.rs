//! Registry of open sockets: the lobby they are in, the outbox of each, and the last that have left.

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::body::Bytes;
use livetape_core::{
    error::{Cause, Code, Problem, close},
    event::Millis,
};
use livetape_engine::log_target::CLIENTS;
use livetape_feed::{
    control::Peers,
    hub::{Join, Progress, Subscriber},
};
use livetape_io::clock;
use parking_lot::{Mutex, MutexGuard};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError},
    time::Instant,
};
use tracing::{Span, debug, info};
use tungstenite::protocol::{
    CloseFrame,
    frame::coding::{Control, Data, OpCode},
};

use super::{
    connection::{End, Limits, frame},
    shard::{FRAME_OVERHEAD_BYTES, Outbox, Shards},
};
use crate::{
    lobby::{self, ConnectionView, Effect, Key, LeftView, Lobby, Moment, Opening, Payload, Role, Stats},
    state::{Feeds, Traffic},
};

/// All open sockets. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Sockets {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<RegistryState>,
    feeds: Feeds,
    pub(super) shards: Shards,
    /// The servers of other processes that share rooms and messages.
    peers: OnceLock<Peers>,
    pub(crate) limits: Limits,
    pub(super) json_depth_max: usize,
    /// Slots of `/ws/echo`, whose messages are long.
    echoes: Arc<Semaphore>,
    started: Instant,
    started_wall: Duration,
    /// Number of the last ping of [`Sockets::ask`].
    pings: AtomicU64,
    /// Number of messages to the program that embeds the server.
    received: AtomicU64,
    /// Sockets that were refused or closed, by code and cause.
    turned_away: Mutex<BTreeMap<[&'static str; 2], u64>>,
}

/// Size of the messages that the program gathers at which they are written, in bytes.
const GATHERED_BYTES_MAX: usize = 16 * 1024;

/// The lock is held while one message is processed and queued, so that all clients see the same order.
/// Nothing is awaited while it is held.
#[derive(Debug)]
struct RegistryState {
    lobby: Lobby,
    sockets: BTreeMap<Key, Socket>,
    /// The last connections that have left, oldest first.
    left: VecDeque<LeftView>,
    gathered: Gathered,
    is_ending: bool,
}

/// Messages of the program that are queued, and not written yet.
#[derive(Debug, Default)]
struct Gathered {
    /// The sockets that receive them, each once.
    outboxes: Vec<Arc<Outbox>>,
    /// Size of the messages, in bytes, however many sockets receive each.
    bytes: usize,
}

#[derive(Debug)]
struct Socket {
    outbox: Arc<Outbox>,
    /// How it joins a feed that it switches to. Boxed, so that sockets are found fast.
    join: Box<Join>,
    /// How far it has read its feed, if it reads one.
    progress: Option<Progress>,
    /// Number of events that it was sent again, if it began with a feed.
    resent: Option<u64>,
}

/// A request to register a socket.
pub(crate) struct JoinRequest {
    pub(crate) opening: Opening,
    /// Client id of a client that chooses none, unless another connection has it.
    pub(crate) preferred_id: Option<String>,
    /// Whether it is only listed once it is accepted.
    pub(crate) is_held: bool,
    /// How the socket joins other feeds.
    pub(crate) join: Join,
    pub(crate) traffic: Traffic,
}

/// A registered socket. Dropping it tells the other clients that it left.
#[derive(Debug)]
pub(crate) struct SocketHandle {
    pub(super) sockets: Sockets,
    key: Key,
    role: Role,
    pub(crate) outbox: Arc<Outbox>,
    pub(super) traffic: Traffic,
    /// Code and reason of the client's close frame.
    left: OnceLock<(u16, String)>,
    /// Code and reason if the server ends it.
    closed: OnceLock<(u16, String)>,
}

impl RegistryState {
    /// Adds how far a connection has read its feed.
    fn locate(&self, view: &mut ConnectionView) {
        let Some(Socket { progress, resent, .. }) = self.sockets.get(&view.key) else { return };
        view.resent = *resent;
        (view.position, view.lag) = progress.as_ref().map(Progress::position_and_lag).unzip();
    }
}

impl Sockets {
    pub(crate) fn new(feeds: Feeds, limits: Limits, lobby: lobby::Limits, started: Instant) -> Self {
        let json_depth_max = lobby.json_depth_max;
        let lobby = Lobby::new(lobby);
        let (left, gathered) = (VecDeque::new(), Gathered::default());
        let state = RegistryState { lobby, sockets: BTreeMap::new(), left, gathered, is_ending: false };
        let started_wall = clock::wall();
        let (state, shards) = (Mutex::new(state), Shards::default());
        let echoes = Arc::new(Semaphore::new(limits.echo_sockets_max));
        let shared = Shared {
            state,
            feeds,
            shards,
            peers: OnceLock::new(),
            limits,
            json_depth_max,
            echoes,
            started,
            started_wall,
            pings: AtomicU64::new(0),
            received: AtomicU64::new(0),
            turned_away: Mutex::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Returns the outbox of a socket that is not registered.
    pub(crate) fn outbox(&self) -> Arc<Outbox> {
        Arc::new(Outbox::new(self.shared.limits.waiting_bytes_max))
    }

    pub(crate) fn peers(&self) -> Option<&Peers> {
        self.shared.peers.get()
    }

    pub(crate) fn set_peers(&self, peers: Peers) {
        // Set only once: its messages can be taken once.
        let _ = self.shared.peers.set(peers);
    }

    /// Takes a slot of `/ws/echo`, which is free again when the result is dropped.
    ///
    /// # Errors
    /// `capacity` if all are taken.
    pub(crate) fn echo_slot(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let full = |_: TryAcquireError| {
            let max = self.shared.limits.echo_sockets_max;
            let message = format!("the maximum number of sockets on `/ws/echo`, {max}, is already open");
            Problem::capacity(Cause::EchoSockets, message)
        };
        Arc::clone(&self.shared.echoes).try_acquire_owned().map_err(full)
    }

    /// Registers a socket, and lets it subscribe. Nobody sees one without the other: a client that is counted
    /// is listed.
    ///
    /// # Errors
    /// Any rejection by the lobby, or by `subscribe`.
    pub(crate) fn enter(
        &self,
        request: JoinRequest,
        subscribe: impl FnOnce() -> Result<Option<Subscriber>, Problem>,
    ) -> Result<(SocketHandle, Option<Subscriber>), Problem> {
        let JoinRequest { mut opening, preferred_id, is_held, join, traffic } = request;
        let (role, outbox) = (opening.role, self.outbox());
        let mut state = self.lock();
        let subscribed = subscribe()?;
        let preferred = preferred_id.filter(|it| state.lobby.is_free(it));
        opening.client_id = opening.client_id.or(preferred);
        let key = state.lobby.open(opening)?;
        if is_held {
            state.lobby.hold(key);
        }
        let progress = subscribed.as_ref().map(Subscriber::progress);
        let resent = progress.as_ref().map(Progress::resent);
        state
            .sockets
            .insert(key, Socket { outbox: Arc::clone(&outbox), join: Box::new(join), progress, resent });
        if state.is_ending {
            outbox.go_away();
        }
        self.deliver(state);
        let handle = SocketHandle {
            sockets: self.clone(),
            key,
            role,
            outbox,
            traffic,
            left: OnceLock::new(),
            closed: OnceLock::new(),
        };
        Ok((handle, subscribed))
    }

    pub(crate) fn count_turned_away(&self, code: Code, cause: &'static str) {
        *self.shared.turned_away.lock().entry([code.name(), cause]).or_default() += 1;
    }

    /// Returns the numbers of sockets that were refused, or closed because of a limit, by code and cause.
    #[cfg(feature = "metrics")]
    pub(crate) fn turned_away(&self) -> BTreeMap<[&'static str; 2], u64> {
        self.shared.turned_away.lock().clone()
    }

    /// Calls `f` with the lobby, and delivers the resulting messages before returning.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut Lobby) -> T) -> T {
        let mut state = self.lock();
        let result = f(&mut state.lobby);
        self.deliver(state);
        result
    }

    /// Like [`with`](Self::with), but the messages are written in the next [`flush`](Self::flush), or before if they
    /// are long.
    pub(crate) fn gather<T>(&self, f: impl FnOnce(&mut Lobby) -> T) -> T {
        let mut state = self.lock();
        let result = f(&mut state.lobby);
        self.perform(&mut state, true);
        if state.gathered.bytes > GATHERED_BYTES_MAX {
            self.flush_all(state);
        }
        result
    }

    /// Writes what was gathered.
    pub(crate) fn flush(&self) {
        self.flush_all(self.shared.state.lock());
    }

    fn flush_all(&self, mut state: MutexGuard<'_, RegistryState>) {
        let gathered = mem::take(&mut state.gathered);
        drop(state);
        Outbox::write_all(gathered.outboxes);
    }

    /// Returns the number of messages to the program that embeds the server.
    pub(crate) fn received(&self) -> u64 {
        self.shared.received.load(Ordering::Relaxed)
    }

    /// Like [`with`](Self::with), for connections: adds to each how far it has read its feed.
    pub(crate) fn views<V: AsMut<[ConnectionView]>>(
        &self,
        f: impl FnOnce(&mut Lobby) -> Result<V, Problem>,
    ) -> Result<V, Problem> {
        let mut state = self.lock();
        let mut views = f(&mut state.lobby);
        // Connections may leave as soon as messages are delivered.
        views.iter_mut().flat_map(AsMut::as_mut).for_each(|view| state.locate(view));
        self.deliver(state);
        views
    }

    /// Returns the last connections that have left, in the order in which they did.
    pub(crate) fn left(&self) -> Vec<LeftView> {
        self.lock().left.iter().cloned().collect()
    }

    /// Sends every socket that reads a feed a ping. Returns its number.
    pub(crate) fn ask(&self) -> u64 {
        let state = self.lock();
        let number = self.shared.pings.fetch_add(1, Ordering::Relaxed) + 1;
        let ping = frame(OpCode::Control(Control::Ping), &number.to_be_bytes());
        for socket in state.sockets.values().filter(|socket| socket.progress.is_some()) {
            socket.outbox.queue(ping.clone());
            socket.outbox.call();
        }
        number
    }

    /// Whether every socket that reads a feed has answered the ping with this number, or a later one.
    pub(crate) fn have_answered(&self, number: u64) -> bool {
        let state = self.lock();
        let mut readers = state.sockets.values().filter(|socket| socket.progress.is_some());
        readers.all(|socket| socket.outbox.answered.load(Ordering::Relaxed) >= number)
    }

    /// Sends a heartbeat with the server's state to all `/ws` clients.
    pub(crate) fn heartbeat(&self) {
        let rss = memory_stats::memory_stats().map(|memory| memory.physical_mem as u64);
        self.with(|lobby| lobby.heartbeat(Stats { rss }));
    }

    /// Announces the shutdown to all `/ws` clients and lets every socket end.
    pub(crate) fn shut_down(&self) {
        self.with(Lobby::shut_down);
        let mut state = self.lock();
        state.is_ending = true;
        for socket in state.sockets.values() {
            socket.outbox.go_away();
        }
    }

    /// Locks the state, and updates its time and the list of current users.
    fn lock(&self) -> MutexGuard<'_, RegistryState> {
        let feeds = self.shared.feeds.current();
        let mut state = self.shared.state.lock();
        let uptime = clock::now() - self.shared.started;
        let wall = Millis((self.shared.started_wall + uptime).as_millis().try_into().unwrap_or(i64::MAX));
        state.lobby.advance(Moment { wall, uptime });
        state.lobby.set_feeds(&feeds);
        state
    }

    fn deliver(&self, mut state: MutexGuard<'_, RegistryState>) {
        let outboxes = self.perform(&mut state, false);
        drop(state);
        Outbox::write_all(outboxes);
    }

    /// Performs what the lobby wants. Returns the sockets to write to, unless they are gathered.
    fn perform(&self, state: &mut RegistryState, gathers: bool) -> Vec<Arc<Outbox>> {
        let mut outboxes = Vec::new();
        for effect in state.lobby.take_effects() {
            match effect {
                Effect::Send { to, payload } => {
                    match to.len() {
                        1 => debug!(bytes = payload.len(), "📤 Message sent"),
                        recipients => debug!(bytes = payload.len(), recipients, "📡 Message broadcast"),
                    }
                    let bytes = payload.len() + FRAME_OVERHEAD_BYTES;
                    let Some(frame) = encode(payload) else { continue };
                    let recipients = to.iter().filter_map(|key| state.sockets.get(key));
                    let outboxes_of = recipients.map(|socket| &socket.outbox);
                    if gathers {
                        let gathered = &mut state.gathered;
                        gathered.bytes += bytes;
                        let new = outboxes_of.filter(|outbox| outbox.gather(frame.clone()));
                        gathered.outboxes.extend(new.cloned());
                    } else {
                        outboxes.extend(outboxes_of.inspect(|outbox| outbox.queue(frame.clone())).cloned());
                    }
                }
                Effect::Close { key, code, reason } => {
                    let Some(socket) = state.sockets.get(&key) else { continue };
                    if code == close::ABNORMAL {
                        socket.outbox.cut();
                    } else {
                        let progress = socket.progress.as_ref().map(Progress::position_and_lag);
                        let last = progress.map_or(0, |(position, lag)| position + lag);
                        socket.outbox.close(CloseFrame { code: code.into(), reason: reason.into() }, last);
                    }
                }
                Effect::Relay(bytes) => {
                    if let Some(peers) = self.shared.peers.get() {
                        peers.tell(bytes);
                    }
                }
                Effect::Created { room } => info!(target: CLIENTS, room, "🏠 Room created"),
                Effect::Read { key, stream } => {
                    let Some(socket) = state.sockets.get_mut(&key) else { continue };
                    let channel = stream.and_then(|stream| self.shared.feeds.channel(&stream));
                    let is_main = channel.as_ref().is_none_or(|(_, is_main)| *is_main);
                    // Without a position to resume from, joining cannot fail.
                    let feed = channel.and_then(|(hub, _)| hub.join(&socket.join).ok());
                    socket.progress = feed.as_ref().map(Subscriber::progress);
                    socket.outbox.read(feed, is_main);
                }
            }
        }
        outboxes
    }
}

fn encode(payload: Payload) -> Option<Bytes> {
    match payload {
        Payload::Text(text) => str::from_utf8(&text).is_ok().then(|| frame(OpCode::Data(Data::Text), &text)),
        Payload::Binary(bytes) => Some(frame(OpCode::Data(Data::Binary), &bytes)),
    }
}

impl SocketHandle {
    pub(crate) fn echoes(&self) -> bool {
        self.role == Role::Echoes
    }

    pub(crate) fn text(&self, text: &str) {
        let _inside = self.traffic.span().map(Span::entered);
        debug!(bytes = text.len(), "📨 Message received");
        self.sockets.with(|lobby| lobby.text(self.key, text));
    }

    pub(crate) fn binary(&self, bytes: Bytes) {
        let _inside = self.traffic.span().map(Span::entered);
        debug!(bytes = bytes.len(), "📨 Binary message received");
        self.sockets.with(|lobby| lobby.binary(self.key, bytes));
    }

    /// Sends the socket a message from the server.
    pub(crate) fn tell(&self, message: Bytes) {
        self.sockets.with(|lobby| lobby.tell_one(self.key, message));
    }

    /// Closes the socket because of a message that is too long.
    pub(crate) fn too_large(&self) {
        let Limits { message_bytes_max, echo_bytes_max, .. } = self.sockets.shared.limits;
        let bytes_max = if self.echoes() { echo_bytes_max } else { message_bytes_max };
        self.sockets.with(|lobby| lobby.too_large(self.key, bytes_max));
    }

    /// Remembers the client's close frame.
    pub(super) fn left(&self, frame: Option<&CloseFrame>) {
        let left =
            frame.map_or((close::NO_CODE, String::new()), |it| (it.code.into(), it.reason.to_string()));
        let _ = self.left.set(left);
    }

    /// Logs and remembers how the server ends the socket, if it does.
    pub(super) fn end(&self, end: &End) {
        let Some((code, reason)) = end.by_server() else { return };
        let _inside = self.traffic.span().map(Span::entered);
        match code {
            close::ABNORMAL => info!("❌ Cutting client"),
            code => info!(code, reason, "❌ Closing client"),
        }
        if let End::Close(frame, Some(cause)) = end {
            let is_slow = u16::from(frame.code) == Code::SlowConsumer.close_code();
            let code = if is_slow { Code::SlowConsumer } else { Code::Capacity };
            self.sockets.count_turned_away(code, cause.name());
        }
        let _ = self.closed.set((code, reason));
    }

    /// Whether the server has ended the socket.
    pub(super) fn is_ended(&self) -> bool {
        self.closed.get().is_some()
    }

    /// Returns the code and reason with which the socket ended; 1006 without a close frame.
    pub(super) fn ended(&self) -> (u16, String) {
        let known = self.closed.get().or(self.left.get());
        known.cloned().unwrap_or((close::ABNORMAL, String::new()))
    }

    /// Counts how the socket ends, if it has not been sent all of its channel. Returns a guard that counts
    /// the client as unread, if the socket ends with its channel.
    pub(crate) fn count(&self, end: &End) -> Unread {
        let progress = self.sockets.lock().sockets.get(&self.key).and_then(|socket| socket.progress.clone());
        let Some(progress) = progress else { return Unread::default() };
        match end {
            End::Left | End::Over => progress.count_left(),
            End::Close(frame, _) => match u16::from(frame.code) {
                close::NORMAL if progress.is_closed() => return Unread(Some(progress)),
                // The server was stopped, so clients are expected not to have read everything.
                close::GOING_AWAY => {}
                _ => progress.count_unread(),
            },
            End::Cut => progress.count_unread(),
        }
        Unread::default()
    }

    /// Counts a message to the program that embeds the server.
    pub(super) fn count_received(&self) {
        self.sockets.shared.received.fetch_add(1, Ordering::Relaxed);
    }

    /// Records a sign of life: a ping, a pong or an empty frame.
    pub(crate) fn heard(&self) {
        self.sockets.with(|lobby| lobby.heard(self.key));
    }

    /// Records the answer to a ping.
    pub(crate) fn answered(&self, payload: &[u8]) {
        if let Ok(number) = payload.try_into() {
            self.outbox.answered.fetch_max(u64::from_be_bytes(number), Ordering::Relaxed);
        }
        self.heard();
    }
}

/// Counts a client on drop, unless it has confirmed the end of its channel.
#[derive(Default)]
pub(crate) struct Unread(Option<Progress>);

impl Unread {
    /// The client has read the close frame, or is gone.
    pub(crate) fn confirm(mut self) {
        self.0 = None;
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        if let Some(progress) = &self.0 {
            progress.count_unread();
        }
    }
}

impl Drop for SocketHandle {
    fn drop(&mut self) {
        let (code, reason) = self.ended();
        let mut state = self.sockets.lock();
        if let Some(mut connection) = state.lobby.listed_view(self.key) {
            state.locate(&mut connection);
            let (left_at, by_server) = (state.lobby.now(), self.is_ended());
            let sent_bytes = self.traffic.sent_bytes();
            if state.left.len() >= LEFT_MAX {
                state.left.pop_front();
            }
            state.left.push_back(LeftView { connection, left_at, code, reason, by_server, sent_bytes });
        }
        state.sockets.remove(&self.key);
        state.lobby.close(self.key);
        self.sockets.deliver(state);
    }
}

/// Maximum number of connections that have left in the list.
pub(crate) const LEFT_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use livetape_feed::{control::Control, hub::Hub};
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn a_socket_is_listed_and_counted_at_once() {
        let (control, _driver) = Control::new();
        let hub = Hub::new("s".into(), livetape_feed::hub::Limits::default());
        let feeds = Feeds::new(hub.clone(), control);
        let sockets = Sockets::new(feeds, Limits::default(), lobby::Limits::default(), clock::now());
        let opening = Opening {
            id: Uuid::new_v4(),
            client_id: None,
            address: None,
            path: "/".into(),
            query: String::new(),
            origin: String::new(),
            agent: String::new(),
            role: Role::Reads,
            reading: Some("s".into()),
            is_observer: false,
            filter: String::new(),
            overlay: None,
        };
        let request = JoinRequest {
            opening,
            preferred_id: None,
            is_held: false,
            join: Join::default(),
            traffic: Traffic::default(),
        };
        let subscribe = || {
            assert!(sockets.shared.state.try_lock().is_none(), "nobody can list the sockets yet");
            hub.join(&Join::default()).map(Some)
        };
        let entered = sockets.enter(request, subscribe).unwrap();
        let listed = || sockets.with(|lobby| lobby.connection_views(None).unwrap().len());
        assert_eq!((hub.subscriber_count(), listed()), (1, 1));
        drop(entered);
        assert_eq!((hub.subscriber_count(), listed()), (0, 0));
        assert_eq!(sockets.left().len(), 1);
    }
}
