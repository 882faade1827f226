//! Which users are on show, and the channel of each.

use crate::{control::Control, hub::Hub, lobby::Feed};

/// The channels that clients may read by name. Today there is the main one, with one user at a time.
#[derive(Clone, Debug)]
pub(super) struct Feeds {
    main: Hub,
    control: Control,
}

impl Feeds {
    pub(super) fn new(main: Hub, control: Control) -> Self {
        Self { main, control }
    }

    /// The users on show, and the streams of their events.
    pub(super) fn on_show(&self) -> Vec<Feed> {
        let main = self.control.username().map(|user| Feed { user, stream: self.main.stream().to_owned() });
        main.into_iter().collect()
    }

    /// The channel of this stream.
    pub(super) fn channel(&self, stream: &str) -> Option<&Hub> {
        Some(&self.main).filter(|main| main.stream() == stream)
    }
}
