//! Looks up the current users and their channels.

use livetape_feed::{control::Control, hub::Hub};

use crate::lobby::Feed;

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
        let main = self.control.username().map(|user| (user, self.main.stream().to_string()));
        let mut feeds: Vec<Feed> =
            main.into_iter().map(|(user, stream)| Feed { user, streams: vec![stream] }).collect();
        for room in self.control.channels().statuses() {
            let (Some(user), stream) = (room.user, room.hub.stream().to_string()) else { continue };
            // The users of tokens' channels differ, so only the main channel can show the same.
            match feeds.first_mut().filter(|main| main.is_of(&user)) {
                Some(main) => main.streams.push(stream),
                None => feeds.push(Feed { user, streams: vec![stream] }),
            }
        }
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
