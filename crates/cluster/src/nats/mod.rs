//! Several processes share channels over NATS, the main one and those of users: see `docs/cluster.md`.
//!
//! A [`Member`](crate::ownership::Member) decides; this module performs what it asks for. [`store`] is
//! JetStream, [`node`] the task between the member, the hub and the channel, whose owner `channels/terms.rs` of the
//! engine lets work. [`orders`] passes orders to the owner, wherever it is, [`report`] shows every node what the others are
//! doing, [`peers`] passes messages between clients, and [`claims`] are what one node may have at a time.

mod claims;
mod doctor;
mod node;
mod options;
mod orders;
mod peers;
mod report;
mod store;

use std::{
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

pub use claims::SLOTS_MAX;
pub use doctor::{Finding, diagnose};
use livetape_core::error::{Code, Problem};
use livetape_feed::{
    control::{Asked, Claims, Control, Driver, Peers, Term},
    hub::Hub,
};
use livetape_io::clock;
use options::Link;
pub use options::{Login, Options};
pub use report::Settings;
use store::{SILENT, Store};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};
use tokio_util::task::TaskTracker;
use tracing::warn;

use crate::{counts::Totals, ownership::margin};

/// Maximum time until the channel has an owner, beyond the lifetime of a lease.
const START_TIME: Duration = Duration::from_secs(10);

/// A connection to a cluster that this process has not joined yet.
pub struct Cluster {
    options: Options,
    link: Link,
    store: Store,
}

pub struct Membership {
    /// The times in which this process owns the channel.
    pub terms: mpsc::Receiver<Term>,
    /// Ends after the process left the cluster, when the server shuts down. Returns the number of events of
    /// rooms that it received, but could not store: at most, because answers of NATS may be missing. Fails,
    /// and shuts the server down, if NATS denies something that a node needs.
    pub left: JoinHandle<Result<u64, Problem>>,
    /// The servers of the other nodes.
    pub peers: Peers,
    /// Ends when this process has read the channel, whose stream has a name once it has an owner; fails if
    /// that takes too long.
    pub ready: Pin<Box<dyn Future<Output = Result<(), Problem>> + Send>>,
}

impl Cluster {
    /// Connects to NATS.
    ///
    /// # Errors
    /// `cluster_unreachable` if NATS or JetStream cannot be used, `bad_config` or `cluster_message` if the
    /// cluster is not as this node expects.
    pub async fn connect(options: Options) -> Result<Self, Problem> {
        let ends = clock::now() + options::START_MAX;
        let link = options.connect_in_time().await?;
        doctor::message_size(&link)?;
        doctor::check(&link, &options.cluster).await?;
        let store = Store::new(&link, &options);
        let mut ensured = store.ensure().await;
        // NATS servers that have just started may have no leader yet.
        while let Err(problem) = &ensured
            && problem.message == SILENT
            && clock::now() < ends
        {
            // Waiting does not help.
            options::first_denied(&link.denied)?;
            let (code, hint, wait) = (problem.code.name(), &problem.hint, options::START_MAX);
            warn!(code, why = %problem, hint, "⏳ Waiting for JetStream, up to {wait:?}");
            ensured = store.ensure().await;
        }
        // The reason why JetStream does not answer, if NATS gave it after the check.
        options::first_denied(&link.denied)?;
        ensured?;
        Ok(Self { options, link, store })
    }

    #[must_use]
    pub fn node(&self) -> &str {
        &self.options.node
    }

    /// Returns the maximum time for closing an upstream: another node may connect when the lease has expired,
    /// and this one also needs time to notice that its own ends.
    #[must_use]
    pub fn close_timeout(&self) -> Duration {
        margin(self.options.lease) / 2
    }

    /// Joins the cluster, and leaves it when the server shuts down. `hub` must be [relayed](Hub::relayed).
    ///
    /// # Errors
    /// `cluster_unreachable`.
    pub async fn join(self, hub: Hub, control: Control, driver: &mut Driver) -> Result<Membership, Problem> {
        let Self { options, link, store } = self;
        let (totals, held) = (Totals::default(), TaskTracker::new());
        let (announced, heard) = claims::announcements(&totals);
        let (from_here, to_source) = driver.intercept();
        let shown = claims::Shown { owner: heard.owner.clone(), intent: heard.intent };
        let router = orders::Router {
            client: link.client.clone(),
            subject: store.subject("order"),
            node: options.node.clone(),
            owner: heard.owner,
            is_connected: link.is_connected.clone(),
            refusals: store.refusals.subscribe(),
            to_source,
            hub: hub.clone(),
            tickets: Arc::default(),
            patience: options.lease * 2 + orders::PATIENCE_MIN,
            owed: held.clone(),
            shutdown: control.shutdown().clone(),
        };
        router.serve().await?;
        tokio::spawn(router.route(from_here));
        let (peers, carried) = Peers::linked();
        let carrier = peers::Carrier::new(
            &link.client,
            &store,
            &options.node,
            link.is_connected.clone(),
            control.clone(),
        );
        tokio::spawn(carrier.await?.run(carried));
        let pause = store.read_pause(START_TIME).await;
        options::first_denied(&link.denied)?;
        if let Some(pause) = pause? {
            control.limit().learn(&pause);
        }
        let (claims, asked) = Claims::shared();
        driver.claims = claims;
        let claimant = claims::Claimant {
            store: store.clone(),
            node: options.node.clone(),
            lease: options.lease,
            count: Arc::default(),
            held: held.clone(),
        };
        let is_connected = link.is_connected;
        let rooms = claims::Rooms {
            options: options.clone(),
            store: store.clone(),
            tasks: held.clone(),
            shown,
            totals: totals.clone(),
        };
        tokio::spawn(serve(asked, claimant, rooms, is_connected.clone()));
        tokio::spawn(store.clone().remove_expired(options.node.clone()));
        let (has_stream, within) = (heard.has_stream, START_TIME + options.lease);
        let (denied, denied_later) = (link.denied.clone(), link.denied);
        let ready = Box::pin(async move {
            tokio::select! { biased;
                () = options::denied(denied.clone()) => {}
                ready = ready(has_stream, within) => ready?,
            }
            options::first_denied(&denied)
        });
        let (_, always) = watch::channel(true);
        let shutdown = control.shutdown().clone();
        let node = node::Node::new(options, is_connected, store, (hub, control), announced, always).await?;
        let left = tokio::spawn(async move {
            let mut running = pin!(node.run());
            let refused = tokio::select! { biased;
                () = &mut running => Ok(()),
                refused = denied_at_start(denied_later) => {
                    shutdown.cancel();
                    running.await;
                    refused
                }
            };
            claims::released(held).await;
            refused.map(|()| totals.lost())
        });
        Ok(Membership { terms: heard.terms, left, peers, ready })
    }
}

/// Does what this process asks of the cluster, until it ends.
async fn serve(
    mut asked: mpsc::Receiver<Asked>,
    claimant: claims::Claimant,
    rooms: claims::Rooms,
    is_connected: watch::Receiver<bool>,
) {
    while let Some(asked) = asked.recv().await {
        match asked {
            Asked::Claim(wanted) => drop(tokio::spawn(claimant.clone().answer(wanted))),
            Asked::Channel(joining) => drop(tokio::spawn(rooms.clone().join(joining, is_connected.clone()))),
        }
    }
}

/// Waits for what NATS denies; forever, if that is nothing. On a busy machine, the client may tell it after
/// the check.
async fn denied_at_start(denied: options::Denied) -> Result<(), Problem> {
    if timeout(START_TIME, options::denied(denied.clone())).await.is_err() {
        std::future::pending::<()>().await;
    }
    options::first_denied(&denied)
}

async fn ready(mut has_stream: watch::Receiver<bool>, within: Duration) -> Result<(), Problem> {
    match timeout(within, has_stream.wait_for(|has| *has)).await {
        Ok(Ok(_)) => Ok(()),
        _ => Err(Problem::new(
            Code::ClusterUnreachable,
            "no node could become the owner of the channel in time",
        )),
    }
}
