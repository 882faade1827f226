//! Tracks open connections and creates their state events.

use std::{sync::Arc, time::Duration};

use super::Decoder;
use crate::{
    error::{Code, without_wait},
    event::{ConnectionClosed, ConnectionCreated, Data, Failure, Id},
    recording::{Item, records},
    retry::SERVER_WAIT_MAX,
};

/// Maximum number of connections to remember. Beyond it, the first are forgotten.
const CONNECTIONS_MAX: usize = 65_536;

/// A connection, open or closed.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionState {
    pub(super) room_id: i64,
    pub(super) username: Arc<str>,
    pub(super) is_open: bool,
}

impl ConnectionState {
    pub(super) fn room_id(&self) -> i64 {
        self.room_id
    }

    /// Returns a key of the room: its id, or one made from the connection's number if the id is unknown.
    pub(super) fn room_key(&self, conn: u32) -> i64 {
        if self.room_id == 0 { -1 - i64::from(conn) } else { self.room_id }
    }
}

impl Decoder {
    pub(super) fn open(&mut self, conn: u32, open: &records::ConnOpen) {
        let username = open.unique_id.as_str().into();
        self.connections.insert(conn, ConnectionState { room_id: open.room_id, username, is_open: true });
        if self.connections.len() > CONNECTIONS_MAX {
            self.connections.pop_first();
        }
    }

    pub(super) fn announce(&mut self, conn: u32, offset: Duration) {
        let connection = self.connection(conn);
        let source = if self.options.replay { "replay" } else { "live" };
        let data = Data::ConnectionCreated(ConnectionCreated { room_id: Id(connection.room_id), source });
        let event = self.state_event(connection.username, offset, data);
        self.push(event);
    }

    pub(super) fn close(&mut self, item: &Item, close: &records::ConnClose) {
        self.connections.entry(item.conn).and_modify(|connection| connection.is_open = false);
        let data = Data::ConnectionClosed(ConnectionClosed {
            code: close.code,
            reason: close.reason.clone(),
            will_retry: close.will_retry,
        });
        let event = self.state_event(self.connection(item.conn).username, item.offset, data);
        self.push(event);
    }

    pub(super) fn status(&mut self, item: &Item, status: &records::Status) {
        let code = Code::from_name(&status.code);
        let data = Data::Failure(Failure {
            code: status.code.clone(),
            title: code.map_or_else(|| status.code.replace('_', " "), Code::title),
            message: status.detail.clone(),
            hint: code.map(|code| hint(code, status).to_owned()).unwrap_or_default(),
            attempt: status.attempt,
            retrying: status.retrying,
            retry_after_ms: status.retry_after_ms,
        });
        // A failure before the first connection still names the user.
        let connection = self.connections.get(&item.conn);
        let username = connection.map_or(&self.username, |connection| &connection.username);
        let event = self.state_event(Arc::clone(username), item.offset, data);
        self.push(event);
    }

    pub(super) fn connection(&self, conn: u32) -> ConnectionState {
        self.connections.get(&conn).cloned().unwrap_or_default()
    }
}

/// Returns the hint for a failure: without the usual wait if another one is under way, or too long to wait
/// for here.
fn hint(code: Code, status: &records::Status) -> &'static str {
    let wait = Duration::from_millis(status.retry_after_ms.unwrap_or_default());
    let has_wait = status.retrying || wait > SERVER_WAIT_MAX;
    if has_wait { without_wait(code.hint()) } else { code.hint() }
}
