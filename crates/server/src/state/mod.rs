//! State that handlers share: the main channel, the control handle and limits.

pub(super) mod refusal;
pub(super) mod traffic;

use std::sync::Arc;

use livetape_core::error::{Cause, Problem};
use livetape_feed::{
    control::Control,
    hub::{Hub, Join, Subscriber},
};
use tokio::time::Instant;

/// Version of the feed and the REST API. Incompatible changes increase it.
pub const API_VERSION: u32 = 1;

#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) hub: Hub,
    pub(crate) control: Control,
    pub(crate) started: Instant,
    pub(crate) subscribers_max: usize,
    pub(crate) client_id_chars_max: usize,
    /// URL of the feed in TikFinity's format, if a second listener serves it.
    pub(crate) tikfinity: Option<Arc<str>>,
}

impl Shared {
    /// Adds a subscriber to `hub`, up to the server's maximum.
    pub(crate) fn join(&self, hub: &Hub, join: &Join) -> Result<Subscriber, Problem> {
        let max = self.subscribers_max;
        if self.subscriber_count() + self.hub.observer_count() >= max {
            let message = format!("the maximum number of subscribers, {max}, is connected");
            let problem = Problem::capacity(Cause::Subscribers, message);
            return Err(problem.hint("try again later, or raise `limits.subscribers`"));
        }
        hub.join(join)
    }

    /// Number of clients that subscribe to any of this server's channels.
    pub(crate) fn subscriber_count(&self) -> usize {
        self.hub.subscriber_count() + self.control.channels().subscriber_count()
    }
}
