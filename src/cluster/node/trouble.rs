//! What keeps the readers of a node from the feed. Each receives a notice, also those that join later.

use serde_json::json;
use tracing::{info, warn};

use super::Node;
use crate::sans_io::error::Code;

/// Hint if JetStream refuses messages.
const REFUSED_HINT: &str = "check the limits of the stream and of the account, the storage of NATS, and whether the stream is sealed";

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
            warn!(code, %why, "❌ JetStream refuses messages; this node repeats them until they are accepted");
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
            let hint =
                if *self.is_connected.borrow() { REFUSED_HINT } else { Code::ClusterUnreachable.hint() };
            match &trouble {
                Some(message) => self.hub.notice("error", &notice(message, hint)),
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
fn notice(message: &str, hint: &str) -> Vec<u8> {
    let code = Code::ClusterUnreachable;
    let data = json!({ "code": code, "message": message, "hint": hint, "retrying": true });
    json!({ "type": "error", "data": data }).to_string().into_bytes()
}
