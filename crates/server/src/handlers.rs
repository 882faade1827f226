//! The paths whose sockets are handled by the program that embeds the server, and the lobby for it.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
};

use livetape_core::error::{Code, Problem};
use livetape_feed::{control::Control, hub::Hub};
use livetape_io::clock;
use parking_lot::RwLock;
use tokio::sync::mpsc;

use crate::{
    access::bearer::is_token,
    lobby::{self, Lobby, check_client_id},
    state::Feeds,
    ws::{
        connection::Limits,
        hooks::{Answer, Event, HandledPath, HandlerLimits, Hooked, Hooks, Reply},
        registry::Sockets,
    },
};

const PATHS_MAX: usize = 1_000;
const PATH_BYTES_MAX: usize = 1_024;

/// Handled paths, their sockets, and the lobby of the server. Clones share them.
#[derive(Clone, Debug)]
pub struct Handlers {
    pub(crate) sockets: Sockets,
    hooks: Arc<Hooks>,
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
    pub fn answer(&self, answer: Answer, reply: Reply) {
        // At once, so that what the program broadcasts next reaches the connection.
        self.hooks.answer(answer, reply, |id| self.sockets.with(|lobby| lobby.accept(id)));
    }

    /// Counts an event that was not handled in time.
    pub fn count_unanswered(&self) {
        self.hooks.unanswered.fetch_add(1, Ordering::Relaxed);
    }

    /// Number of events without an answer in time.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.hooks.unanswered.load(Ordering::Relaxed)
    }

    /// Calls `f` with the lobby, and queues the resulting messages before returning.
    pub fn with<T>(&self, f: impl FnOnce(&mut Lobby) -> T) -> T {
        self.sockets.with(f)
    }

    /// Like [`with`](Self::with), but the messages are written in the next [`flush`](Self::flush), those of many calls
    /// at once, or before if they are many.
    pub fn gather<T>(&self, f: impl FnOnce(&mut Lobby) -> T) -> T {
        self.sockets.gather(f)
    }

    /// Writes the messages of [`gather`](Self::gather).
    pub fn flush(&self) {
        self.sockets.flush();
    }

    /// Whether the sockets of this path are handled.
    pub(crate) fn handles(&self, path: &str) -> bool {
        self.paths.read().contains_key(path)
    }

    /// Returns the hooks of a new socket of this path; `None` if it is not handled.
    pub(crate) fn hooked(&self, path: &str) -> Option<Box<Hooked>> {
        let path = self.paths.read().get(path)?.clone();
        Some(Box::new(Hooked::new(Arc::clone(&self.hooks), path)))
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

/// Selects a subprotocol: the first that the client offers and that the program speaks. An empty list means
/// any but those that carry a token.
pub(crate) fn select_protocol<'a>(offered: &'a [String], spoken: &[String]) -> Option<&'a String> {
    let is_spoken = |name: &&String| match spoken {
        [] => !is_token(name) && check_protocol(name).is_ok(),
        spoken => spoken.contains(name),
    };
    offered.iter().find(is_spoken)
}

fn check_protocol(name: &str) -> Result<(), Problem> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !name.is_empty() && name.bytes().all(is_allowed) {
        return Ok(());
    }
    let problem = Problem::new(Code::BadRequest, format!("`{}` is not a subprotocol", name.escape_debug()));
    Err(problem.hint("use letters, digits and punctuation other than separators: chat.v1"))
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

    #[test]
    fn the_first_offered_subprotocol_that_the_program_speaks_is_selected() {
        let selected = |offered: &[&str], spoken: &[&str]| {
            let texts = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
            select_protocol(&texts(offered), &texts(spoken)).cloned()
        };
        assert_eq!(selected(&["chat", "other"], &[]).as_deref(), Some("chat"));
        assert_eq!(selected(&["bearer.secret", "", "a b", "livetape"], &[]).as_deref(), Some("livetape"));
        assert_eq!(selected(&["v1", "v2"], &["v2", "v3"]).as_deref(), Some("v2"));
        assert_eq!(selected(&["v1"], &["v2"]), None);
        assert_eq!(selected(&["bearer.secret"], &[]), None);
        assert_eq!(selected(&[], &["v2"]), None);
    }
}
