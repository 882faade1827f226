//! What keeps the readers of a node from the feed. Each receives a notice, also those that join later.

use serde_json::json;
use tracing::{info, warn};

use super::Node;
use crate::sans_io::error::Code;

impl Node {
    pub(super) fn connection_changed(&mut self) {
        if *self.is_connected.borrow_and_update() {
            self.read_tail();
        }
        self.tell_trouble();
    }

    pub(super) fn refusal_changed(&mut self) {
        let code = Code::ClusterUnreachable.name();
        if let Some(why) = self.refusals.borrow_and_update().why() {
            warn!(code, %why, "❌ JetStream refuses messages; this node repeats them until it does not");
        } else {
            info!("JetStream takes messages again");
        }
        self.tell_trouble();
    }

    /// Tells readers why they receive nothing, or that this has ended.
    pub(super) fn tell_trouble(&mut self) {
        let trouble = if *self.is_connected.borrow() {
            self.refused().map(|why| {
                format!("JetStream refuses messages: {why}; the feed continues when it takes them")
            })
        } else {
            Some("this node cannot reach NATS; the feed continues when it can".to_owned())
        };
        if trouble != self.trouble {
            match &trouble {
                Some(message) => self.hub.notice("error", &notice(message)),
                None => self.hub.end_notice(),
            }
            self.trouble = trouble;
            self.share_state();
        }
    }

    /// Returns why JetStream refuses the messages of a node.
    pub(super) fn refused(&self) -> Option<std::sync::Arc<str>> {
        self.refusals.borrow().why().or_else(|| self.nodes.refused())
    }
}

/// The message for subscribers while the feed stands still. It has no number, because nobody can assign one.
fn notice(message: &str) -> Vec<u8> {
    let code = Code::ClusterUnreachable;
    let error =
        json!({ "type": "error", "code": code, "message": message, "hint": code.hint(), "retrying": true });
    error.to_string().into_bytes()
}
