//! Events that are too large for a channel that several processes share.

use std::sync::Arc;

use livetape_core::{
    error::{Code, Problem},
    event::{Data, Event, Failure},
};
use tracing::warn;

use super::{
    super::{encode::Encoder, limits::Window},
    Encoding,
};

/// Maximum size of an event that several processes share, in bytes: it fits into a message of 1 MiB, together
/// with the description of its source.
pub const EVENT_BYTES_MAX: usize = 952 << 10;

/// Returns an event in the place of one that is too large, so that every reader learns that it is missing.
pub(super) fn replaced(event: &Event, bytes: usize, stream: &str, head: u64) -> Encoding {
    let (code, kind) = (Code::TooLarge, event.kind());
    warn!(code = code.name(), kind, bytes, "❌ Skipped an event that is too large for a shared channel");
    let message = format!(
        "an event of type `{kind}` is missing: it has {bytes} bytes, and the maximum in a shared channel is {EVENT_BYTES_MAX}"
    );
    let problem =
        Problem::new(code, message).hint("a process that shares no channel receives such events, too");
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
