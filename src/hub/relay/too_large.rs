//! Events that do not fit into a message of the cluster.

use std::sync::Arc;

use tracing::warn;

use super::{
    super::{encode::Encoder, limits::Window},
    Encoding,
};
use crate::sans_io::{
    cluster::record::CONTENT_BYTES_MAX,
    error::{Code, Problem},
    event::{Data, Event, Failure},
};

/// Maximum size of an event, in bytes: what fits into a message, less 64 KiB for the description of its
/// source.
pub(super) const EVENT_BYTES_MAX: usize = CONTENT_BYTES_MAX - (64 << 10);

/// Returns an event in the place of one that is too large, so that every reader learns that it is missing.
pub(super) fn replaced(event: &Event, bytes: usize, stream: &str, head: u64) -> Encoding {
    let (code, kind) = (Code::TooLarge, event.kind());
    warn!(code = code.name(), kind, bytes, "❌ Skipped an event that is too large for the cluster");
    let message = format!(
        "an event of type `{kind}` is missing: it has {bytes} bytes, and the maximum in a cluster is {EVENT_BYTES_MAX}"
    );
    let problem = Problem::new(code, message).hint("read the room without a cluster to receive such events");
    // The feed continues.
    let failure = Failure { retrying: true, ..Failure::from(&problem) };
    // Its id and origin count for the successor.
    let event = Event {
        username: Arc::clone(&event.username),
        user: None,
        id: event.id.clone(),
        data: Data::Failure(failure),
        ..*event
    };
    let mut encoder = Encoder::default();
    let window = Window { events: 1, bytes: EVENT_BYTES_MAX as u64 };
    let entry = encoder.encode(stream, head, std::slice::from_ref(&event), window).next();
    entry.map(|entry| entry.encoding(event.kind())).unwrap_or_default()
}
