//! A channel is a hub and what it is attached to: a room (`room`), a recording, or nothing. The main channel
//! obeys orders; that of a token's user shows the room of that user, and a private replay its recording,
//! until its only client leaves.
//!
//! ```text
//!             connect USER, or a mock's room                load NAME
//!       ┌───────────────────────────────── Idle ─────────────────────────────┐
//!       ▼                                  ▲ ▲ ▲                             ▼
//!  ┌─► Room ── DELETE USER, or it ends ────┘ │ └── DELETE USER or NAME ──── Tape ◄─┐
//!  │    │ ▲                                  │                                │    │
//!  └────┘ └── enough subscribers ── Held ────┘ DELETE USER                    └────┘ load NAME
//!  connect OTHER, once looked up
//! ```
//!
//! Any of these ends in `Over` with the server, and without `--stay` also when its room or recording ends.
//! The channel of a token's user has one state:
//!
//! ```text
//!              a client comes, or the main channel opens the room
//!  (closed) ──────────────────────────────────────────────────────► Room
//!      ▲                                                             │
//!      └── the room ends, or nobody needs the channel for 30 s ──────┘
//! ```
//!
//! Its clients need it, and so does the main channel while it shows the same user. Which of the two opened
//! the room decides only whose orders end it: see `room`. A state processes its own orders, and returns the
//! next state: `idle.rs` is `Idle` and `Held`, `connect.rs` and `show.rs` are `Room`, and `play.rs` is
//! `Tape`.

mod backlog;
mod candidate;
mod connect;
mod idle;
mod options;
mod play;
mod recording;
mod requests;
mod show;
mod status;
mod terms;
mod test;
mod tokens;

use connect::{Origin, Wanted};
use livetape_core::error::{Problem, close};
use livetape_feed::{
    control::{Answer, Control, Driver, RegistryEntry, Status},
    hub::{CloseReason, Hub},
};
pub use options::{ChannelOptions, Ended, Record};
use play::Played;
use requests::RequestTask;
pub use tokens::LINGER;
use tokens::TokenChannels;
use tokio_util::sync::CancellationToken;

use crate::{
    room::{Permit, Rooms},
    source::{
        Replay, Tape,
        live::{Live, Outcome, SharedTransport},
    },
};

/// Why a room is left before it ends.
enum Leaving {
    ShutDown,
    /// The recorder failed or reached its limit.
    RecorderEnded,
    Deleted(Answer<Status>),
    /// By this user, with what was obtained for the next room.
    Replaced(String, Answer<Status>, Permit),
    /// Another process may connect to this user.
    ClaimLost(String),
}

impl Leaving {
    /// Returns how the room ends for its channels, if that is told to them.
    fn ended(&self) -> Option<Outcome> {
        match self {
            Self::Deleted(_) => Some(Outcome::Ended("deleted")),
            Self::Replaced(..) => Some(Outcome::Ended("replaced")),
            Self::ShutDown | Self::RecorderEnded | Self::ClaimLost(_) => None,
        }
    }

    fn replacement(&self) -> Option<String> {
        match self {
            Self::Replaced(user, ..) => Some(user.clone()),
            _ => None,
        }
    }
}

/// State of a channel: what it is attached to.
enum State {
    Idle,
    /// Nothing, until it has enough subscribers. Then it connects to this user.
    Held(String),
    /// A room, or the attempt to find or open it.
    Room(Box<Wanted>),
    Tape(Played),
    Over,
}

enum Role {
    /// The main channel, which opens those of tokens, too.
    Main {
        tokens: Box<TokenChannels>,
        /// Opens them and private replays, until it is started in a task of its own.
        requests: Option<Box<RequestTask>>,
    },
    /// The channel of a token's user, with its entry in the registry until it is closed.
    Token { entry: Option<RegistryEntry> },
}

impl Role {
    fn is_token(&self) -> bool {
        matches!(self, Self::Token { .. })
    }

    fn tokens(&self) -> Option<&TokenChannels> {
        if let Self::Main { tokens, .. } = self { Some(tokens) } else { None }
    }

    /// Lets clients open the channel of the user again.
    fn unlist(&mut self) {
        if let Self::Token { entry } = self {
            *entry = None;
        }
    }
}

/// A channel: a hub, and what it is attached to.
pub struct Channel {
    hub: Hub,
    driver: Driver,
    shutdown: CancellationToken,
    transport: SharedTransport,
    options: ChannelOptions,
    rooms: Rooms,
    role: Role,
    /// Number of generations so far, which keeps ids of later ones distinct.
    generation: u32,
    ended: Ended,
}

impl Channel {
    pub fn new(
        hub: Hub,
        control: &Control,
        mut driver: Driver,
        transport: impl Into<SharedTransport>,
        mut options: ChannelOptions,
    ) -> Self {
        let (transport, limit) = (transport.into(), driver.limit().clone());
        limit.set_budget(options.live.lookup_budget());
        options.live.limit = limit;
        driver.set_tester(test::tester(transport.clone(), options.live.clone()));
        let shutdown = control.shutdown().clone();
        let requests = driver.take_channel_requests();
        let max_live = requests.as_ref().map_or(1, |requests| requests.max_live);
        let rooms = Rooms::new(max_live, driver.claims().clone());
        let role = match requests {
            None => Role::Token { entry: None },
            Some(requests) => {
                let (transport, stream) = (transport.clone(), hub.name_here().to_string());
                let tokens = TokenChannels::new(
                    &requests,
                    rooms.clone(),
                    transport,
                    &options,
                    stream,
                    shutdown.clone(),
                );
                let requests = Some(Box::new(RequestTask::new(requests, tokens.clone())));
                Role::Main { tokens: Box::new(tokens), requests }
            }
        };
        let ended = Ended::default();
        Self { hub, driver, shutdown, transport, options, rooms, role, generation: 0, ended }
    }

    /// Starts idle, and serves until shutdown.
    pub async fn serve(mut self) -> Ended {
        self.run(State::Idle).await
    }

    /// Connects to `user` once enough subscribers have joined, and serves.
    pub async fn live(mut self, user: String) -> Ended {
        let is_held = self.options.wait_clients > 0;
        self.run(if is_held { State::Held(user) } else { Wanted::user(user, None).into() }).await
    }

    /// Shows a source that is already connected to `user`.
    pub async fn show_connected(self, user: &str, live: Live) -> Ended {
        let origin = Origin::Connected(Box::new(live));
        self.show_room(Wanted::of(user.to_owned(), origin, None)).await
    }

    async fn show_room(mut self, wanted: Wanted) -> Ended {
        self.run(wanted.into()).await
    }

    /// Plays a recording, and keeps serving if its user is disconnected. Clients find the replay as soon as
    /// this returns, and their orders wait for the future to run.
    ///
    /// # Errors
    /// If the recording cannot be read.
    pub fn replay(mut self, tape: Tape) -> impl Future<Output = Result<Ended, Problem>> {
        Replay::announce(&tape, &self.options.play, &self.driver);
        async move {
            match self.play(Played::tape(tape, None)).await {
                Ok(next) => Ok(self.run(next).await),
                Err((problem, _)) => {
                    self.driver.set_replay(None);
                    self.driver.forget_user();
                    Err(problem)
                }
            }
        }
    }

    async fn run(&mut self, mut state: State) -> Ended {
        loop {
            state = match state {
                State::Idle => {
                    self.start_channels();
                    self.intend(None);
                    self.idle().await
                }
                State::Held(user) => self.hold(user).await,
                State::Room(wanted) => self.connect(*wanted).await,
                State::Tape(played) => match self.play(played).await {
                    Ok(next) => next,
                    Err((problem, answer)) => {
                        answer.into_iter().for_each(|answer| answer.refuse(problem.clone()));
                        State::Idle
                    }
                },
                State::Over => return std::mem::take(&mut self.ended),
            };
        }
    }

    /// Starts serving tokens, now that the main channel has claimed its slot.
    fn start_channels(&mut self) {
        if let Role::Main { requests, .. } = &mut self.role
            && let Some(requests) = requests.take()
        {
            tokio::spawn(requests.run());
        }
    }
}

/// Builds the close reason of sockets: the code of the failure, or a normal close.
fn why(problem: Option<&Problem>, reason: &'static str) -> CloseReason {
    match problem {
        Some(problem) => CloseReason { code: problem.code.close_code(), reason: problem.code.name().into() },
        None => CloseReason { code: close::NORMAL, reason: reason.into() },
    }
}
