//! Which channels there are beside the main one, and who uses them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio_util::sync::DropGuard;

use super::{Status, View, tokens::key};
use crate::hub::{CloseReason, Hub, Limits};

/// A channel beside the main one.
#[derive(Clone, Debug)]
pub struct Channel {
    /// The user whose room it is; `None` for a private replay.
    pub user: Option<String>,
    /// Its events.
    pub hub: Hub,
    view: View,
}

impl Channel {
    /// What its source is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        self.view.status()
    }
}

/// The right to read a channel, for as long as it is held.
#[derive(Debug)]
pub struct Lease {
    /// What is to be read.
    pub hub: Hub,
    _used: Option<Arc<()>>,
    _ends: Option<DropGuard>,
}

impl Lease {
    /// For a channel that ends with whoever reads it.
    #[must_use]
    pub fn alone(hub: Hub, ends: DropGuard) -> Self {
        Self { hub, _used: None, _ends: Some(ends) }
    }
}

/// The list of channels. Clones share it; the lock is held for a moment, never across an await.
#[derive(Clone, Debug)]
pub struct ChannelRegistry {
    listed: Arc<Mutex<Listed>>,
    /// The users that tokens have.
    users: Arc<BTreeSet<String>>,
}

#[derive(Debug, Default)]
struct Listed {
    rooms: BTreeMap<String, LeasedRoom>,
    replays: BTreeMap<u64, Channel>,
    /// Channels ever opened.
    opened: u64,
}

#[derive(Debug)]
struct LeasedRoom {
    channel: Channel,
    /// As many clones as there are leases, and this one.
    used: Arc<()>,
}

impl LeasedRoom {
    fn lease(&self) -> Lease {
        Lease { hub: self.channel.hub.clone(), _used: Some(Arc::clone(&self.used)), _ends: None }
    }
}

impl ChannelRegistry {
    pub(super) fn new(users: impl Iterator<Item = String>) -> Self {
        Self { listed: Arc::default(), users: Arc::new(users.collect()) }
    }

    /// A channel that no other has been: named after the main one, which is `stream`.
    #[must_use]
    pub fn open(&self, stream: &str, limits: Limits) -> Hub {
        let mut listed = self.lock();
        listed.opened += 1;
        Hub::new(format!("{stream}-{}", listed.opened), limits)
    }

    /// The room of this user, if it is listed.
    #[must_use]
    pub fn lease(&self, user: &str) -> Option<Lease> {
        self.lock().rooms.get(&key(user)).map(LeasedRoom::lease)
    }

    /// Lists the room of a user, and leases it. If another was faster it is leased, and nothing listed.
    #[must_use]
    pub fn enter(&self, user: &str, hub: &Hub, view: View) -> (Lease, Option<RegistryEntry>) {
        let mut listed = self.lock();
        if let Some(room) = listed.rooms.get(&key(user)) {
            return (room.lease(), None);
        }
        let channel = Channel { user: Some(user.to_owned()), hub: hub.clone(), view };
        let room = LeasedRoom { channel, used: Arc::default() };
        let lease = room.lease();
        listed.rooms.insert(key(user), room);
        (lease, Some(RegistryEntry { registry: self.clone(), user: key(user), hub: hub.clone() }))
    }

    /// Takes the room of this channel off the list, unless somebody uses it or is about to.
    #[must_use]
    pub fn strike_unused(&self, hub: &Hub) -> bool {
        let mut listed = self.lock();
        let unused = |room: &LeasedRoom| Arc::strong_count(&room.used) == 1 && hub.subscriber_count() == 0;
        let before = listed.rooms.len();
        listed.rooms.retain(|_, room| room.channel.hub.stream() != hub.stream() || !unused(room));
        listed.rooms.len() < before
    }

    /// Lists the room of the main channel as the channel of a token, where one has that user: whoever comes with it
    /// reads along, and nothing is connected twice.
    #[must_use]
    pub fn share(&self, user: &str, stream: &str, limits: Limits, view: View) -> Option<Shared> {
        if !self.users.contains(&key(user)) {
            return None;
        }
        let hub = self.open(stream, limits);
        self.enter(user, &hub, view).1.map(Shared)
    }

    /// Lists a private replay, for as long as this is held.
    #[must_use]
    pub fn list_replay(&self, hub: &Hub, view: View) -> ListedReplay {
        let mut listed = self.lock();
        listed.opened += 1;
        let number = listed.opened;
        listed.replays.insert(number, Channel { user: None, hub: hub.clone(), view });
        ListedReplay { registry: self.clone(), number }
    }

    /// Every channel, rooms first.
    #[must_use]
    pub fn channels(&self) -> Vec<Channel> {
        let listed = self.lock();
        let rooms = listed.rooms.values().map(|room| &room.channel);
        rooms.chain(listed.replays.values()).cloned().collect()
    }

    pub(super) fn find(&self, user: &str) -> Option<Channel> {
        let name = user.trim().trim_start_matches('@');
        self.lock().rooms.get(&key(name)).map(|room| room.channel.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Listed> {
        self.listed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A room on the list. Dropping it takes it off, if it is still there.
#[derive(Debug)]
pub struct RegistryEntry {
    registry: ChannelRegistry,
    user: String,
    hub: Hub,
}

impl Drop for RegistryEntry {
    fn drop(&mut self) {
        let mut listed = self.registry.lock();
        // Another may stand in its place by now.
        let is_ours = |room: &LeasedRoom| room.channel.hub.stream() == self.hub.stream();
        if listed.rooms.get(&self.user).is_some_and(is_ours) {
            listed.rooms.remove(&self.user);
        }
    }
}

/// The room of the main channel, which others read along; listed until this is dropped.
#[derive(Debug)]
pub struct Shared(RegistryEntry);

impl Shared {
    /// Where its events go as well.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.0.hub
    }

    /// Ends it for whoever reads along.
    pub fn close(self, reason: CloseReason) {
        self.0.hub.close(reason);
    }
}

/// A private replay on the list. Dropping it takes it off.
#[derive(Debug)]
pub struct ListedReplay {
    registry: ChannelRegistry,
    number: u64,
}

impl Drop for ListedReplay {
    fn drop(&mut self) {
        self.registry.lock().replays.remove(&self.number);
    }
}
