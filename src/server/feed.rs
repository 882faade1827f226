//! `/`: the event feed over a WebSocket.

use axum::{
    extract::{
        State,
        ws::{WebSocketUpgrade, rejection::WebSocketUpgradeRejection},
    },
    http::{HeaderMap, Uri, header},
    response::Response,
};
use tokio::select;

use super::{App, answer::Refusal, page, query, socket};
use crate::{
    hub::Subscriber,
    sans_io::error::{Code, Problem},
};

/// Axum's own is 128 KiB and filled with zeros at each poll: half of the CPU time.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// What is fed before the socket is written to without a flush.
const WRITE_BUFFER_BYTES: usize = 32 * 1024;
/// The longest message that a client may send, in bytes.
const INBOUND_BYTES_MAX: usize = 16 * 1024;

pub(super) type Upgrade = Result<WebSocketUpgrade, WebSocketUpgradeRejection>;

/// `GET /`: the feed, or for those who ask for no upgrade a page.
pub(super) async fn root(
    State(app): State<App>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: Upgrade,
) -> Result<Response, Refusal> {
    if !asks_for_upgrade(&headers) {
        return Ok(page::page(&headers));
    }
    let join = query::join(&uri)?;
    let upgrade = accept(upgrade)?;
    // Joined before the 101: nothing that is published after a client has read that is missing.
    let joined = app.join(&app.hub, &join);
    Ok(open(&app, upgrade, joined, ()))
}

pub(super) fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    headers.get(header::UPGRADE).is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

/// Refuses what asks for an upgrade in a way that cannot be obeyed.
pub(super) fn accept(upgrade: Upgrade) -> Result<WebSocketUpgrade, Problem> {
    upgrade.map_err(|rejection| {
        let message = rejection.body_text();
        Problem::new(Code::BadRequest, message).hint("open it with a WebSocket client, version 13")
    })
}

/// Answers 101, and converses. `held` is dropped with the socket.
pub(super) fn open(
    app: &App,
    upgrade: WebSocketUpgrade,
    joined: Result<Subscriber, Problem>,
    held: impl Send + 'static,
) -> Response {
    let token = app.connections.token();
    let aborted = app.connections.aborted().clone();
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_message_size(INBOUND_BYTES_MAX)
        .max_frame_size(INBOUND_BYTES_MAX);
    upgrade.on_upgrade(async move |socket| {
        let _until_the_end = (token, held);
        select! {
            biased;
            () = aborted.cancelled() => {}
            () = socket::converse(socket, joined) => {}
        }
    })
}
