//! `/events`: the feed as lines of JSON, for curl and whoever has no WebSocket.

use std::convert::Infallible;

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::State,
    http::{Method, Uri, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use serde::Deserialize;
use tokio::{select, time::sleep_until};
use tokio_util::sync::CancellationToken;

use super::{App, query};
use crate::{
    clock,
    hub::{MAX_STALL, Next, Subscriber},
    sans_io::error::{Code, Problem},
    server::{state::refusal::Refusal, transport::connections::Reset, ws::failure},
};

/// `GET /events`.
pub(crate) async fn events(
    State(app): State<App>,
    Extension(reset): Extension<Reset>,
    method: Method,
    uri: Uri,
) -> Result<Response, Refusal> {
    let join = query::join(&uri)?;
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        let subscriber = app.shared.join(&app.shared.hub, &join)?;
        app.connections.spawn_beside(drop_stalled(subscriber.slow(), reset.0));
        body(subscriber, app.shared.hub.stream().to_owned())
    };
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CACHE_CONTROL, "no-store"),
        // The connection ends with the feed: what is left unread cannot keep it open.
        (header::CONNECTION, "close"),
    ];
    Ok((headers, body).into_response())
}

fn body(subscriber: Subscriber, name: String) -> Body {
    let lines = stream::unfold(Some((subscriber, Vec::new(), None)), move |state| {
        let name = name.clone();
        async move {
            let (mut subscriber, mut batch, last) = state?;
            match subscriber.next(&mut batch).await {
                Next::Events => {
                    let last = batch.last().cloned();
                    Some((lines(&batch), Some((subscriber, batch, last))))
                }
                Next::Slow => Some((slow_line(&name, last.as_ref()), None)),
                Next::Closed(_) => None,
            }
        }
    });
    Body::from_stream(futures_util::StreamExt::map(lines, Ok::<_, Infallible>))
}

/// A batch as one piece: a chunk of HTTP each time something is written, not for each event.
fn lines(batch: &[Bytes]) -> Bytes {
    let mut piece = Vec::with_capacity(batch.iter().map(|json| json.len() + 1).sum());
    for json in batch {
        piece.extend_from_slice(json);
        piece.push(b'\n');
    }
    piece.into()
}

/// The last line for who fell behind: an event behind which it can go on, as its position is that of the last one.
fn slow_line(stream: &str, last: Option<&Bytes>) -> Bytes {
    let problem = Problem::new(Code::SlowConsumer, "fell too far behind");
    let seq =
        last.and_then(|json| serde_json::from_slice::<Positioned>(json).ok()).map_or(0, |last| last.seq);
    let mut line = failure::event(&problem, None, stream, seq);
    line.push(b'\n');
    line.into()
}

#[derive(Deserialize)]
struct Positioned {
    seq: u64,
}

/// Drops the connection of a subscriber that fell behind, if it does not take the rest in time. The body cannot do
/// that: it is not asked for more as long as the socket takes nothing.
async fn drop_stalled(slow: CancellationToken, connection: CancellationToken) {
    select! {
        biased;
        () = connection.cancelled() => return,
        () = slow.cancelled() => {}
    }
    select! {
        biased;
        () = connection.cancelled() => {}
        () = sleep_until(clock::now() + MAX_STALL) => connection.cancel(),
    }
}
