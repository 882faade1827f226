//! What NATS has to allow the user of a node. `docs/cluster.md` has the same list, and a test compares them.

use std::time::Duration;

use async_nats::{Client, HeaderMap, header::NATS_EXPECTED_STREAM};
use bytes::Bytes;
use futures_util::{StreamExt as _, future::join_all};
use livetape_core::error::{Code, Problem};
use livetape_io::clock;
use tokio::time::{Instant, timeout};

use super::options::{Denied, Link};

/// Maximum time for a message to this process itself.
const ECHO_TIME_MAX: Duration = Duration::from_secs(5);
/// The stream that probes expect. It does not exist, so that JetStream stores none of them.
const NO_STREAM: &str = "livetape probe";
/// Content of probes: the start of an object, which JetStream cannot read as a request, so it executes none
/// of them. From 2.11 on, it takes other content as an empty request, and executes that.
const PROBE: Bytes = Bytes::from_static(b"{");

/// Subjects to publish on, each with one that a probe can use without an effect.
const PUBLISHED: [(&str, &str); 13] = [
    ("livetape.NAME.feed.>", "livetape.NAME.feed.main"),
    ("livetape.NAME.node.>", "livetape.NAME.node.probe"),
    ("livetape.NAME.free", "livetape.NAME.free"),
    ("livetape.NAME.order.>", "livetape.NAME.order.probe"),
    ("$KV.livetape-NAME.>", "$KV.livetape-NAME.probe"),
    ("$JS.API.STREAM.LIST", "$JS.API.STREAM.LIST"),
    ("$JS.API.STREAM.INFO.*", "$JS.API.STREAM.INFO.livetape-NAME_main"),
    ("$JS.API.STREAM.CREATE.*", "$JS.API.STREAM.CREATE.livetape-NAME_main"),
    ("$JS.API.STREAM.DELETE.*", "$JS.API.STREAM.DELETE.livetape-NAME_probe"),
    ("$JS.API.STREAM.PURGE.KV_livetape-NAME", "$JS.API.STREAM.PURGE.KV_livetape-NAME"),
    ("$JS.API.STREAM.MSG.GET.*", "$JS.API.STREAM.MSG.GET.livetape-NAME_main"),
    ("$JS.API.CONSUMER.>", "$JS.API.CONSUMER.INFO.livetape-NAME_main.probe"),
    ("_INBOX.>", "_INBOX.probe"),
];
const SUBSCRIBED: [&str; 5] = [
    "livetape.NAME.log.>",
    "livetape.NAME.node.>",
    "livetape.NAME.free",
    "livetape.NAME.order.>",
    "_INBOX.>",
];

/// Uses every subject once.
///
/// # Errors
/// `cluster_unreachable` with the first subject that NATS denies.
pub(super) async fn check(link: &Link, cluster: &str) -> Result<(), Problem> {
    let named = |subject: &str| subject.replace("NAME", cluster);
    // Kept until the end, because NATS answers later.
    let subscriptions = join_all(SUBSCRIBED.map(|subject| link.client.subscribe(named(subject)))).await;
    let mut headers = HeaderMap::new();
    headers.insert(NATS_EXPECTED_STREAM, NO_STREAM);
    for (_, probe) in PUBLISHED {
        // A failure shows in the round trip, too.
        drop(link.client.publish_with_headers(named(probe), headers.clone(), PROBE).await);
    }
    // NATS has answered everything before.
    tokio::select! { biased;
        () = denied(link.denied.clone()) => {}
        _ = round_trip(&link.client) => {}
    }
    drop(subscriptions);
    first_denied(&link.denied)
}

/// Waits until NATS has denied something; forever, if the client ends before.
pub(super) async fn denied(mut denied: Denied) {
    if denied.wait_for(|denied| !denied.is_empty()).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Returns the first subject that NATS has denied, as a problem.
pub(super) fn first_denied(denied: &Denied) -> Result<(), Problem> {
    let first = denied.borrow().first().cloned();
    first.map_or(Ok(()), |told| {
        let act = if told.to_lowercase().contains("publish") { "publish on" } else { "subscribe to" };
        let subject = told.split('"').nth(1).unwrap_or(&told);
        let message = format!("NATS does not allow this user to {act} `{subject}`");
        Err(Problem::new(Code::ClusterUnreachable, message)
            .hint("grant the user this subject, or use another with --nats-creds"))
    })
}

/// Returns how long a message to this process itself takes; `None` without an answer.
pub(super) async fn round_trip(client: &Client) -> Option<Duration> {
    let inbox = client.new_inbox();
    let mut echo = client.subscribe(inbox.clone()).await.ok()?;
    let sent: Instant = clock::now();
    client.publish(inbox, Bytes::new()).await.ok()?;
    timeout(ECHO_TIME_MAX, echo.next()).await.ok()??;
    Some(clock::now() - sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_the_same_subjects() {
        let text = include_str!("../../../../docs/cluster.md");
        let listed = |act: &str| {
            let row = text.lines().find(|line| line.starts_with(&format!("| {act} |"))).unwrap();
            row.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(listed("publish"), PUBLISHED.map(|(subject, _)| subject));
        assert_eq!(listed("subscribe"), SUBSCRIBED);
    }
}
