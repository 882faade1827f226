//! Passes orders to the owner of the channel: to the source of this process, or to another node by request and reply.

use std::{sync::Arc, time::Duration};

use async_nats::{Client, client::RequestErrorKind};
use futures_util::StreamExt as _;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    time::{Instant, timeout_at},
};

use crate::{
    clock,
    control::{Command, Order, Reply},
    hub::Hub,
    sans_io::error::{Code, Problem},
};

/// Version of the messages.
const VERSION: u8 = 1;
/// Maximum time for the owner to execute an order: looking a user up and connecting takes several requests.
const ORDER_TIME: Duration = Duration::from_secs(60);
/// Minimum time to wait for an owner.
pub(super) const PATIENCE_MIN: Duration = Duration::from_secs(2);
/// Maximum number of orders that are executed at once: those of this process, and those of other nodes.
const ORDERS_MAX: usize = 64;

/// The owner of the channel, as far as this node knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Owner {
    /// Its node; `None` if there is none.
    pub(super) node: Option<String>,
    /// Whether this process is the owner now.
    pub(super) is_here: bool,
}

#[derive(Deserialize, Serialize)]
struct Asked {
    version: u8,
    command: Command,
}

#[derive(Deserialize, Serialize)]
struct Answered {
    version: u8,
    /// Absent if the node is not the owner, so that the order was not executed.
    reply: Option<Reply>,
}

/// Passes orders on.
#[derive(Clone)]
pub(super) struct Router {
    pub(super) client: Client,
    /// Subject of orders; the name of the node follows.
    pub(super) subject: String,
    pub(super) node: String,
    pub(super) owner: watch::Receiver<Owner>,
    pub(super) is_connected: watch::Receiver<bool>,
    pub(super) to_source: mpsc::Sender<Order>,
    pub(super) hub: Hub,
    /// Maximum time to wait for an owner.
    pub(super) patience: Duration,
}

impl Router {
    /// Passes on the orders of this process, until it ends.
    pub(super) async fn route(self, mut orders: mpsc::Receiver<Order>) {
        let places = Arc::new(Semaphore::new(ORDERS_MAX));
        while let Some(order) = orders.recv().await {
            let router = self.clone();
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            tokio::spawn(async move {
                let _place = place;
                let Some((command, replier)) = order.into_command() else { return };
                replier.send(router.execute(command).await);
            });
        }
    }

    /// Executes the orders of other nodes, until the process ends.
    pub(super) async fn serve(&self) -> Result<(), Problem> {
        let subject = format!("{}.{}", self.subject, self.node);
        let orders = self.client.subscribe(subject).await;
        let orders = orders.map_err(|_| unreachable("NATS refuses the subscription to orders"))?;
        let router = self.clone();
        tokio::spawn(orders.for_each_concurrent(ORDERS_MAX, move |message| {
            let router = router.clone();
            async move {
                let Some(inbox) = message.reply else { return };
                let reply = match serde_json::from_slice(&message.payload) {
                    Ok(Asked { version: VERSION, command }) => router.execute_here(command).await,
                    _ => Some(refused(Problem::new(
                        Code::ClusterVersion,
                        "the owner has another version of livetape",
                    ))),
                };
                let answered = serde_json::to_vec(&Answered { version: VERSION, reply }).unwrap_or_default();
                // The node that asked stops waiting by itself.
                drop(router.client.publish(inbox, answered.into()).await);
            }
        }));
        Ok(())
    }

    async fn execute(&self, command: Command) -> Reply {
        let mut owner = self.owner.clone();
        let patience_ends = clock::now() + self.patience;
        loop {
            let Owner { node, is_here } = owner.borrow_and_update().clone();
            let reply = match node {
                _ if is_here => self.execute_here(command.clone()).await,
                Some(node) if node != self.node && *self.is_connected.borrow() => {
                    match self.ask(&node, &command).await {
                        Ok(reply) => reply,
                        Err(problem) => return refused(problem),
                    }
                }
                _ => None,
            };
            if let Some(reply) = reply {
                return reply;
            }
            // The owner is gone, or about to change.
            if !wait(&mut owner, patience_ends).await {
                return refused(unreachable("no node of the cluster owns the channel"));
            }
        }
    }

    /// Returns `None` if this process is not the owner.
    async fn execute_here(&self, command: Command) -> Option<Reply> {
        if !self.owner.borrow().is_here {
            return None;
        }
        let term = self.hub.relay_term();
        let (order, replied) = command.into_order();
        self.to_source.send(order).await.ok()?;
        let reply = replied.await;
        // Answer only after the order's events were broadcast.
        let is_stored = timeout_at(clock::now() + self.patience, self.hub.relay_settled(term)).await;
        Some(match reply {
            Reply::Injected(_) if is_stored != Ok(true) => refused(unreachable(NOT_STORED)),
            reply => reply,
        })
    }

    /// Asks another node. Returns `None` if it did not execute the order.
    async fn ask(&self, node: &str, command: &Command) -> Result<Option<Reply>, Problem> {
        let asked =
            serde_json::to_vec(&Asked { version: VERSION, command: command.clone() }).unwrap_or_default();
        let request = async_nats::Request::new().payload(asked.into()).timeout(Some(ORDER_TIME));
        let mut connected = self.is_connected.clone();
        let answer = tokio::select! { biased;
            answer = self.client.send_request(format!("{}.{node}", self.subject), request) => answer,
            _ = connected.wait_for(|is_connected| !is_connected) => return Err(unreachable(UNKNOWN)),
        };
        match answer {
            Ok(message) => match serde_json::from_slice(&message.payload) {
                Ok(Answered { version: VERSION, reply }) => Ok(reply),
                _ => Err(Problem::new(
                    Code::ClusterVersion,
                    "the owner of the channel has another version of livetape",
                )),
            },
            Err(error) if error.kind() == RequestErrorKind::NoResponders => Ok(None),
            Err(_) => Err(unreachable(UNKNOWN)),
        }
    }
}

/// Message for injected events that were not stored in time.
const NOT_STORED: &str = "NATS has not stored the event: it may or may not be broadcast later";
/// Message for an order without an answer.
const UNKNOWN: &str = "the owner of the channel did not answer, and may or may not have executed the order";
/// Interval at which an owner that is about to change is asked again.
const AGAIN: Duration = Duration::from_millis(50);

/// Waits until it makes sense to look for the owner again. Returns `false` if the patience ends.
async fn wait(owner: &mut watch::Receiver<Owner>, patience_ends: Instant) -> bool {
    let now = clock::now();
    if now >= patience_ends {
        return false;
    }
    drop(timeout_at(patience_ends.min(now + AGAIN), owner.changed()).await);
    true
}

fn refused(problem: Problem) -> Reply {
    Reply::Refused(problem.into())
}

fn unreachable(message: &str) -> Problem {
    Problem::new(Code::ClusterUnreachable, message)
}
