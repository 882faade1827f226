//! Paths whose sockets are handled by the program that embeds the server, and the messages of these sockets.

use std::{collections::BTreeMap, sync::Arc};

use livetape_core::error::{Code, Problem};
use livetape_feed::{control::Control, hub::Hub};
use livetape_io::clock;
use parking_lot::RwLock;
use serde_json::{json, value::RawValue};
use tokio::sync::mpsc;
use tungstenite::Message;

use super::{
    End, Limits,
    hooks::{
        Event, HandlerLimits, Hooked, Hooking, Hooks, Last, Reply, Unanswered, Wanted, What, check_protocol,
    },
    registry::{Feeds, SocketHandle, Sockets},
};
use crate::lobby::{self, ConnectionView, Intent, Lobby, Metadata, check_client_id};

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

/// Reports that the socket has connected.
///
/// # Errors
/// How the socket ends, if the program refuses it or does not take events.
pub(super) async fn connect(handle: &SocketHandle) -> Result<(), End> {
    let Some(hooked) = handle.hooked() else { return Ok(()) };
    let view = handle.with(|lobby| lobby.connection_view(&hooked.id().to_string()));
    let Ok(ConnectionView { path, client_id, .. }) = view else { return Ok(()) };
    let path = path.into_owned();
    let handshake = hooked.take_handshake();
    let what = What::Connect { path, client_id, handshake };
    if !hooked.wanted.connect {
        return hooked.tell(what).await;
    }
    match hooked.ask(what).await? {
        Reply::Cancel => Err(End::of(Code::Refused)),
        Reply::Failed => Err(End::of(Code::HandlerFailed)),
        Reply::Continue | Reply::Replace(_) => {
            // An answer has accepted it already. If the lack of one lets it in, this does.
            handle.with(|lobby| lobby.accept(hooked.id()));
            Ok(())
        }
    }
}

/// Returns the room that a socket joined last and its metadata, before the lobby forgets it.
pub(super) fn last(handle: &SocketHandle, hooked: &Hooked) -> Last {
    handle.with(|lobby| Last {
        room_id: lobby.latest_room(hooked.id()).map(str::to_owned),
        metadata: lobby
            .connection_view(&hooked.id().to_string())
            .map_or_else(|_| Metadata::new(), |it| it.metadata),
    })
}

/// # Errors
/// How the socket ends, if the program does not take events.
pub(super) async fn receive(handle: &SocketHandle, message: Message) -> Result<(), End> {
    let Some(hooked) = handle.hooked() else { return Ok(()) };
    let wanted = hooked.wanted;
    match message {
        Message::Text(text) => receive_text(handle, hooked, &text).await?,
        Message::Binary(bytes) => {
            handle.with(Lobby::count_received);
            if wanted.binary {
                hooked.ask(What::Binary(bytes)).await?;
            }
        }
        Message::Ping(_) => {
            handle.heard();
            if wanted.ping {
                hooked.tell(What::Ping).await?;
            }
        }
        Message::Pong(_) => {
            handle.heard();
            if wanted.pong {
                hooked.tell(What::Pong).await?;
            }
        }
        Message::Frame(_) | Message::Close(_) => handle.heard(),
    }
    Ok(())
}

async fn receive_text(handle: &SocketHandle, hooked: &Hooked, text: &str) -> Result<(), End> {
    let wanted = hooked.wanted;
    match Intent::read(text, handle.json_depth_max()) {
        Intent::Message => {
            handle.with(Lobby::count_received);
            if wanted.message {
                hooked.ask(What::Message(text.to_owned())).await?;
            }
        }
        // The program sees only requests that can succeed. The lobby rejects the others.
        Intent::Say { room_id, message }
            if wanted.message && handle.with(|lobby| lobby.may_say(hooked.id(), &room_id)) =>
        {
            match hooked.ask(What::Say { room_id: room_id.clone(), message }).await? {
                Reply::Continue => handle.text(text),
                Reply::Cancel => handle.with(Lobby::count_received),
                Reply::Failed => handle.with(|lobby| lobby.fail_message(hooked.id(), &room_id)),
                Reply::Replace(json) => handle.text(&room_message(&room_id, json)),
            }
        }
        Intent::Join(room_id) if wanted.join && handle.with(|lobby| lobby.may_join(&room_id)) => {
            match hooked.ask(What::Join(room_id.clone())).await? {
                Reply::Cancel => handle.with(|lobby| lobby.refuse_join(hooked.id(), &room_id)),
                Reply::Failed => handle.with(|lobby| lobby.fail_join(hooked.id(), &room_id)),
                Reply::Continue | Reply::Replace(_) => handle.text(text),
            }
        }
        Intent::Leave(room_id) if wanted.leave && handle.with(|lobby| lobby.is_in(hooked.id(), &room_id)) => {
            hooked.ask(What::Leave(room_id)).await?;
            handle.text(text);
        }
        Intent::Ping => {
            handle.text(text);
            if wanted.ping {
                hooked.tell(What::Ping).await?;
            }
        }
        Intent::Say { .. } | Intent::Join(_) | Intent::Leave(_) | Intent::Command => handle.text(text),
    }
    Ok(())
}

/// Builds a `room_message` with this message, which counts as text if it is not JSON.
fn room_message(room_id: &str, message: String) -> String {
    let is_json = serde_json::from_str::<&RawValue>(&message).is_ok();
    let message = if is_json { message } else { json!(message).to_string() };
    format!(r#"{{"type":"room_message","room_id":{},"message":{message}}}"#, json!(room_id))
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
