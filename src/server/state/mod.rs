//! What handlers share, whatever they answer: where events come from, where orders go, how many may read.

pub(super) mod refusal;

use tokio::time::Instant;

use crate::{
    control::Control,
    hub::{Hub, Join, Subscriber},
    sans_io::error::{Code, Problem},
};

/// The channel, the handle of its source, and limits.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) hub: Hub,
    pub(crate) control: Control,
    pub(crate) started: Instant,
    pub(crate) subscribers_max: usize,
    pub(crate) client_id_chars_max: usize,
}

impl Shared {
    /// A subscriber of `hub`.
    pub(crate) fn join(&self, hub: &Hub, join: &Join) -> Result<Subscriber, Problem> {
        if self.subscriber_count() + self.hub.observer_count() >= self.subscribers_max {
            return Err(Problem::new(Code::Capacity, "too many are reading already"));
        }
        hub.join(join)
    }

    /// How many clients read this server's channels, all of them.
    pub(crate) fn subscriber_count(&self) -> usize {
        self.hub.subscriber_count() + self.control.channels().subscriber_count()
    }
}
