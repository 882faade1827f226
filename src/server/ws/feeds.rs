//! Looks up the current users and their channels.

use crate::{control::Control, hub::Hub, lobby::Feed};

/// The channels that clients may read by name: the main one, with one user at a time, and the rooms of
/// tokens.
#[derive(Clone, Debug)]
pub(crate) struct Feeds {
    main: Hub,
    control: Control,
}

impl Feeds {
    pub(crate) fn new(main: Hub, control: Control) -> Self {
        Self { main, control }
    }

    /// Returns the current users and the streams of their events.
    pub(crate) fn current(&self) -> Vec<Feed> {
        let main = self.control.username().map(|user| Feed { user, stream: self.main.stream().to_string() });
        let mut feeds: Vec<Feed> = main.into_iter().collect();
        let is_main = |user: &str| feeds.first().is_some_and(|main| main.user.eq_ignore_ascii_case(user));
        let rooms = self.control.channels().statuses().into_iter();
        let others = rooms.filter_map(|room| Some((room.user?, room.hub))).filter(|(user, _)| !is_main(user));
        let others: Vec<Feed> =
            others.map(|(user, hub)| Feed { user, stream: hub.stream().to_string() }).collect();
        feeds.extend(others);
        feeds
    }

    /// Returns the channel with this stream, and whether it is the main one.
    pub(crate) fn channel(&self, stream: &str) -> Option<(Hub, bool)> {
        if *self.main.stream() == *stream {
            return Some((self.main.clone(), true));
        }
        let rooms = self.control.channels().statuses().into_iter();
        let mut hubs = rooms.filter(|room| room.user.is_some()).map(|room| room.hub);
        hubs.find(|hub| *hub.stream() == *stream).map(|hub| (hub, false))
    }
}
