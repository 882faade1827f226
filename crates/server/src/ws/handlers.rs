//! Paths whose sockets are handled by the program that embeds the server.

use std::{collections::BTreeMap, sync::Arc};

use livetape_core::error::{Code, Problem};
use livetape_feed::{control::Control, hub::Hub};
use livetape_io::clock;
use parking_lot::RwLock;
use tokio::sync::mpsc;

use super::{
    feeds::Feeds,
    handshake::check_protocol,
    hooks::{Event, HandlerLimits, Hooking, Hooks, Reply, Unanswered, Wanted},
    limits::Limits,
    registry::Sockets,
};
use crate::lobby::{self, Lobby, check_client_id};

const PATHS_MAX: usize = 1_000;
const PATH_BYTES_MAX: usize = 1_024;

/// Options of a handled path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandledPath {
    /// Client id of a client that chooses none, unless another connection has it.
    pub client_id: Option<String>,
    pub wanted: Wanted,
    /// Subprotocols to select: the first that the client offers and that is listed, or the first it offers if
    /// this is empty.
    pub protocols: Vec<String>,
}

/// Handled paths, their sockets, and the lobby of the server. Clones share them.
#[derive(Clone, Debug)]
pub struct Handlers {
    sockets: Sockets,
    hooks: Hooks,
    paths: Arc<RwLock<BTreeMap<String, HandledPath>>>,
    client_id_chars_max: usize,
}

impl Handlers {
    /// Creates the handlers of a server with this hub, control handle and limits, and the queue of their
    /// events.
    #[must_use]
    pub fn new(
        hub: &Hub,
        control: &Control,
        sockets: Limits,
        lobby: lobby::Limits,
        limits: HandlerLimits,
    ) -> (Self, mpsc::Receiver<Event>) {
        let feeds = Feeds::new(hub.clone(), control.clone());
        let sockets = Sockets::new(feeds, sockets, lobby, clock::now());
        let (hooks, events) = Hooks::new(limits);
        let client_id_chars_max = lobby.client_id_chars_max;
        (Self { sockets, hooks, paths: Arc::default(), client_id_chars_max }, events)
    }

    /// Handles the sockets of a path from now on, also if the server has a feed or messages there.
    ///
    /// # Errors
    /// `bad_request` if the path is invalid or already handled, or the client id is invalid.
    pub fn add(&self, path: &str, options: HandledPath) -> Result<(), Problem> {
        check_path(path)?;
        if let Some(client_id) = &options.client_id {
            check_client_id(client_id, self.client_id_chars_max)?;
        }
        options.protocols.iter().try_for_each(|name| check_protocol(name))?;
        let mut paths = self.paths.write();
        if paths.contains_key(path) {
            let problem = Problem::new(Code::BadRequest, format!("`{path}` already has handlers"));
            return Err(problem.hint("pass all handlers of a path in one call"));
        }
        if paths.len() >= PATHS_MAX {
            let problem = Problem::new(Code::Capacity, format!("{PATHS_MAX} paths already have handlers"));
            return Err(problem.hint("use the same path for several kinds of clients"));
        }
        paths.insert(path.to_owned(), options);
        Ok(())
    }

    /// Answers that come too late are ignored.
    pub fn answer(&self, ticket: u64, verdict: Reply) {
        let Some(Unanswered { answer, connecting }) = self.hooks.take(ticket) else { return };
        let verdict = self.hooks.settle(verdict);
        let is_refused = matches!(verdict, Reply::Cancel | Reply::Failed);
        // At once, so that what the program broadcasts next reaches the connection.
        if let Some(id) = connecting.filter(|_| !is_refused) {
            self.sockets.with(|lobby| lobby.accept(id));
        }
        // The socket may have closed in the meantime.
        let _ = answer.send(verdict);
    }

    /// Number of events without an answer in time.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.hooks.unanswered()
    }

    /// Calls `f` with the lobby, and queues the resulting messages before returning.
    pub fn with<T>(&self, f: impl FnOnce(&mut Lobby) -> T) -> T {
        self.sockets.with(f)
    }

    pub(crate) fn sockets(&self) -> &Sockets {
        &self.sockets
    }

    /// Returns how sockets of this path are hooked; `None` if it is not handled.
    pub(crate) fn path(&self, path: &str) -> Option<Hooking> {
        let paths = self.paths.read();
        let HandledPath { client_id, wanted, protocols } = paths.get(path)?.clone();
        Some(Hooking { hooks: self.hooks.clone(), wanted, client_id, protocols, handshake: Box::default() })
    }
}

fn check_path(path: &str) -> Result<(), Problem> {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !b"?#\"<>\\^`{|}*".contains(&byte);
    let is_valid = path.starts_with('/')
        && path.len() <= PATH_BYTES_MAX
        && path.bytes().all(is_allowed)
        && !path.split('/').any(|segment| matches!(segment, "." | "..") || segment.starts_with(':'));
    if is_valid {
        return Ok(());
    }
    let problem = Problem::new(Code::BadRequest, format!("`{}` is not a path", path.escape_debug()));
    Err(problem.hint("start with `/`, and leave out `..`, queries and patterns: /chat"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_checked() {
        for path in ["/", "/ws", "/chat/ws", "/a.b/c-d_e~f", "/%20"] {
            assert_eq!(check_path(path), Ok(()), "{path}");
        }
        let long = format!("/{}", "a".repeat(PATH_BYTES_MAX));
        for path in [
            "", "chat", "/..", "/a/../b", "/./a", "/a?b=1", "/a#b", "/a b", "/é", "/{id}", "/*", "/a/:id",
            &long,
        ] {
            assert_eq!(check_path(path).unwrap_err().code, Code::BadRequest, "{path}");
        }
    }
}
