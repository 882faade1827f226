//! Registry of the additional channels, and of who uses them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use livetape_core::recording::Loss;
use parking_lot::Mutex;
use tokio_util::sync::DropGuard;

use super::{Status, View, tokens::key};
use crate::hub::{Hub, Limits};

#[derive(Clone, Debug)]
pub struct OpenChannel {
    /// User whose room it is; `None` for a private replay.
    pub user: Option<String>,
    pub hub: Hub,
    view: View,
}

impl OpenChannel {
    #[must_use]
    pub fn status(&self) -> Status {
        self.view.status()
    }
}

/// The right to read a channel, which stays open as long as this is held.
#[derive(Debug)]
pub struct ChannelGuard {
    pub hub: Hub,
    _used: Option<Arc<()>>,
    _ends: Option<DropGuard>,
}

impl ChannelGuard {
    #[must_use]
    pub fn another(&self) -> Self {
        Self { hub: self.hub.clone(), _used: self._used.clone(), _ends: None }
    }

    /// Creates a guard of a channel that ends with its only subscriber.
    #[must_use]
    pub fn alone(hub: Hub, ends: DropGuard) -> Self {
        Self { hub, _used: None, _ends: Some(ends) }
    }
}

/// Registry of channels. Clones share it. The lock is held briefly, never across an await.
#[derive(Clone, Debug)]
pub struct ChannelRegistry {
    listed: Arc<Mutex<Listed>>,
    /// Users of all tokens.
    users: Arc<BTreeSet<String>>,
}

#[derive(Debug, Default)]
struct Listed {
    /// Channels of tokens' users, by user.
    users: BTreeMap<String, RegisteredChannel>,
    replays: BTreeMap<u64, OpenChannel>,
    /// Number of channels opened so far.
    opened: u64,
    /// What private replays have found missing, by recording.
    lost: BTreeMap<String, Loss>,
}

#[derive(Debug)]
struct RegisteredChannel {
    channel: OpenChannel,
    /// One reference for each guard, plus this one.
    used: Arc<()>,
}

impl RegisteredChannel {
    fn guard(&self) -> ChannelGuard {
        ChannelGuard { hub: self.channel.hub.clone(), _used: Some(Arc::clone(&self.used)), _ends: None }
    }
}

impl ChannelRegistry {
    pub(super) fn new(users: impl Iterator<Item = String>) -> Self {
        Self { listed: Arc::default(), users: Arc::new(users.collect()) }
    }

    /// Creates a hub with a unique stream name, derived from the main channel's `stream`.
    #[must_use]
    pub fn open(&self, stream: &str, limits: Limits) -> Hub {
        let mut listed = self.listed.lock();
        listed.opened += 1;
        Hub::new(format!("{stream}-{}", listed.opened), limits)
    }

    /// Like [`open`](Self::open), for a channel that other processes share. Its stream has no name yet.
    #[must_use]
    pub fn open_relayed(&self, node: &str, limits: Limits) -> Hub {
        let mut listed = self.listed.lock();
        listed.opened += 1;
        Hub::relayed(String::new(), format!("{node}-{}", listed.opened), limits)
    }

    #[must_use]
    pub fn guard(&self, user: &str) -> Option<ChannelGuard> {
        self.listed.lock().users.get(&key(user)).map(RegisteredChannel::guard)
    }

    /// Registers the channel of a user, and returns a guard of it. If one of theirs is registered already,
    /// guards that one and returns no entry.
    #[must_use]
    pub fn enter(&self, user: &str, hub: &Hub, view: View) -> (ChannelGuard, Option<RegistryEntry>) {
        let mut listed = self.listed.lock();
        if let Some(registered) = listed.users.get(&key(user)) {
            return (registered.guard(), None);
        }
        let channel = OpenChannel { user: Some(user.to_owned()), hub: hub.clone(), view };
        let registered = RegisteredChannel { channel, used: Arc::default() };
        let guard = registered.guard();
        listed.users.insert(key(user), registered);
        (guard, Some(RegistryEntry { registry: self.clone(), user: key(user), hub: hub.clone() }))
    }

    /// Removes the room with this hub, unless it is guarded or has subscribers. Returns whether it was
    /// removed.
    #[must_use]
    pub fn strike_unused(&self, hub: &Hub) -> bool {
        let mut listed = self.listed.lock();
        let unused = |it: &RegisteredChannel| Arc::strong_count(&it.used) == 1 && hub.subscriber_count() == 0;
        let before = listed.users.len();
        listed.users.retain(|_, it| it.channel.hub.name_here() != hub.name_here() || !unused(it));
        listed.users.len() < before
    }

    #[must_use]
    pub fn has_token(&self, user: &str) -> bool {
        self.users.contains(&key(user))
    }

    /// Registers a private replay until the returned value is dropped.
    #[must_use]
    pub fn list_replay(&self, hub: &Hub, view: View) -> ListedReplay {
        let mut listed = self.listed.lock();
        listed.opened += 1;
        let number = listed.opened;
        listed.replays.insert(number, OpenChannel { user: None, hub: hub.clone(), view });
        ListedReplay { registry: self.clone(), number }
    }

    pub fn note_loss(&self, recording: &str, loss: Loss) {
        if loss.is_some() {
            let mut listed = self.listed.lock();
            let known = listed.lost.entry(recording.to_owned()).or_default();
            // Each replay finds the same damage again.
            *known += loss.since(known);
        }
    }

    pub(super) fn lost(&self) -> BTreeMap<String, Loss> {
        self.listed.lock().lost.clone()
    }

    /// Returns all channels; those of users come first.
    #[must_use]
    pub fn channels(&self) -> Vec<OpenChannel> {
        let listed = self.listed.lock();
        let of_users = listed.users.values().map(|registered| &registered.channel);
        of_users.chain(listed.replays.values()).cloned().collect()
    }

    pub(super) fn was_used(&self) -> bool {
        self.listed.lock().opened > 0
    }

    pub(super) fn find(&self, user: &str) -> Option<OpenChannel> {
        let name = user.trim().trim_start_matches('@');
        self.listed.lock().users.get(&key(name)).map(|registered| registered.channel.clone())
    }
}

/// A registered channel. Unregisters it on drop if it is still there.
#[derive(Debug)]
pub struct RegistryEntry {
    registry: ChannelRegistry,
    user: String,
    hub: Hub,
}

impl Drop for RegistryEntry {
    fn drop(&mut self) {
        let mut listed = self.registry.listed.lock();
        // Another room may have taken its place by now.
        let is_ours = |it: &RegisteredChannel| it.channel.hub.name_here() == self.hub.name_here();
        if listed.users.get(&self.user).is_some_and(is_ours) {
            listed.users.remove(&self.user);
        }
    }
}

/// A registered private replay. Unregisters it on drop.
#[derive(Debug)]
pub struct ListedReplay {
    registry: ChannelRegistry,
    number: u64,
}

impl Drop for ListedReplay {
    fn drop(&mut self) {
        self.registry.listed.lock().replays.remove(&self.number);
    }
}
