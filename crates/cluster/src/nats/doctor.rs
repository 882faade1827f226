//! `livetape doctor`: checks whether a node could use NATS, without joining the cluster.

use std::time::Duration;

use async_nats::jetstream::{self, ErrorCode, context::GetStreamErrorKind};
use livetape_core::error::{Code, Problem};

use super::{
    Options,
    access::{self, round_trip},
    options::{Link, same_lease},
    store::Store,
};
use crate::ownership::record::RECORD_BYTES_MAX;

const ROUND_TRIPS: usize = 5;
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
    let store = Store::new(link.client.clone(), options);
    let allowed = access::check(&link, &options.cluster).await;
    let time = answer_time(&link, options.lease).await;
    // The client may report it late.
    let allowed = allowed.and_then(|()| access::first_denied(&link.denied));
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
    findings
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

fn failed(message: &str, hint: &'static str) -> Finding {
    Err(Problem::new(Code::ClusterUnreachable, message).hint(hint))
}
