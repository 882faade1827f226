//! The sockets of several servers, the nodes of a cluster, as one: messages that others pass on, and commands and queries that
//! every server executes, each for its own sockets.

use axum::body::Bytes;
use livetape_core::{
    error::{Code, Problem, close},
    ws_frame::check_close,
};
use livetape_feed::control::{Incoming, PeerMessages, Peers};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use uuid::Uuid;

use crate::{
    lobby::{Audience, ConnectionView, Heard, LeftView, Lobby, LobbyStats, Metadata, NewRoom, RoomView},
    ws::registry::{LEFT_MAX, Sockets},
};

/// What the REST API asks of all sockets.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Command {
    Connections {
        room: Option<String>,
    },
    Connection(String),
    PutMetadata(String, Metadata),
    Dismiss(String, u16, String),
    DismissAll(u16, String),
    Tell(String, Box<RawValue>),
    Join(String, String),
    Leave(String, String),
    Stats,
    Rooms,
    Room(String),
    CreateRoom(NewRoom, Uuid),
    DeleteRoom(String),
    SendToRoom(String, Box<RawValue>),
    Broadcast(Audience, Box<RawValue>),
    /// The rooms that were created over REST.
    KeptRooms,
    Adopt(Box<RoomView>),
}

/// What a command returns.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Connections(Vec<ConnectionView>, Vec<LeftView>),
    Connection(Box<ConnectionView>),
    Recipients(usize),
    Stats(LobbyStats),
    Rooms(Vec<RoomView>),
    Room(Box<RoomView>),
    Done,
}

/// How a command spans servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Whatever servers can be asked answer.
    Query,
    /// It is about one connection, wherever it is.
    One,
    /// All servers execute it, or none: a server that cannot reach the others refuses it.
    All,
}

impl Command {
    fn reach(&self) -> Reach {
        match self {
            Self::Connections { .. } | Self::Stats | Self::Rooms | Self::Room(_) | Self::KeptRooms => {
                Reach::Query
            }
            Self::Connection(_)
            | Self::PutMetadata(..)
            | Self::Dismiss(..)
            | Self::Tell(..)
            | Self::Join(..)
            | Self::Leave(..) => Reach::One,
            Self::DismissAll(..)
            | Self::CreateRoom(..)
            | Self::DeleteRoom(_)
            | Self::SendToRoom(..)
            | Self::Broadcast(..)
            | Self::Adopt(_) => Reach::All,
        }
    }

    fn to_bytes(&self) -> Bytes {
        serde_json::to_vec(self).unwrap_or_default().into()
    }
}

impl Outcome {
    /// Adds what another server returned.
    fn merge(self, other: Self) -> Self {
        match (self, other) {
            (Self::Connections(mut open, mut left), Self::Connections(more, more_left)) => {
                open.extend(more);
                open.sort_by_key(|view| view.created_at);
                left.extend(more_left);
                left.sort_by_key(|it| it.left_at);
                left.drain(..left.len().saturating_sub(LEFT_MAX));
                Self::Connections(open, left)
            }
            (Self::Recipients(here), Self::Recipients(there)) => Self::Recipients(here.saturating_add(there)),
            (Self::Stats(mut stats), Self::Stats(other)) => {
                stats.add(other);
                Self::Stats(stats)
            }
            (Self::Rooms(mut rooms), Self::Rooms(others)) => {
                for other in others {
                    match rooms.iter_mut().find(|room| room.id == other.id) {
                        Some(room) => room.add(&other),
                        None => rooms.push(other),
                    }
                }
                rooms.sort_by(|a, b| (!a.read_only, &a.id).cmp(&(!b.read_only, &b.id)));
                Self::Rooms(rooms)
            }
            (Self::Room(mut room), Self::Room(other)) => {
                room.add(&other);
                Self::Room(room)
            }
            // Another version may answer something else.
            (outcome, _) => outcome,
        }
    }
}

/// Merges what this server and others returned. A room or connection need not be at all of them.
fn merged(here: Result<Outcome, Problem>, others: Vec<Result<Outcome, Problem>>) -> Result<Outcome, Problem> {
    others.into_iter().fold(here, |sum, other| match (sum, other) {
        (Ok(sum), Ok(other)) => Ok(sum.merge(other)),
        (Err(_), Ok(other)) => Ok(other),
        // The connection is there, or the room is: that problem says more.
        (Err(sum), Err(other)) if is_missing(&sum) && !is_missing(&other) => Err(other),
        (sum, Err(_)) => sum,
    })
}

fn is_close(code: u16, reason: &str) -> bool {
    code == close::ABNORMAL || check_close(code, reason).is_ok()
}

fn is_missing(problem: &Problem) -> bool {
    matches!(problem.code, Code::NotFound | Code::UnknownRoom)
}

fn one(
    sockets: &Sockets,
    f: impl FnOnce(&mut Lobby) -> Result<ConnectionView, Problem>,
) -> Result<Outcome, Problem> {
    sockets.views(|lobby| f(lobby).map(|view| [view])).map(|[view]| Outcome::Connection(view.into()))
}

fn one_room(
    sockets: &Sockets,
    f: impl FnOnce(&mut Lobby) -> Result<RoomView, Problem>,
) -> Result<Outcome, Problem> {
    sockets.with(f).map(|room| Outcome::Room(room.into()))
}

impl Command {
    /// Executes a command for the sockets of this server.
    pub(crate) fn execute(self, sockets: &Sockets) -> Result<Outcome, Problem> {
        match self {
            Self::Connections { room } => {
                let views = sockets.views(|lobby| lobby.connection_views(room.as_deref()))?;
                Ok(Outcome::Connections(views, sockets.left()))
            }
            Self::Connection(id) => one(sockets, |lobby| lobby.connection_view(&id)),
            Self::PutMetadata(id, metadata) => one(sockets, |lobby| lobby.put_metadata(&id, metadata)),
            // From another server, which may be no server.
            Self::Dismiss(_, code, ref reason) | Self::DismissAll(code, ref reason)
                if !is_close(code, reason) =>
            {
                let message = format!("{code} is not a close code that a server may send");
                Err(Problem::new(Code::BadRequest, message))
            }
            Self::Dismiss(id, code, reason) => one(sockets, |lobby| lobby.dismiss(&id, code, reason)),
            Self::DismissAll(code, reason) => {
                let views = sockets.views(|lobby| Ok(lobby.dismiss_all(code, &reason)))?;
                Ok(Outcome::Connections(views, vec![]))
            }
            Self::Tell(id, message) => {
                sockets.with(|lobby| lobby.tell(&id, &message))?;
                Ok(Outcome::Recipients(1))
            }
            Self::Join(id, room) => one(sockets, |lobby| lobby.join_room(&id, &room)),
            Self::Leave(id, room) => one(sockets, |lobby| lobby.leave_room(&id, &room)),
            Self::Stats => Ok(Outcome::Stats(sockets.with(|lobby| lobby.stats()))),
            Self::Rooms => Ok(Outcome::Rooms(sockets.with(|lobby| lobby.room_views()))),
            Self::Room(id) => one_room(sockets, |lobby| lobby.room_view(&id)),
            Self::CreateRoom(new, id) => one_room(sockets, |lobby| lobby.create_room(new, id)),
            Self::DeleteRoom(id) => one_room(sockets, |lobby| lobby.delete_room(&id)),
            Self::SendToRoom(id, message) => {
                sockets.with(|lobby| lobby.send_to_room(&id, &message)).map(Outcome::Recipients)
            }
            Self::Broadcast(audience, message) => {
                sockets.with(|lobby| lobby.broadcast(&audience, &message)).map(Outcome::Recipients)
            }
            Self::KeptRooms => Ok(Outcome::Rooms(sockets.with(|lobby| lobby.kept_rooms()))),
            Self::Adopt(room) => {
                sockets.with(|lobby| lobby.adopt(*room));
                Ok(Outcome::Done)
            }
        }
    }

    /// Executes a command for the sockets of all servers.
    pub(crate) async fn everywhere(self, sockets: &Sockets) -> Result<Outcome, Problem> {
        let Some(peers) = sockets.peers() else { return self.execute(sockets) };
        match self.reach() {
            Reach::Query => {
                let here = self.clone().execute(sockets);
                let others = ask(peers, &self, 0).await.unwrap_or_default();
                merged(here, others)
            }
            Reach::One => match self.clone().execute(sockets) {
                Err(problem) if problem.code == Code::NotFound => {
                    merged(Err(problem), ask(peers, &self, 0).await?)
                }
                here => here,
            },
            Reach::All => match self {
                Self::CreateRoom(mut new, id) => {
                    let name = new.id.get_or_insert_with(|| format!("room_{}", id.simple())).clone();
                    if ask(peers, &Self::Room(name.clone()), 0).await?.iter().any(Result::is_ok) {
                        return Err(Problem::new(Code::RoomExists, format!("room `{name}` already exists")));
                    }
                    let created = Self::CreateRoom(new, id).execute(sockets)?;
                    if let Outcome::Room(room) = &created {
                        // A server that is not asked in time learns of it from nobody, but creates it when it is joined.
                        drop(ask(peers, &Self::Adopt(room.clone()), 0).await);
                    }
                    Ok(created)
                }
                command => {
                    let others = ask(peers, &command, 0).await?;
                    merged(command.execute(sockets), others)
                }
            },
        }
    }
}

/// Shares rooms and messages with the servers of other processes, until `shutdown`.
pub(crate) fn span(sockets: &Sockets, peers: &Peers, shutdown: CancellationToken) {
    let Some(messages) = peers.messages() else { return };
    sockets.set_peers(peers.clone());
    let interval = sockets.shared.limits.heartbeat_interval();
    sockets.with(|lobby| lobby.span(interval));
    tokio::spawn(serve(sockets.clone(), peers.clone(), messages, shutdown));
}

/// Takes the messages of other servers.
async fn serve(sockets: Sockets, peers: Peers, mut messages: PeerMessages, shutdown: CancellationToken) {
    let mut has_rooms = false;
    loop {
        let message = tokio::select! { biased;
            message = messages.next() => message,
            () = shutdown.cancelled() => return,
        };
        let Some(Incoming { from, bytes, answer }) = message else { return };
        let Some(answer) = answer else {
            match sockets.with(|lobby| lobby.relayed(&from, &bytes)) {
                Heard::Known => {}
                Heard::Stranger => {
                    debug!(node = &*from, "🔗 Another server shares its clients");
                    sockets.with(Lobby::tell_numbers);
                    if !std::mem::replace(&mut has_rooms, true) {
                        tokio::spawn(adopt(sockets.clone(), peers.clone()));
                    }
                }
                Heard::Malformed => {
                    let code = Code::ClusterMessage.name();
                    warn!(code, bytes = bytes.len(), "❌ Skipped a message that is not from a server");
                }
            }
            continue;
        };
        let outcome = match serde_json::from_slice(&bytes) {
            Ok(command) => Command::execute(command, &sockets),
            Err(_) => Err(Problem::new(Code::ClusterVersion, "another node asked something unknown")),
        };
        // The other server may not wait any more.
        drop(answer.send(serde_json::to_vec(&outcome).unwrap_or_default().into()));
    }
}

/// Learns which rooms were created over REST before this server joined the others.
async fn adopt(sockets: Sockets, peers: Peers) {
    for outcome in ask(&peers, &Command::KeptRooms, 1).await.unwrap_or_default() {
        if let Ok(Outcome::Rooms(rooms)) = outcome {
            rooms.into_iter().for_each(|room| sockets.with(|lobby| lobby.adopt(room)));
        }
    }
}

async fn ask(
    peers: &Peers,
    command: &Command,
    at_least: usize,
) -> Result<Vec<Result<Outcome, Problem>>, Problem> {
    let answers = peers.ask(command.to_bytes(), at_least).await?;
    // Another version may answer something unknown.
    Ok(answers.iter().filter_map(|answer| serde_json::from_slice(answer).ok()).collect())
}
