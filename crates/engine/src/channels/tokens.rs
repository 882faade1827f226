//! Opens the channels of tokens' users, several at once: one that takes long delays only those who wait for
//! it.

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use livetape_core::error::{Code, close};
use livetape_feed::{
    control::{
        Beside, ChannelGuard, ChannelRegistry, ChannelRequests, Control, Driver, QUEUE_MAX, Refusal,
        shutting_down as no_answer,
    },
    hub::{CloseReason, Hub, Limits},
};
use livetape_io::clock;
use parking_lot::Mutex;
use tokio::{
    sync::watch,
    time::{sleep_until, timeout},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use super::{
    Channel, ChannelOptions, Ended, Role,
    connect::{Origin, Wanted},
};
use crate::{
    room::{Permit, Reserved, Room, Rooms, check_known},
    source::live::{self, SharedTransport},
};

/// Time that the channel of a token's user stays open after its last subscriber leaves, so that reloading a
/// page causes no new connection.
pub const LINGER: Duration = Duration::from_secs(30);

type Opened = Result<ChannelGuard, Refusal>;

/// Opens the channels of tokens' users. Clones share them.
#[derive(Clone)]
pub(super) struct TokenChannels {
    pub(super) registry: ChannelRegistry,
    beside: Beside,
    rooms: Rooms,
    transport: SharedTransport,
    live: live::LiveOptions,
    pub(super) backlog: Limits,
    /// Name of the main channel's stream.
    pub(super) stream: String,
    pub(super) shutdown: CancellationToken,
    pub(super) tasks: TaskTracker,
    /// Channels that are being opened, by user.
    openings: Arc<Mutex<BTreeMap<String, watch::Receiver<Option<Opened>>>>>,
}

impl TokenChannels {
    pub(super) fn new(
        requests: &ChannelRequests,
        rooms: Rooms,
        transport: SharedTransport,
        options: &ChannelOptions,
        stream: String,
        shutdown: CancellationToken,
    ) -> Self {
        let (registry, beside) = (requests.registry.clone(), requests.beside());
        let (live, backlog) = (options.live.clone(), options.backlog);
        let (tasks, openings) = (TaskTracker::new(), Arc::default());
        Self { registry, beside, rooms, transport, live, backlog, stream, shutdown, tasks, openings }
    }

    /// Returns a guard of the channel of `user`, which is opened if necessary.
    pub(super) async fn guard(&self, user: &str) -> Opened {
        let mut opening = {
            let mut openings = self.openings.lock();
            if let Some(guard) = self.registry.guard(user) {
                return Ok(guard);
            }
            openings.entry(user.to_lowercase()).or_insert_with(|| self.begin(user)).clone()
        };
        let opened = opening.wait_for(Option::is_some).await;
        match opened.as_deref() {
            Ok(Some(Ok(guard))) => Ok(guard.another()),
            Ok(Some(Err(refusal))) => Err(refusal.clone()),
            Ok(None) | Err(_) => Err(no_answer().into()),
        }
    }

    /// Starts to open a channel. All who want it get the same answer.
    fn begin(&self, user: &str) -> watch::Receiver<Option<Opened>> {
        let (answers, opening) = watch::channel(None);
        let (tokens, user) = (self.clone(), user.to_owned());
        self.tasks.spawn(async move {
            let opened = tokio::select! { biased;
                () = tokens.shutdown.cancelled() => Err(no_answer().into()),
                opened = tokens.open(&user) => opened,
            };
            tokens.openings.lock().remove(&user.to_lowercase());
            answers.send_replace(Some(opened));
        });
        opening
    }

    async fn open(&self, user: &str) -> Opened {
        if self.rooms.are_shared() {
            return self.open_shared(user).await;
        }
        let permit = match self.rooms.reserve(user) {
            Some(reserved) => self.permit(user, reserved).await?,
            // The main channel has the room.
            None => Permit::default(),
        };
        Ok(self.open_channel(user, Origin::TikTok(permit)))
    }

    async fn permit(&self, user: &str, reserved: Reserved) -> Result<Permit, Refusal> {
        check_known(user, &self.live)?;
        let slot = self.rooms.slots.take(false).await?;
        let claim = self.rooms.slots.claim(user, false).await?;
        // Rooms that open together wait for each other.
        let turn = self.live.limit.admit(QUEUE_MAX)?;
        Ok(Permit { reserved: Some(reserved), slot: Some(slot), claim: Some(claim), turn: Some(turn) })
    }

    /// Opens the channel of `user` as a guest of a room that the main channel opens now. Returns `None` if it
    /// is still open from before.
    pub(super) fn open_guest(&self, user: &str, room: &mut Room) -> Option<ChannelGuard> {
        if self.registry.guard(user).is_some() {
            return None;
        }
        Some(self.open_channel(user, Origin::Guest(Box::new(room.attach()))))
    }

    fn open_channel(&self, user: &str, origin: Origin) -> ChannelGuard {
        let hub = self.registry.open(&self.stream, self.backlog);
        let wanted = Wanted::of(user.to_owned(), origin, None);
        self.start(user, hub, self.beside.create(&self.shutdown), |channel| channel.show_room(wanted))
    }

    /// Keeps the channel of `user` open until the returned value is dropped, and opens it again when it has
    /// ended.
    pub(super) fn keep_open(&self, user: &str, interval: Duration) -> DropGuard {
        let (dropped, tokens, user) = (CancellationToken::new(), self.clone(), user.to_owned());
        let guard = dropped.clone().drop_guard();
        tokio::spawn(dropped.run_until_cancelled_owned(async move {
            loop {
                let _guard = tokens.guard(&user).await;
                // It may have ended, or the other processes have been unreachable.
                sleep_until(clock::now() + interval).await;
            }
        }));
        guard
    }

    /// Opens a channel that all processes share: one of them connects the room.
    async fn open_shared(&self, user: &str) -> Opened {
        let (control, driver) = self.beside.create(&self.shutdown);
        let hub = self.registry.open_relayed(&self.stream, self.backlog);
        let joined = self.rooms.slots.claims().join(user, &hub, &control).await?.ok_or_else(no_answer)?;
        let user_here = user.to_owned();
        Ok(self.start(user, hub, (control, driver), |channel| channel.serve_room(user_here, joined)))
    }

    /// Starts the channel of `user`, unless it is open already.
    fn start<F: Future<Output = Ended> + Send + 'static>(
        &self,
        user: &str,
        hub: Hub,
        (control, driver): (Control, Driver),
        serve: impl FnOnce(Channel) -> F,
    ) -> ChannelGuard {
        let (guard, entry) = self.registry.enter(user, &hub, driver.view());
        if entry.is_none() {
            control.shut_down();
            return guard;
        }
        // Vary the seed, so that rooms that fail together do not reconnect together.
        let seed = self.live.seed ^ u64::from(crc32fast::hash(user.as_bytes()));
        let live = live::LiveOptions { seed, ..self.live.clone() };
        let channel = Channel {
            hub: hub.clone(),
            driver,
            shutdown: control.shutdown().clone(),
            transport: self.transport.clone(),
            options: ChannelOptions { ends_with_source: true, ..ChannelOptions::new(live) },
            rooms: self.rooms.clone(),
            role: Role::Token { entry },
            generation: 0,
            ended: Ended::default(),
        };
        let open = TokenChannel { hub, control, registry: self.registry.clone() };
        self.tasks.spawn(open.run(serve(channel)));
        guard
    }
}

/// The channel of a token's user, as long as it is open.
struct TokenChannel {
    hub: Hub,
    control: Control,
    registry: ChannelRegistry,
}

impl TokenChannel {
    /// Runs until the room ends or nobody needs the channel.
    async fn run(self, serving: impl Future<Output = Ended>) {
        let mut serving = pin!(serving);
        tokio::select! { biased;
            _ = serving.as_mut() => {}
            () = self.deserted() => {
                self.control.shut_down();
                serving.await;
            }
        }
        // No effect if the source has already closed the hub, because only the first reason counts.
        self.hub.close(shutting_down());
        self.control.shut_down();
    }

    /// Waits until the channel has had no subscribers for a while, and the main channel does not show its
    /// user: it holds a guard then, which `strike_unused` sees. Then removes it from the registry.
    async fn deserted(&self) {
        loop {
            self.hub.wait_for_nobody().await;
            let came_back = timeout(LINGER, self.hub.wait_for_subscribers(1)).await.is_ok();
            if came_back || self.is_read_elsewhere() {
                continue;
            }
            if self.registry.strike_unused(&self.hub) {
                return;
            }
        }
    }

    /// Whether this process is the owner of a channel that others read.
    fn is_read_elsewhere(&self) -> bool {
        self.control.nodes().is_some_and(|nodes| nodes.is_owner() && nodes.is_read_elsewhere())
    }
}

pub(super) fn shutting_down() -> CloseReason {
    CloseReason { code: close::GOING_AWAY, reason: Code::ShuttingDown.name().into() }
}
