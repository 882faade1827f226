//! Recognises TikTok LIVE traffic by URLs and frames, and converts what is observed of a client to items: HTTP exchanges, and
//! the messages of sockets.
//!
//! Callers report exchanges at any time, and for each socket [`Observer::open`], any number of frames and troubles, and
//! [`Observer::close`]; at the end [`Observer::finish`]. They take the items after each report.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;

use super::{
    error::close,
    host::is_in,
    recording::{
        Flags, Frame, Item, Opcode, What,
        records::{
            ConnClose, ConnOpen, Gap, Http, HttpHeader, Marker, conn_close::Who, gap::Direction, http::Role,
        },
    },
    username::USERNAME_CHARS_MAX,
    wire::is_push,
};

/// Maximum number of first batches held until their connection opens.
const HELD_MAX: usize = 16;
/// Maximum number of rooms whose users are remembered. Beyond it, those with the lowest ids are forgotten.
const HOSTS_MAX: usize = 256;
/// Number of unrecognised frames after which a socket is ignored.
const FRAMES_LOOKED_AT_MAX: u32 = 20;
/// Opcode of a close frame (RFC 6455 §5.5.1).
const CLOSE: u8 = 8;
/// Header with the room of a sign server's answer.
const ROOM_HEADER: &str = "x-room-id";

/// A WebSocket of the client.
#[derive(Debug, Default)]
pub struct Socket {
    url: String,
    /// Connection number, if the socket is open and belongs to TikTok LIVE.
    conn: Option<u32>,
    /// Number of frames that were not recognised.
    looked_at: u32,
}

impl Socket {
    /// Creates a socket that is not open yet. The URL of a socket opened earlier is unknown: empty.
    #[must_use]
    pub fn new(url: String) -> Self {
        Self { url, ..Self::default() }
    }

    /// Whether the socket belongs to TikTok LIVE, according to its URL.
    #[must_use]
    pub fn is_webcast(&self) -> bool {
        is_webcast_address(&self.url)
    }

    /// Returns the connection number, if the socket is open and belongs to TikTok LIVE.
    #[must_use]
    pub fn conn(&self) -> Option<u32> {
        self.conn
    }
}

/// Observes a client. Callers report what they see, in order of time, and take the items.
#[derive(Debug, Default)]
pub struct Observer {
    user: String,
    /// Users of rooms, from the answers to look-ups; `None` if the user was given.
    hosts: Option<BTreeMap<i64, String>>,
    items: Vec<Item>,
    /// Number of the last opened connection.
    conn: u32,
    /// Rooms of the open connections.
    rooms: BTreeMap<u32, i64>,
    /// First batches whose connection is not open yet, with their times and rooms.
    held: Vec<(Duration, i64, Http)>,
}

impl Observer {
    /// Creates an observer of a client that watches `user`. If that is empty, the user of a room is the one
    /// for whom a look-up returned it.
    #[must_use]
    pub fn new(user: &str) -> Self {
        let hosts = user.is_empty().then(BTreeMap::new);
        Self { user: user.to_owned(), hosts, ..Self::default() }
    }

    /// Changes the user of connections that are opened from now on.
    pub fn set_user(&mut self, user: &str) {
        user.clone_into(&mut self.user);
    }

    /// Returns the number of open connections.
    #[must_use]
    pub fn open_count(&self) -> usize {
        self.rooms.len()
    }

    /// Returns the number of the last opened connection; 0 before the first.
    #[must_use]
    pub fn last_conn(&self) -> u32 {
        self.conn
    }

    /// Returns the items since the last call.
    pub fn take_items(&mut self) -> Vec<Item> {
        std::mem::take(&mut self.items)
    }

    /// Reports an HTTP exchange. A first batch is held until its connection opens, because it belongs to the
    /// room that the opening names.
    pub fn exchange(&mut self, offset: Duration, http: Http, flags: u8) {
        self.learn_host(&http);
        if http.role() != Role::InitialBatch {
            return self.put(offset, self.conn.max(1), flags, What::Http(http));
        }
        let room = room_of(&http);
        let is_of = |open: i64| room == 0 || open == 0 || room == open;
        match self.rooms.iter().rev().find(|(_, open)| is_of(**open)) {
            Some((&conn, _)) => self.put(offset, conn, flags, What::Http(http)),
            None if self.held.len() < HELD_MAX => self.held.push((offset, room, http)),
            None => self.put(offset, self.conn.max(1), flags, What::Http(http)),
        }
    }

    /// Reports that a socket was opened, and returns its connection number.
    pub fn open(
        &mut self,
        offset: Duration,
        socket: &mut Socket,
        status: u32,
        headers: Vec<HttpHeader>,
    ) -> u32 {
        self.conn += 1;
        let (conn, room_id) = (self.conn, room_in(&socket.url).unwrap_or_default());
        socket.conn = Some(conn);
        self.rooms.insert(conn, room_id);
        let open = ConnOpen {
            room_id,
            unique_id: self.user_of(room_id),
            attempt: 1,
            url: socket.url.clone(),
            handshake_status: status,
            headers,
        };
        self.put(offset, conn, 0, What::ConnOpen(open));
        let is_of = |room: i64| room == 0 || room_id == 0 || room == room_id;
        let (due, held) = std::mem::take(&mut self.held).into_iter().partition(|(_, room, _)| is_of(*room));
        self.held = held;
        let due: Vec<_> = due;
        due.into_iter().for_each(|(_, _, http)| self.put(offset, conn, 0, What::Http(http)));
        conn
    }

    /// Reports a frame. The first push frame identifies a socket, unless its URL is that of another service
    /// of TikTok.
    pub fn frame(
        &mut self,
        offset: Duration,
        socket: &mut Socket,
        is_sent: bool,
        opcode: Opcode,
        bytes: Bytes,
    ) {
        let conn = match socket.conn {
            Some(conn) => conn,
            None if socket.looked_at >= FRAMES_LOOKED_AT_MAX || is_other_address(&socket.url) => return,
            None if opcode == Opcode::BINARY && is_push_frame(&bytes) => {
                self.open(offset, socket, 0, Vec::new())
            }
            None => {
                socket.looked_at += 1;
                return;
            }
        };
        match opcode {
            Opcode(CLOSE) => self.close(offset, socket, closed(&bytes, is_sent)),
            Opcode::TEXT | Opcode::BINARY => {
                let flags = if is_sent { Flags::SENT } else { 0 };
                self.put(offset, conn, flags, What::Frame(Frame { opcode, bytes }));
            }
            _ => {}
        }
    }

    /// Reports a frame that could not be read, of this many bytes as received. Those of other sockets count for nothing.
    pub fn unreadable_frame(&mut self, offset: Duration, socket: &Socket, is_sent: bool, bytes: usize) {
        let is_known = socket.conn.is_some() || socket.looked_at < FRAMES_LOOKED_AT_MAX;
        if is_known && !is_other_address(&socket.url) {
            let direction = if is_sent { Direction::Sent } else { Direction::Received };
            self.miss(
                offset,
                socket.conn.unwrap_or_default(),
                (bytes, direction),
                "a frame could not be read",
            );
        }
    }

    /// Reports that the body of an exchange is not known. Only first batches have messages of a room.
    pub fn unreadable_body(&mut self, offset: Duration, http: &Http) {
        if http.role() == Role::InitialBatch {
            self.miss(offset, self.conn, (0, Direction::Received), "the first batch could not be read");
        }
    }

    /// Reports what may have been a frame, of this many bytes.
    pub fn unreadable(&mut self, offset: Duration, bytes: usize) {
        self.miss(offset, 0, (bytes, Direction::Unknown), "a message of the browser could not be read");
    }

    /// Reports a problem with a socket.
    pub fn trouble(&mut self, offset: Duration, socket: &Socket, label: String) {
        if let Some(conn) = socket.conn {
            self.put(offset, conn, 0, What::Marker(Marker { label }));
        }
    }

    /// Reports the end of a socket, unless a close frame ended it earlier.
    pub fn close(&mut self, offset: Duration, socket: &mut Socket, close: ConnClose) {
        socket.looked_at = FRAMES_LOOKED_AT_MAX;
        if let Some(conn) = socket.conn.take() {
            self.rooms.remove(&conn);
            self.put(offset, conn, 0, What::ConnClose(close));
        }
    }

    /// Reports the end of the observation. First batches that are still held have no connection, and so no
    /// user: events at this time, long after they arrived, would be wrong. They count as missing.
    pub fn finish(&mut self, offset: Duration) {
        for (arrived, _, http) in std::mem::take(&mut self.held) {
            let reason = "no socket followed the answer of the sign server";
            let gap = gap(arrived, (http.body.len(), Direction::Received), reason);
            self.put(offset, 0, 0, What::Gap(gap));
        }
    }

    fn miss(&mut self, offset: Duration, conn: u32, missing: (usize, Direction), reason: &str) {
        self.put(offset, conn, 0, What::Gap(gap(offset, missing, reason)));
    }

    /// Remembers for whom a room was returned.
    fn learn_host(&mut self, http: &Http) {
        let Some(hosts) = &mut self.hosts else { return };
        if let (Some(user), room @ 1..) = (user_asked(&http.request_line), room_answered(http)) {
            // Which one is forgotten does not matter, as long as it is not the new one.
            if hosts.len() >= HOSTS_MAX && !hosts.contains_key(&room) {
                hosts.pop_first();
            }
            hosts.insert(room, user.to_owned());
        }
    }

    /// Returns the user of a room. Nobody, if the user asked for last is known to have another room.
    fn user_of(&self, room: i64) -> String {
        let hosts = self.hosts.as_ref().filter(|_| room != 0);
        match hosts.and_then(|hosts| hosts.get(&room)) {
            Some(user) => user.clone(),
            None if hosts.is_some_and(|hosts| hosts.values().any(|user| *user == self.user)) => String::new(),
            None => self.user.clone(),
        }
    }

    fn put(&mut self, offset: Duration, conn: u32, flags: u8, what: What) {
        self.items.push(Item { offset, conn, flags: Flags(flags), what });
    }
}

/// Returns the gap for one record, of this many bytes and from this side.
fn gap(at: Duration, (bytes, direction): (usize, Direction), reason: &str) -> Gap {
    let at = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
    Gap {
        first_t_ns: at,
        last_t_ns: at,
        records: 1,
        bytes: bytes as u64,
        direction: direction.into(),
        reason: reason.to_owned(),
    }
}

/// Returns the room that a first batch is for; 0 if unknown.
fn room_of(http: &Http) -> i64 {
    let header = http.headers.iter().find(|header| header.name.eq_ignore_ascii_case(ROOM_HEADER));
    let stated = header.and_then(|header| header.value.parse().ok());
    stated.or_else(|| room_in(&http.request_line)).unwrap_or_default()
}

/// Returns the room in the answer to a look-up; 0 if there is none.
fn room_answered(http: &Http) -> i64 {
    if http.role() != Role::Lookup {
        return room_of(http);
    }
    let json: serde_json::Value = serde_json::from_slice(&http.body).unwrap_or_default();
    let id = &json["data"]["user"]["roomId"];
    id.as_str().and_then(|id| id.parse().ok()).or_else(|| id.as_i64()).unwrap_or_default()
}

/// Reads the payload of a close frame.
fn closed(bytes: &[u8], is_sent: bool) -> ConnClose {
    let code = bytes.first_chunk().map_or(close::NO_CODE, |code| u16::from_be_bytes(*code));
    let reason = String::from_utf8_lossy(bytes.get(2..).unwrap_or_default()).into_owned();
    let who = if is_sent { Who::Us } else { Who::Upstream };
    ConnClose { code: code.into(), reason, who: who.into(), will_retry: false }
}

/// Payload types of push frames.
const PAYLOAD_TYPES: [&str; 6] = ["msg", "hb", "ack", "im_enter_room", "im_enter_room_resp", "close"];
/// Paths of sign servers that contain a room id, as in `/webcast/rooms/7/connect`.
const SIGN_ROOMS: &str = "/webcast/rooms/";
/// Query parameters that name a user.
const USER_PARAMETERS: [&str; 2] = ["uniqueId=", "unique_id="];

/// Returns the role of an HTTP exchange, if it is worth recording.
#[must_use]
pub fn role_of(url: &str) -> Option<Role> {
    let roles = [
        ("/webcast/im/fetch", Role::InitialBatch),
        ("/webcast/fetch", Role::InitialBatch),
        ("/webcast/room/info", Role::RoomInfo),
        ("/webcast/room/info_by_user", Role::RoomInfo),
        ("/webcast/gift/list", Role::Gifts),
        ("/api-live/user/room", Role::Lookup),
    ];
    let path = path_of(url).trim_end_matches('/');
    if path.starts_with(SIGN_ROOMS) && path.ends_with("/connect") {
        return Some(Role::InitialBatch);
    }
    roles.into_iter().find(|(known, _)| path == *known).map(|(_, role)| role)
}

/// Whether a WebSocket with this URL belongs to TikTok LIVE.
#[must_use]
pub fn is_webcast_address(url: &str) -> bool {
    let host = url.split('/').nth(2).unwrap_or_default();
    let is_host = host.starts_with("webcast") && host.contains("-ws") && host.contains(".tiktok.com");
    is_host || path_of(url).starts_with("/webcast/im/")
}

/// Whether a WebSocket with this URL belongs to TikTok but not to a LIVE: direct messages have push frames
/// too.
#[must_use]
pub fn is_other_address(url: &str) -> bool {
    let host = url.split('/').nth(2).unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default().split(':').next().unwrap_or_default();
    let host = host.to_ascii_lowercase();
    ["tiktok.com", "tiktokv.com"].iter().any(|domain| is_in(&host, domain)) && !is_webcast_address(url)
}

/// Whether these bytes are a complete push frame of TikTok LIVE.
#[must_use]
pub fn is_push_frame(bytes: &Bytes) -> bool {
    is_push(bytes, &PAYLOAD_TYPES)
}

/// Returns the room id in a URL.
#[must_use]
pub fn room_in(url: &str) -> Option<i64> {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let in_query = query.split('&').find_map(|pair| pair.strip_prefix("room_id=")?.parse().ok());
    let in_path = || address.split_once(SIGN_ROOMS)?.1.split('/').next()?.parse().ok();
    in_query.or_else(in_path).filter(|id| *id != 0)
}

/// Returns the user name in the URL of a LIVE page: `https://www.tiktok.com/@ann/live`.
#[must_use]
pub fn user_in(url: &str) -> Option<&str> {
    plain_user(url.split_once("/@")?.1.split_once("/live")?.0)
}

/// Returns the user name that a request asks for: in the URL of a LIVE page, or in the query of a look-up.
#[must_use]
pub fn user_asked(url: &str) -> Option<&str> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut values = query.split('&').filter_map(|pair| {
        USER_PARAMETERS
            .iter()
            .find_map(|name| pair.strip_prefix(name))
            .map(|name| name.trim_start_matches('@'))
    });
    user_in(url).or_else(|| values.find_map(plain_user))
}

fn plain_user(name: &str) -> Option<&str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    (!name.is_empty() && name.len() <= USERNAME_CHARS_MAX && name.chars().all(is_plain)).then_some(name)
}

fn path_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.find('/').map_or("", |at| &rest[at..]);
    path.split(['?', '#']).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Duration = Duration::ZERO;

    fn batch(room: &str) -> Http {
        let request_line = format!("GET https://sign.example/webcast/fetch/?room_id={room}");
        Http { role: Role::InitialBatch.into(), request_line, status: 200, ..Http::default() }
    }

    fn socket(room: &str) -> Socket {
        Socket::new(format!("wss://webcast-ws.tiktok.com/webcast/im/?room_id={room}"))
    }

    /// Returns the connection and the kind of each item.
    fn taken(observer: &mut Observer) -> Vec<(u32, &'static str)> {
        let kind = |what: &What| match what {
            What::ConnOpen(_) => "open",
            What::ConnClose(_) => "close",
            What::Http(_) => "http",
            What::Frame(_) => "frame",
            _ => "other",
        };
        observer.take_items().iter().map(|item| (item.conn, kind(&item.what))).collect()
    }

    #[test]
    fn a_first_batch_follows_the_opening_of_its_room() {
        let mut observer = Observer::new("ann");
        let (mut seven, mut eight) = (socket("7"), socket("8"));
        observer.open(AT, &mut seven, 101, vec![]);
        observer.exchange(AT, batch("8"), 0);
        observer.exchange(AT, batch("7"), 0);
        observer.open(AT, &mut eight, 101, vec![]);
        assert_eq!(taken(&mut observer), [(1, "open"), (1, "http"), (2, "open"), (2, "http")]);
    }

    #[test]
    fn a_first_batch_without_a_socket_is_a_gap_with_its_time() {
        let mut observer = Observer::new("ann");
        let unused = Http { body: Bytes::from_static(b"seven b"), ..batch("9") };
        observer.exchange(Duration::from_secs(2), unused, 0);
        assert_eq!(taken(&mut observer), []);
        observer.finish(Duration::from_secs(60));
        let [item] = observer.take_items().try_into().unwrap();
        assert_eq!((item.offset, item.conn), (Duration::from_secs(60), 0));
        let expected = Gap {
            first_t_ns: 2_000_000_000,
            last_t_ns: 2_000_000_000,
            records: 1,
            bytes: 7,
            direction: Direction::Received.into(),
            reason: "no socket followed the answer of the sign server".into(),
        };
        assert_eq!(item.what, What::Gap(expected));
    }

    #[test]
    fn a_socket_has_the_user_for_whom_its_room_was_returned() {
        let asked = |user: &str, room: &str| Http {
            role: Role::Lookup.into(),
            request_line: format!("GET https://www.tiktok.com/api-live/user/room/?uniqueId={user}"),
            body: format!(r#"{{"data":{{"user":{{"roomId":"{room}"}}}}}}"#).into(),
            ..Http::default()
        };
        for (given, expected) in [("", ["ann", "ben", ""]), ("cat", ["cat"; 3])] {
            let mut observer = Observer::new(given);
            observer.exchange(AT, asked("ann", "7"), 0);
            observer.exchange(AT, asked("ben", "8"), 0);
            for room in ["7", "8", "9"] {
                observer.open(AT, &mut socket(room), 101, vec![]);
            }
            let user = |item: Item| match item.what {
                What::ConnOpen(open) => Some(open.unique_id),
                _ => None,
            };
            let users: Vec<_> = observer.take_items().into_iter().filter_map(user).collect();
            assert_eq!(users, expected);
        }
    }

    #[test]
    fn a_close_frame_ends_a_socket_once() {
        let (mut observer, mut socket) = (Observer::new("ann"), socket("7"));
        observer.open(AT, &mut socket, 101, vec![]);
        let bytes = Bytes::from_static(b"\x03\xe8bye");
        observer.frame(AT, &mut socket, false, Opcode(CLOSE), bytes);
        let last = observer.take_items().pop().unwrap();
        let expected =
            ConnClose { code: 1000, reason: "bye".into(), who: Who::Upstream.into(), ..Default::default() };
        assert_eq!(last.what, What::ConnClose(expected));
        observer.close(AT, &mut socket, ConnClose::default());
        observer.frame(AT, &mut socket, true, Opcode::BINARY, Bytes::from_static(b":\x02hb"));
        assert_eq!(taken(&mut observer), []);
    }

    #[test]
    fn a_socket_without_a_url_is_recognised_by_a_push_frame() {
        let (mut observer, mut unknown) = (Observer::new("ann"), Socket::default());
        observer.frame(AT, &mut unknown, true, Opcode::TEXT, Bytes::from_static(b"hello"));
        observer.frame(AT, &mut unknown, true, Opcode::BINARY, Bytes::from_static(b":\x02hb"));
        assert_eq!(taken(&mut observer), [(1, "open"), (1, "frame")]);
        let mut messages = Socket::new("wss://im-ws.tiktok.com/ws/v2?aid=1".into());
        observer.frame(AT, &mut messages, true, Opcode::BINARY, Bytes::from_static(b":\x02hb"));
        assert_eq!(taken(&mut observer), [], "direct messages");
        let mut other = Socket::default();
        for _ in 0..=FRAMES_LOOKED_AT_MAX {
            observer.frame(AT, &mut other, true, Opcode::TEXT, Bytes::from_static(b"hello"));
        }
        observer.frame(AT, &mut other, true, Opcode::BINARY, Bytes::from_static(b":\x02hb"));
        assert_eq!(taken(&mut observer), [], "not a socket of TikTok LIVE");
    }

    #[test]
    fn urls_are_recognised() {
        assert!(is_webcast_address("wss://webcast-ws.us.tiktok.com/any?x"));
        assert!(is_webcast_address("ws://127.0.0.1:3100/webcast/im/ws_proxy/ws_reuse_supplement/?room_id=7"));
        assert!(!is_webcast_address("wss://chat.example/?to=/webcast/im/") && !is_webcast_address(""));
        assert!(
            is_other_address("wss://im-ws.tiktok.com/ws/v2?aid=1")
                && is_other_address("wss://A.TikTok.com:443/")
        );
        for url in
            ["", "wss://webcast-ws.tiktok.com/any", "wss://www.tiktok.com/webcast/im/x", "ws://127.0.0.1/x"]
        {
            assert!(!is_other_address(url), "{url}");
        }
        assert_eq!(role_of("https://webcast.tiktok.com/webcast/im/fetch/?a=b"), Some(Role::InitialBatch));
        assert_eq!(role_of("https://webcast.tiktok.com/webcast/im/fetcher"), None);
        assert_eq!(role_of("https://sign.example/webcast/rooms/7/connect?a"), Some(Role::InitialBatch));
        assert_eq!(room_in("wss://x/?a=1&room_id=77"), Some(77));
        assert_eq!(room_in("https://x/webcast/rooms/78/connect?a=1"), Some(78));
        assert_eq!(user_asked("https://www.tiktok.com/api-live/user/room/?aid=1&uniqueId=@ann"), Some("ann"));
        assert_eq!(user_asked("https://www.tiktok.com/@ben/live?unique_id=ann"), Some("ben"));
        assert_eq!(user_asked("https://www.tiktok.com/?uniqueId=a+b&unique_id=ann"), Some("ann"));
        assert_eq!(user_in("https://www.tiktok.com/@an_n.1/live?x"), Some("an_n.1"));
        assert_eq!(
            (user_in("https://www.tiktok.com/@an n/live"), user_in("https://www.tiktok.com/@ann")),
            (None, None)
        );
    }
}
