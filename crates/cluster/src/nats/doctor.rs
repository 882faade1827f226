//! `livetape doctor`: checks whether a node could use NATS, without joining the cluster.

use std::{collections::BTreeMap, time::Duration};

use async_nats::{
    Client, HeaderMap,
    header::NATS_EXPECTED_STREAM,
    jetstream::{self, ErrorCode, context::GetStreamErrorKind},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, future::join_all};
use livetape_core::error::{Code, Problem};
use livetape_io::clock;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use super::{
    Options,
    options::{Link, denied, first_denied, same_lease},
    report::{NodeReport, Settings},
    store::{MAIN, Store},
};
use crate::ownership::record::RECORD_BYTES_MAX;

const ROUND_TRIPS: usize = 5;
/// Maximum number of nodes with other settings that are named.
const DIFFERENT_MAX: usize = 10;
/// An answer may take this part of a lease: an owner renews it four times in that time.
const LEASE_PARTS: u32 = 4;
/// Maximum difference between the clocks of this machine and of NATS.
const CLOCK_DIFFERENCE_MAX: Duration = Duration::from_secs(1);

/// Maximum size of a node's message with its headers, in bytes.
const MESSAGE_BYTES_MAX: usize = RECORD_BYTES_MAX + (4 << 10);

/// What a check found: a line for people, or the problem.
pub type Finding = Result<String, Problem>;

/// Checks everything that a node needs, in order. Checks that need an earlier one are left out if that
/// failed.
pub async fn diagnose(options: &Options) -> Vec<Finding> {
    let (mut findings, mut first) = (Vec::new(), None);
    // A node needs only one of the servers, and would not notice that another is missing.
    for url in &options.urls {
        let connected = Options { urls: vec![url.clone()], ..options.clone() }.connect().await;
        findings.push(connected.map(|link| {
            let version = link.client.server_info().version;
            first.get_or_insert(link);
            format!("NATS {version} answers at {url}")
        }));
    }
    let Some(link) = first else { return findings };
    let store = Store::new(&link, options);
    let allowed = check(&link, &options.cluster).await;
    let time = answer_time(&link, options.lease).await;
    // The client may report it late.
    let allowed = allowed.and_then(|()| first_denied(&link.denied));
    findings.extend([time, message_size(&link)]);
    // Without a permission, the others would only fail late.
    if let Err(problem) = allowed {
        findings.push(Err(problem));
        return findings;
    }
    findings.push(Ok("this user may use every subject that a node needs".to_owned()));
    if let Err(problem) = store.ensure_log().await {
        findings.push(Err(problem));
        return findings;
    }
    findings.push(Ok(format!("JetStream is on, and has the stream `{}`", store.log())));
    findings.push(lease(&link, &options.cluster, options.lease).await);
    findings.push(clock_difference(&store).await);
    findings.push(Ok(told_sync(&syncs(&link).await)));
    findings.extend(others(&store, &options.settings).await);
    findings
}

/// Maximum time until a node reports, and until the owner lists all nodes.
const REPORT_TIME: Duration = Duration::from_secs(3);
const LIST_TIME: Duration = Duration::from_secs(30);

/// Compares settings with those of the nodes.
async fn others(store: &Store, own: &Settings) -> Vec<Finding> {
    let Ok(mut reports) = store.subscribe(&format!("node.{MAIN}")).await else {
        return vec![failed("NATS refuses the subscription to reports", "")];
    };
    let (mut ends, latest) = (clock::now() + REPORT_TIME, clock::now() + LIST_TIME);
    let mut nodes = BTreeMap::new();
    while let Ok(Some(message)) = timeout_at(ends, reports.next()).await {
        let Some(report) = NodeReport::from_bytes(&message.payload) else { continue };
        let is_list = report.others.is_some();
        // Of a large cluster, the owner lists the nodes more rarely.
        ends = latest.min(ends.max(clock::now() + REPORT_TIME));
        let told = report.others.unwrap_or_default().into_iter().chain([report.about]);
        nodes.extend(told.map(|about| (about.state.node, about.settings)));
        if is_list {
            break;
        }
    }
    let different = |(node, settings): (&String, &Settings)| {
        let what = own.differences(settings);
        let message = format!("node {node} has {}", what.join(" and "));
        (!what.is_empty())
            .then(|| failed(&message, "set the same on every node, and restart those that differ"))
    };
    let found: Vec<_> = nodes.iter().filter_map(different).take(DIFFERENT_MAX).collect();
    match (nodes.len(), found.is_empty()) {
        (0, _) => vec![Ok("no node reports, so settings are not compared".to_owned())],
        (1, true) => vec![Ok("one node reports, with the same tokens and --max-live".to_owned())],
        (count, true) => vec![Ok(format!("{count} nodes report, with the same tokens and --max-live"))],
        _ => found,
    }
}

async fn answer_time(link: &Link, lease: Duration) -> Finding {
    let mut taken = Vec::new();
    for _ in 0..ROUND_TRIPS {
        // One without an answer takes long enough.
        let Some(time) = round_trip(&link.client).await else { break };
        taken.push(time);
    }
    taken.sort();
    let Some(median) = taken.get(taken.len() / 2) else {
        return failed(
            "NATS delivers no message to this user",
            "allow the user to publish on and subscribe to `_INBOX.>`",
        );
    };
    let ms = median.as_secs_f64() * 1_000.0;
    if *median * LEASE_PARTS > lease {
        let message = format!("a message takes {ms:.1} ms, too long for leases of {lease:?}");
        return failed(&message, "raise cluster.lease on every node, or run NATS closer to them");
    }
    Ok(format!("a message takes {ms:.1} ms"))
}

/// Checks whether NATS takes the largest message of a node.
pub(super) fn message_size(link: &Link) -> Finding {
    let bytes = link.client.server_info().max_payload;
    if bytes < MESSAGE_BYTES_MAX {
        let message =
            format!("NATS accepts messages of {bytes} bytes, and a node sends up to {MESSAGE_BYTES_MAX}");
        return failed(&message, "raise `max_payload` of nats-server");
    }
    Ok(format!("messages may have {bytes} bytes"))
}

/// Reads the bucket that the first node has created, and creates none.
async fn lease(link: &Link, cluster: &str, own: Duration) -> Finding {
    let found = jetstream::new(link.client.clone()).get_stream(format!("KV_livetape-{cluster}")).await;
    match found.map_err(|error| error.kind()) {
        Ok(bucket) => same_lease(cluster, bucket.cached_info().config.max_age, own)
            .map(|()| format!("the nodes have leases of {own:?}, like this one")),
        Err(GetStreamErrorKind::JetStream(error)) if error.error_code() == ErrorCode::STREAM_NOT_FOUND => {
            Ok(format!("no node has joined yet, so leases of {own:?} are possible"))
        }
        Err(_) => failed("JetStream does not return the lease of the nodes", ""),
    }
}

/// Leases do not depend on it, but the times of events do.
async fn clock_difference(store: &Store) -> Finding {
    let Some((ours, theirs)) = store.times().await else {
        return failed("JetStream does not return its time", "");
    };
    let difference = ours.abs_diff(theirs);
    if difference > CLOCK_DIFFERENCE_MAX {
        let which = if ours > theirs { "ahead of" } else { "behind" };
        let message =
            format!("the clock of this machine is {:.0} s {which} that of NATS", difference.as_secs_f64());
        return failed(
            &message,
            "synchronise the clocks with NTP: they decide the times of events, but not who owns the channel",
        );
    }
    Ok(format!("the clock differs from that of NATS by {} ms", difference.as_millis()))
}

/// Subject on which each NATS server describes itself to its system account, and to those that import it from there.
const FACTS: &str = "$SYS.REQ.SERVER.PING.VARZ";
/// Maximum time for a NATS server to describe itself.
const FACTS_TIME: Duration = Duration::from_secs(1);
/// Maximum number of NATS servers that are asked.
const SERVERS_MAX: usize = 64;

/// When a NATS server writes what it acknowledged to its disk.
#[derive(Debug, Deserialize, PartialEq)]
struct Sync {
    /// Whether before the acknowledgement.
    #[serde(default)]
    sync_always: bool,
    /// In nanoseconds. NATS 2.9 has no such setting.
    #[serde(default = "default_sync")]
    sync_interval: u64,
}

const fn default_sync() -> u64 {
    120_000_000_000
}

/// Asks all NATS servers. Returns nothing if this user may not.
async fn syncs(link: &Link) -> Vec<Sync> {
    let (client, inbox, mut found) = (&link.client, link.client.new_inbox(), Vec::new());
    let Ok(mut answers) = client.subscribe(inbox.clone()).await else { return found };
    if client.publish_with_reply(FACTS, inbox, Bytes::new()).await.is_err() {
        return found;
    }
    let ends = clock::now() + FACTS_TIME;
    while found.len() < SERVERS_MAX
        && let Ok(Some(answer)) = timeout_at(ends, answers.next()).await
        // Without a system account, NATS answers that nobody listens.
        && let Ok(facts) = serde_json::from_slice(&answer.payload)
    {
        found.extend(sync_of(&facts));
    }
    found
}

/// Returns nothing if JetStream is off at this server.
fn sync_of(facts: &Value) -> Option<Sync> {
    Sync::deserialize(facts.pointer("/data/jetstream/config")?).ok()
}

fn told_sync(servers: &[Sync]) -> String {
    let slowest = servers.iter().filter(|sync| !sync.sync_always).map(|sync| sync.sync_interval).max();
    match (servers.len(), slowest) {
        (0, _) => "JetStream may acknowledge before it syncs: only a system account can read `sync_interval`"
            .to_owned(),
        (_, None) => "JetStream syncs before it acknowledges (`sync_interval: always`)".to_owned(),
        (_, Some(nanos)) => format!(
            "JetStream syncs every {:?}: a power cut of NATS loses what it acknowledged since (`sync_interval`)",
            Duration::from_nanos(nanos)
        ),
    }
}

fn failed(message: &str, hint: &'static str) -> Finding {
    Err(Problem::new(Code::ClusterUnreachable, message).hint(hint))
}

/// Maximum time for a message to this process itself.
const ECHO_TIME_MAX: Duration = Duration::from_secs(5);
/// The stream that probes expect. It does not exist, so that JetStream stores none of them.
const NO_STREAM: &str = "livetape probe";
/// Content of probes: the start of an object, which JetStream cannot read as a request, so it executes none
/// of them. From 2.11 on, it takes other content as an empty request, and executes that.
const PROBE: Bytes = Bytes::from_static(b"{");

/// Subjects to publish on, each with one that a probe can use without an effect.
const PUBLISHED: [(&str, &str); 14] = [
    ("livetape.NAME.feed.>", "livetape.NAME.feed.main"),
    ("livetape.NAME.node.>", "livetape.NAME.node.probe"),
    ("livetape.NAME.free", "livetape.NAME.free"),
    ("livetape.NAME.order.>", "livetape.NAME.order.probe"),
    ("livetape.NAME.ws.>", "livetape.NAME.ws.probe"),
    ("$KV.livetape-NAME.>", "$KV.livetape-NAME.probe"),
    ("$JS.API.STREAM.LIST", "$JS.API.STREAM.LIST"),
    ("$JS.API.STREAM.INFO.*", "$JS.API.STREAM.INFO.livetape-NAME_main"),
    ("$JS.API.STREAM.CREATE.*", "$JS.API.STREAM.CREATE.livetape-NAME_main"),
    ("$JS.API.STREAM.DELETE.*", "$JS.API.STREAM.DELETE.livetape-NAME_probe"),
    ("$JS.API.STREAM.PURGE.*", "$JS.API.STREAM.PURGE.KV_livetape-NAME"),
    ("$JS.API.STREAM.MSG.GET.*", "$JS.API.STREAM.MSG.GET.livetape-NAME_main"),
    ("$JS.API.CONSUMER.>", "$JS.API.CONSUMER.INFO.livetape-NAME_main.probe"),
    ("_INBOX.>", "_INBOX.probe"),
];
const SUBSCRIBED: [&str; 6] = [
    "livetape.NAME.log.>",
    "livetape.NAME.node.>",
    "livetape.NAME.free",
    "livetape.NAME.order.>",
    "livetape.NAME.ws.>",
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
    fn the_slowest_server_decides_how_much_a_power_cut_loses() {
        let sync = |config: &str| {
            let answer = format!(r#"{{"server":{{}},"data":{{"jetstream":{{"config":{config}}}}}}}"#);
            sync_of(&serde_json::from_str(&answer).unwrap()).unwrap()
        };
        let always = r#"{"sync_interval":120000000000,"sync_always":true}"#;
        let told = |configs: &[&str]| told_sync(&configs.iter().map(|it| sync(it)).collect::<Vec<_>>());
        assert!(told(&[]).starts_with("JetStream may acknowledge before it syncs"));
        assert!(told(&[always, always]).starts_with("JetStream syncs before"));
        assert!(told(&[always, r#"{"sync_interval":10000000000}"#]).starts_with("JetStream syncs every 10s"));
        assert!(told(&["{}"]).starts_with("JetStream syncs every 120s"), "NATS 2.9");
    }

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
