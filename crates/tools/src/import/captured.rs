//! What all captures have in common: connections, what was said on them, and HTTP answers beside them.

use bytes::Bytes;

use super::Error;
use crate::{
    payload::{batch, room_of},
    sans_io::{
        recognise::{is_push_frame, is_webcast_address, role_of, room_in, user_in},
        recording::records::{HttpHeader, http::Role},
    },
};

/// Connections of a capture that are looked at; more are counted.
pub(super) const CONNECTIONS_MAX: usize = 1000;
/// HTTP exchanges of a capture that are imported; more are counted.
pub(super) const EXCHANGES_MAX: usize = 10_000;
/// Longest URL that is kept, in bytes.
pub(super) const URL_BYTES_MAX: usize = 16 << 10;
/// Received binary frames of a connection that are decoded to learn what it is.
const SAMPLE_FRAMES_MAX: u64 = 50;

/// A capture that can be read again and again, from its beginning.
pub(super) trait Capture: Sync {
    /// Hands everything that `visit` wants to it, in the order of the capture.
    fn read(&self, visit: &mut dyn Visit) -> Result<(), Error>;
}

/// Whom a capture is shown to.
pub(super) trait Visit {
    /// Whether the connection or exchange with this number (from 0, of all in the capture) is of interest.
    fn wants(&mut self, id: u64) -> bool;
    /// Whether bodies of HTTP answers are.
    fn wants_bodies(&self) -> bool;
    /// Whether what is said next on a connection is, or only that something is: then [`Said::Unread`] will do.
    fn wants_data(&self, id: u64) -> bool;
    /// Something that was said on a connection; what is known of that one may come before or behind.
    fn message(&mut self, id: u64, message: Message) -> Result<(), Stop>;
    /// What a connection or an exchange is. Comes once for each.
    fn entry(&mut self, id: u64, entry: Entry) -> Result<(), Stop>;
    /// What the capture says of itself.
    fn about(&mut self, about: About);
}

/// Nobody listens any more.
#[derive(Debug)]
pub(super) struct Stop;

/// What a capture says of itself.
#[derive(Debug)]
pub(super) enum About {
    /// Who wrote it, and the version.
    Producer(String, String),
    /// The title or address of a page.
    Page(String),
}

/// A connection or an HTTP exchange.
#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) is_socket: bool,
    pub(super) method: String,
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) headers: Vec<HttpHeader>,
    pub(super) body: Bytes,
    /// When it was asked for, Unix milliseconds.
    pub(super) started_ms: Option<f64>,
}

impl Entry {
    /// What an exchange is of, if it is worth a record.
    pub(super) fn role(&self) -> Option<Role> {
        role_of(&self.url)
    }
}

/// Something that was said on a connection.
#[derive(Clone, Debug)]
pub(super) struct Message {
    /// As it stands in the capture: what it counts is known later.
    pub(super) time: Option<f64>,
    pub(super) said: Said,
}

#[derive(Clone, Debug)]
pub(super) enum Said {
    Frame {
        opcode: u8,
        sent: bool,
        injected: bool,
        bytes: Bytes,
    },
    /// The browser complains.
    Trouble(String),
    /// The end, as the capture has it.
    Closed {
        code: u16,
        reason: String,
        by_us: bool,
    },
    /// It never reached the other side.
    Dropped,
    /// Nobody wanted to know.
    Unread,
    /// It cannot be used.
    Bad(String),
}

/// A connection, as far as it is known before it is imported.
#[derive(Clone, Debug, Default)]
pub(super) struct Connection {
    pub(super) id: u64,
    pub(super) url: String,
    pub(super) status: u16,
    pub(super) headers: Vec<HttpHeader>,
    pub(super) started_ms: Option<f64>,
    /// The time of the first message, as it stands there.
    pub(super) first_time: Option<f64>,
    pub(super) messages: u64,
    pub(super) room_id: i64,
    sampled: u64,
    webcast: u64,
}

impl Connection {
    /// Whether it is one to TikTok LIVE: its frames tell, or if there are none its address.
    pub(super) fn is_webcast(&self) -> bool {
        if self.sampled > 0 { self.webcast * 2 >= self.sampled } else { is_webcast_address(&self.url) }
    }

    /// Learns from a message.
    pub(super) fn sample(&mut self, message: &Message) {
        self.messages += 1;
        self.first_time = self.first_time.or(message.time);
        let Said::Frame { opcode: 2, bytes, sent, .. } = &message.said else { return };
        if self.sampled >= SAMPLE_FRAMES_MAX {
            return;
        }
        self.sampled += 1;
        self.webcast += u64::from(is_push_frame(bytes));
        if self.room_id == 0 && !sent {
            let found = batch(bytes, &mut Vec::new()).and_then(|batch| room_of(&batch));
            self.room_id = found.unwrap_or_default();
        }
    }

    /// The room, if its address names one; else that of the messages.
    pub(super) fn room(&self) -> i64 {
        room_in(&self.url).unwrap_or(self.room_id)
    }
}

/// What is in a capture.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) producer: String,
    pub(super) version: String,
    pub(super) user: Option<String>,
    pub(super) connections: Vec<Connection>,
    /// HTTP exchanges worth a record, by their number in the capture.
    pub(super) exchanges: Vec<u64>,
    /// When the first of those was.
    pub(super) exchanges_from_ms: Option<f64>,
    /// Connections and exchanges that there was no room for.
    pub(super) too_many: u64,
    /// What is known of connections whose messages came first.
    unknown: Option<Connection>,
}

impl Survey {
    /// Looks at all of a capture. What could be read before it broke off is there; why it did comes beside.
    pub(super) fn of(capture: &dyn Capture) -> (Self, Option<Error>) {
        let mut survey = Self {
            producer: String::new(),
            version: String::new(),
            user: None,
            connections: Vec::new(),
            exchanges: Vec::new(),
            exchanges_from_ms: None,
            too_many: 0,
            unknown: None,
        };
        let error = capture.read(&mut survey).err();
        if let Some(unknown) = survey.unknown.take() {
            survey.keep(unknown);
        }
        (survey, error)
    }

    fn keep(&mut self, connection: Connection) {
        if self.connections.len() < CONNECTIONS_MAX {
            self.connections.push(connection);
        } else {
            self.too_many += 1;
        }
    }

    fn learn_user(&mut self, address: &str) {
        self.user = self.user.take().or_else(|| user_in(address).map(str::to_owned));
    }
}

impl Visit for Survey {
    fn wants(&mut self, _: u64) -> bool {
        true
    }

    fn wants_bodies(&self) -> bool {
        false
    }

    fn wants_data(&self, id: u64) -> bool {
        let known = self.connections.last().into_iter().chain(&self.unknown).find(|known| known.id == id);
        known.is_none_or(|known| known.sampled < SAMPLE_FRAMES_MAX)
    }

    fn message(&mut self, id: u64, message: Message) -> Result<(), Stop> {
        if let Some(known) = self.connections.last_mut().filter(|known| known.id == id) {
            known.sample(&message);
            return Ok(());
        }
        if let Some(other) = self.unknown.take_if(|unknown| unknown.id != id) {
            self.keep(other);
        }
        let unknown = self.unknown.get_or_insert_with(|| Connection { id, ..Connection::default() });
        unknown.sample(&message);
        Ok(())
    }

    fn entry(&mut self, id: u64, entry: Entry) -> Result<(), Stop> {
        self.learn_user(&entry.url);
        let referer = entry.headers.iter().find(|header| header.name.eq_ignore_ascii_case("referer"));
        if let Some(referer) = referer {
            self.learn_user(&referer.value);
        }
        let known = self.unknown.take_if(|unknown| unknown.id == id);
        if entry.is_socket || known.is_some() {
            let Entry { url, status, headers, started_ms, .. } = entry;
            let known = known.unwrap_or_default();
            self.keep(Connection { id, url, status, headers, started_ms, ..known });
        } else if entry.role().is_some() {
            if self.exchanges.len() < EXCHANGES_MAX {
                self.exchanges.push(id);
                self.exchanges_from_ms = self.exchanges_from_ms.or(entry.started_ms);
            } else {
                self.too_many += 1;
            }
        }
        Ok(())
    }

    fn about(&mut self, about: About) {
        match about {
            About::Producer(name, version) => (self.producer, self.version) = (name, version),
            About::Page(title) => self.learn_user(&title),
        }
    }
}
