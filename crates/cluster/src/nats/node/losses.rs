//! Events of rooms that an owner received but could not store, because it lost the channel. It reports their
//! number, and the next owner tells the readers. The log contains the numbers that readers know, so that no
//! owner repeats them.

use std::sync::Arc;

use livetape_core::{
    error::{Code, Problem},
    event::{Data, Event, Failure, Millis},
};
use livetape_feed::control::live_user;
use livetape_io::clock;

use super::Node;
use crate::{nats::report::Losses, progress::Told};

impl Node {
    /// This node is the owner from here on.
    pub(super) fn begin_losses(&mut self) {
        let stream = self.member.reader().stream();
        if self.losses.stream != stream {
            self.losses = Losses { stream: stream.to_owned(), events: 0 };
        }
        // It may have left the channel since.
        self.losses.events = self.losses.events.max(self.progress.told(&self.options.node));
        self.telling = self.progress.clone();
        self.tell_losses();
    }

    /// Counts events that were not stored.
    pub(super) fn lose(&mut self, events: u64) {
        // A replay plays them again.
        if self.ahead.intent.as_deref().and_then(live_user).is_some() {
            self.losses.events += events;
            self.told.totals.lose(events);
        }
    }

    /// Tells readers about losses that no owner has told them yet.
    pub(super) fn tell_losses(&mut self) {
        if self.term.is_none() {
            return;
        }
        let here = &*self.options.node;
        let others = self.nodes.losses().filter(|(node, _)| *node != here);
        for (node, losses) in others.chain([(here, &self.losses)]) {
            let told = self.telling.told(node);
            if losses.stream == self.losses.stream && losses.events > told {
                let news = Told::new(node, losses.events);
                let username = self.progress.intent.as_deref().and_then(live_user).unwrap_or_default();
                self.hub.publish_note(&missing(username.into(), losses.events - told), news.to_note());
                self.telling.tell(news);
            }
        }
    }
}

fn missing(username: Arc<str>, events: u64) -> Event {
    let now = Millis::from(clock::wall());
    let message = format!(
        "up to {events} events are missing: their node could not store them before it lost the channel"
    );
    let problem =
        Problem::new(Code::ClusterUnreachable, message).hint("the feed continues with later events");
    let data = Data::Failure(Failure { retrying: true, ..Failure::from(&problem) });
    Event { username, user: None, timestamp: now, ts: now, id: None, replay: false, injected: false, data }
}
