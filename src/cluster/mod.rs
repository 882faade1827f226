//! Several processes share one main channel over NATS: see `docs/cluster.md`.
//!
//! [`sans_io::cluster::Member`](crate::sans_io::cluster::Member) decides; this module performs what it asks for. [`store`] is JetStream, [`node`]
//! the task between the member, the hub and the supervisor. [`orders`] passes orders to the owner, wherever it is, and
//! [`report`] shows every node what the others are doing.

mod access;
mod counts;
mod doctor;
mod node;
mod options;
mod orders;
mod progress;
mod report;
mod store;

use std::{pin::Pin, time::Duration};

pub use doctor::{Finding, diagnose};
use options::Link;
pub use options::{Login, Options};
use store::Store;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    control::{Control, Driver, Term},
    hub::Hub,
    sans_io::error::{Code, Problem},
};

/// Maximum time until the channel has an owner, beyond the lifetime of a lease.
const START_TIME: Duration = Duration::from_secs(10);

/// A connection to a cluster that this process has not joined yet.
pub struct Cluster {
    options: Options,
    link: Link,
    store: Store,
}

/// Membership of this process.
pub struct Membership {
    /// The times in which this process owns the channel.
    pub terms: mpsc::Receiver<Term>,
    /// Ends after the process left the cluster, when the server shuts down.
    pub left: JoinHandle<()>,
    /// Ends when the channel has an owner, so that its stream has a name; fails if that takes too long.
    pub ready: Pin<Box<dyn Future<Output = Result<(), Problem>> + Send>>,
}

impl Cluster {
    /// Connects to NATS.
    ///
    /// # Errors
    /// `cluster_unreachable` if NATS or JetStream cannot be used, `bad_config` or `cluster_message` if the cluster is
    /// not as this node expects.
    pub async fn connect(options: Options) -> Result<Self, Problem> {
        let link = options.connect().await?;
        access::check(&link, &options.cluster).await?;
        let store = Store::new(link.client.clone(), &options);
        let ensured = store.ensure().await;
        // The reason why JetStream does not answer, if NATS gave it after the check.
        access::first_denied(&link.denied)?;
        ensured?;
        Ok(Self { options, link, store })
    }

    /// Returns the name of this node.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.options.node
    }

    /// Joins the cluster, and leaves it when the server shuts down. `hub` must be [relayed](Hub::relayed).
    ///
    /// # Errors
    /// `cluster_unreachable`.
    pub async fn join(self, hub: Hub, control: Control, driver: &mut Driver) -> Result<Membership, Problem> {
        let Self { options, link, store } = self;
        let (sender, terms) = mpsc::channel(1);
        let (streams, has_stream) = watch::channel(false);
        let (owners, owner) = watch::channel(orders::Owner::default());
        let (from_here, to_source) = driver.intercept();
        let router = orders::Router {
            client: link.client.clone(),
            subject: store.subject("order"),
            node: options.node.clone(),
            owner,
            is_connected: link.is_connected.clone(),
            to_source,
            hub: hub.clone(),
            patience: options.lease * 2 + orders::PATIENCE_MIN,
        };
        router.serve().await?;
        tokio::spawn(router.route(from_here));
        let ready = Box::pin(ready(has_stream, START_TIME + options.lease));
        let node = node::Node::new(options, link, store, hub, control, sender, owners, streams).await?;
        Ok(Membership { terms, left: tokio::spawn(node.run()), ready })
    }
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
