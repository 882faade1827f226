//! Why the readers of a node receive no events. Each reader receives a notice, including those that join later.

use livetape_core::error::Code;
use serde_json::json;
use tracing::{info, warn};

use super::Node;
use crate::nats::store::{REFUSED_HINT, SILENT, SILENT_HINT};

impl Node {
    pub(super) fn connection_changed(&mut self) {
        if *self.is_connected.borrow_and_update() {
            self.read_tail();
        }
        self.tell_trouble();
    }

    pub(super) fn refusal_changed(&mut self) {
        let code = Code::ClusterUnreachable.name();
        let refusals = self.refusals.borrow_and_update().clone();
        if let Some(why) = refusals.why() {
            warn!(code, %why, "❌ JetStream refuses messages; this node repeats them until they are accepted");
        } else if refusals.is_silent() {
            warn!(code, "❌ JetStream does not answer; this node asks again until it does");
        } else {
            info!("JetStream takes messages again");
        }
        self.tell_trouble();
    }

    /// Notifies readers that they receive nothing and why, or that events follow again.
    pub(super) fn tell_trouble(&mut self) {
        let trouble = self.find_trouble();
        if trouble != self.trouble {
            match &trouble {
                Some((message, hint)) => self.hub.notice("error", &notice(message, hint)),
                None => self.hub.end_notice(),
            }
            self.trouble = trouble;
            self.share_state();
        }
    }

    /// Returns a message and a hint.
    fn find_trouble(&self) -> Option<(String, &'static str)> {
        if !*self.is_connected.borrow() {
            let message = "this node cannot reach NATS; the feed continues when it can".to_owned();
            return Some((message, Code::ClusterUnreachable.hint()));
        }
        if let Some(why) = self.refused() {
            let message = format!("JetStream refuses messages: {why}; the feed continues when it takes them");
            return Some((message, REFUSED_HINT));
        }
        self.silence().map(|what| (format!("{what}; the feed continues when it does"), SILENT_HINT))
    }

    /// Returns that JetStream does not answer, if so.
    pub(super) fn silence(&self) -> Option<String> {
        self.refusals.borrow().is_silent().then(|| SILENT.to_owned())
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
