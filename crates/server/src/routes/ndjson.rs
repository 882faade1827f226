//! `/events`: the feed as JSON lines, for curl and other clients without WebSocket support.

use std::convert::Infallible;

use axum::{
    Extension,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, Method, Uri, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use livetape_core::{
    error::{Code, Problem, close},
    event::Millis,
};
use livetape_feed::hub::{MAX_STALL, Next, Progress, Reader, Subscriber};
use livetape_io::clock;
use serde::Deserialize;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

use super::{App, door::Denied, query};
use crate::{lobby, state::ErrorResponse, transport::Reset};

pub(crate) async fn events(
    State(app): State<App>,
    Extension(reset): Extension<Reset>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ErrorResponse> {
    let join = query::join(&uri)?;
    let body = if method == Method::HEAD {
        Body::empty()
    } else {
        if let Some(door) = app.door.as_ref().filter(|_| join.reader == Reader::Client) {
            let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
            door.enter(&join, agent.unwrap_or_default(), false).map_err(|denied| match denied {
                Denied::Http(refusal) => ErrorResponse(refusal),
                Denied::Socket { problem, .. } => problem.into(),
            })?;
        }
        app.shared.hub.reach(join.since.as_ref()).await?;
        let subscriber = app.shared.join(&app.shared.hub, &join)?;
        app.connections.tasks.spawn(drop_stalled(subscriber.slow(), reset.0.clone()));
        body(subscriber, app.shared.hub.stream().to_string(), reset.0)
    };
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CACHE_CONTROL, "no-store"),
        // The connection ends with the feed, so an unread request body cannot keep it open.
        (header::CONNECTION, "close"),
    ];
    Ok((headers, body).into_response())
}

fn body(subscriber: Subscriber, name: String, connection: CancellationToken) -> Body {
    let leaving = Leaving(Some(subscriber.progress()));
    let lines = stream::unfold(Some((subscriber, leaving, Vec::new(), None)), move |state| {
        let (name, connection) = (name.clone(), connection.clone());
        async move {
            let (mut subscriber, mut leaving, mut batch, last) = state?;
            match subscriber.next(&mut batch).await {
                Next::Events => {
                    let last = batch.last().cloned();
                    Some((lines(&batch), Some((subscriber, leaving, batch, last))))
                }
                Next::Slow => Some((slow_line(&name, last.as_ref()), None)),
                Next::Closed(reason) => {
                    if let Some(progress) = leaving.0.take().filter(|progress| !progress.is_closed()) {
                        progress.count_unread();
                    }
                    if reason.code == close::ABNORMAL {
                        connection.cancel();
                        // The response must not end as if it were complete.
                        std::future::pending::<()>().await;
                    }
                    None
                }
            }
        }
    });
    Body::from_stream(futures_util::StreamExt::map(lines, Ok::<_, Infallible>))
}

/// Counts the client as one that left, if the connection ends before the channel. A client that fell behind
/// is counted before.
struct Leaving(Option<Progress>);

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(progress) = &self.0 {
            progress.count_left();
        }
    }
}

/// Joins a batch into one chunk, so that there is one HTTP chunk per batch rather than per event.
fn lines(batch: &[Bytes]) -> Bytes {
    let mut piece = Vec::with_capacity(batch.iter().map(|json| json.len() + 1).sum());
    for json in batch {
        piece.extend_from_slice(json);
        piece.push(b'\n');
    }
    piece.into()
}

/// Builds the last line for a slow subscriber: an error event with the position of the last event, so that
/// the client can resume there.
fn slow_line(stream: &str, last: Option<&Bytes>) -> Bytes {
    let problem = Problem::new(Code::SlowConsumer, "fell too far behind");
    let seq =
        last.and_then(|json| serde_json::from_slice::<Positioned>(json).ok()).map_or(0, |last| last.seq);
    let mut line = lobby::failure(&problem, None, Millis::from(clock::wall()), Some((stream, seq)));
    line.push(b'\n');
    line.into()
}

#[derive(Deserialize)]
struct Positioned {
    seq: u64,
}

/// Drops the connection of a slow subscriber that does not read the rest in time. The body stream cannot do
/// this, because it is not polled while the socket is blocked.
async fn drop_stalled(slow: CancellationToken, connection: CancellationToken) {
    let stalled = async {
        slow.cancelled().await;
        sleep_until(clock::now() + MAX_STALL).await;
    };
    if connection.run_until_cancelled(stalled).await.is_some() {
        connection.cancel();
    }
}
