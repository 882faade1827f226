//! Passes orders to the owner of the channel: to the source of this process, or to another node.
//!
//! ```text
//! this node ── order ──► owner     NATS may deliver it late, when nobody waits any more
//!           ◄── still? ──
//!           ── yes ────►           from here on, this node does not know whether it is executed
//!           ◄── answer ──
//! ```
//!
//! The owner asks on the subject of the node that the order names, and each node confirms the number of an order once, and
//! only while it waits: a copy of an order is never executed.

use std::{collections::HashMap, pin::Pin, sync::Arc, time::Duration};

use async_nats::{Client, Message, Request, StatusCode, Subject};
use bytes::Bytes;
use futures_util::StreamExt as _;
use livetape_core::{
    error::{Code, Problem},
    inject::{InjectRequest, Injected},
};
use livetape_feed::{
    control::{Answer, Check, Order, Refusal, ReplayOrder, ReplayState, Status, shutting_down},
    hub::Hub,
};
use livetape_io::clock;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::{
    sync::{Semaphore, mpsc, oneshot, watch},
    time::{Instant, sleep_until, timeout_at},
};

use super::store::{REFUSED_HINT, Refusals, SILENT, SILENT_HINT};

/// Version of the messages.
const VERSION: u8 = 1;
/// Maximum time for the owner to execute an order, beyond the patience: looking a user up and connecting
/// takes several requests.
const ORDER_TIME: Duration = Duration::from_secs(60);
/// Maximum time for a node to confirm that it still waits for the answer to an order.
const CONFIRM_TIME: Duration = Duration::from_secs(5);
/// Minimum time to wait for an owner, and time for the answer of one that is no longer the owner.
pub(super) const PATIENCE_MIN: Duration = Duration::from_secs(2);
/// Maximum time to wait for events of an order whose effects are stored: a fast replay has many.
const EVENTS_TIME: Duration = Duration::from_secs(1);
/// Maximum number of orders that are executed at once: those of this process, and those of other nodes.
const ORDERS_MAX: usize = 64;

/// The owner of the channel, as far as this node knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Owner {
    /// Its node; `None` if there is none.
    pub(super) node: Option<String>,
    /// Whether this process is the owner now.
    pub(super) is_here: bool,
    /// Why no node is, if none has been for long.
    pub(super) unowned: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct OrderMessage {
    version: u8,
    /// The node that waits for the answer.
    node: String,
    /// Number of the order: random, so that nobody can guess it.
    nonce: u64,
    command: Command,
}

/// Asks a node whether it still waits for the answer to an order.
#[derive(Deserialize, Serialize)]
struct Question {
    version: u8,
    confirm: u64,
}

/// What a node answers if it waits for the order, and confirms it for the first time.
const YES: &[u8] = b"yes";

/// Orders of this process that wait for an owner to take them, by their number. At most [`ORDERS_MAX`].
type Unconfirmed = Arc<Mutex<HashMap<u64, oneshot::Sender<()>>>>;

#[derive(Deserialize, Serialize)]
struct Answered {
    version: u8,
    /// Absent if the node is not the owner, so that the order was not executed.
    reply: Option<Reply>,
}

#[derive(Clone)]
pub(super) struct Router {
    pub(super) client: Client,
    /// Subject of orders; the name of the node follows.
    pub(super) subject: String,
    pub(super) node: String,
    pub(super) owner: watch::Receiver<Owner>,
    pub(super) is_connected: watch::Receiver<bool>,
    /// What JetStream refuses of this process.
    pub(super) refusals: watch::Receiver<Refusals>,
    pub(super) to_source: mpsc::Sender<Order>,
    pub(super) hub: Hub,
    pub(super) unconfirmed: Unconfirmed,
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
                let Some((command, answer)) = Command::of(order) else { return };
                answer(router.execute(command).await);
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
                if let Ok(Question { version: VERSION, confirm }) = serde_json::from_slice(&message.payload) {
                    return router.confirm(confirm, inbox).await;
                }
                let reply = match serde_json::from_slice(&message.payload) {
                    Ok(OrderMessage { version: VERSION, node, nonce, command }) => {
                        router.execute_for(&node, nonce, command).await
                    }
                    _ => Some(refused(other_version("the owner"))),
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
            if !*self.is_connected.borrow() {
                return refused(unreachable("this node cannot reach NATS"));
            }
            if self.refusals.borrow().is_silent() {
                return refused(unreachable(SILENT).hint(SILENT_HINT));
            }
            let Owner { node, is_here, unowned } = owner.borrow_and_update().clone();
            let reply = match (node, unowned) {
                _ if is_here => self.execute_here(command.clone()).await,
                (_, Some(why)) => {
                    let message = format!("no node owns the channel: {why}");
                    return refused(Problem::new(Code::ClusterUnowned, message));
                }
                (Some(node), None) if node != self.node => self.ask(&node, &command, patience_ends).await,
                _ => None,
            };
            if let Some(reply) = reply {
                return reply;
            }
            // The owner is gone, or about to change.
            if !wait(&mut owner, patience_ends).await {
                return refused(unreachable("no owner of the channel has taken the order in time"));
            }
        }
    }

    /// Returns `None` if the order was not executed, because this process is not the owner.
    async fn execute_here(&self, command: Command) -> Option<Reply> {
        if !self.owner.borrow().is_here {
            return None;
        }
        if let Some(why) = self.refusals.borrow().why() {
            let problem = unreachable(&format!("JetStream refuses messages: {why}"));
            return Some(refused(problem.hint(REFUSED_HINT)));
        }
        // Otherwise its source is about to end, and what it publishes is discarded.
        let term = self.hub.relay_term()?;
        let (order, replied) = command.into_order();
        self.to_source.send(order).await.ok()?;
        let Ok(reply) = timeout_at(self.order_ends(), replied).await else {
            return Some(refused(unconfirmed(NOT_DONE)));
        };
        match &reply {
            // The source ended before it answered, but the next one may continue what it did.
            Reply::Refused(Refusal { problem, .. }) if problem.code == Code::ShuttingDown => {
                return Some(refused(unconfirmed(NOT_STORED)));
            }
            Reply::Refused(_) | Reply::Check(_) => return Some(reply),
            Reply::Replay(_) | Reply::Status(_) | Reply::Injected(_) => {}
        }
        Some(if self.is_stored(term, &reply).await { reply } else { refused(unconfirmed(NOT_STORED)) })
    }

    /// Waits until the effects of an order are stored, and its events broadcast. Returns whether they are
    /// stored.
    async fn is_stored(&self, term: u64, reply: &Reply) -> bool {
        let (events, ends) = (self.hub.relay_settled(term), clock::now() + self.patience);
        if let Reply::Injected(_) = reply {
            return timeout_at(ends, events).await == Ok(true);
        }
        // Then the next owner knows what to do, and its events follow.
        let is_stored = timeout_at(ends, self.hub.relay_marked(term)).await == Ok(true);
        if is_stored {
            drop(timeout_at(clock::now() + EVENTS_TIME, events).await);
        }
        is_stored
    }

    /// Executes an order of another node, unless nobody waits for its answer any more. Returns `None` if it
    /// was not executed.
    async fn execute_for(&self, node: &str, nonce: u64, command: Command) -> Option<Reply> {
        // Otherwise it would ask on any subject.
        let is_name =
            !node.is_empty() && node.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !self.owner.borrow().is_here || !is_name {
            return None;
        }
        let question = serde_json::to_vec(&Question { version: VERSION, confirm: nonce }).ok()?;
        let question = Request::new().timeout(Some(CONFIRM_TIME)).payload(question.into());
        let answer = self.client.send_request(format!("{}.{node}", self.subject), question).await.ok()?;
        if answer.payload != YES {
            return None;
        }
        self.execute_here(command).await
    }

    /// Answers an owner that is about to execute an order of this process.
    async fn confirm(&self, nonce: u64, inbox: Subject) {
        let waiting = self.unconfirmed.lock().remove(&nonce);
        let is_waiting = waiting.is_some_and(|waiting| waiting.send(()).is_ok());
        let answer = if is_waiting { Bytes::from_static(YES) } else { Bytes::new() };
        // Without it, the owner does not execute the order.
        drop(self.client.publish(inbox, answer).await);
    }

    /// Asks another node. Returns `None` if it does not execute the order.
    async fn ask(&self, node: &str, command: &Command, ends: Instant) -> Option<Reply> {
        let (mut connected, mut owner) = (self.is_connected.clone(), self.owner.clone());
        let mut is_confirmed = false;
        let answer = tokio::select! { biased;
            answer = self.converse(node, command, ends, &mut is_confirmed) => answer,
            _ = connected.wait_for(|is_connected| !is_connected) => None,
            () = async {
                drop(owner.wait_for(|owner| owner.node.as_deref() != Some(node)).await);
                sleep_until(clock::now() + PATIENCE_MIN).await;
            } => None,
        };
        match answer {
            Some(message) if message.status == Some(StatusCode::NO_RESPONDERS) => None,
            Some(message) => match serde_json::from_slice(&message.payload) {
                Ok(Answered { version: VERSION, reply }) => reply,
                _ => Some(refused(other_version("the owner of the channel"))),
            },
            None => is_confirmed.then(|| refused(unconfirmed(NOT_DONE))),
        }
    }

    fn order_ends(&self) -> Instant {
        clock::now() + ORDER_TIME + self.patience
    }

    /// Sends the order, which is confirmed when the owner asks, and returns the answer. The order can only be
    /// executed after it was confirmed, which is no longer possible when this function ends.
    async fn converse(
        &self,
        node: &str,
        command: &Command,
        mut ends: Instant,
        is_confirmed: &mut bool,
    ) -> Option<Message> {
        let mut nonce = [0; 8];
        getrandom::fill(&mut nonce).ok()?;
        let nonce = u64::from_ne_bytes(nonce);
        let order =
            OrderMessage { version: VERSION, node: self.node.clone(), nonce, command: command.clone() };
        let asked = serde_json::to_vec(&order).ok()?;
        let inbox = self.client.new_inbox();
        let mut messages = self.client.subscribe(inbox.clone()).await.ok()?;
        let (confirming, mut confirmed) = oneshot::channel();
        self.unconfirmed.lock().insert(nonce, confirming);
        let _waiting = Waiting { unconfirmed: &self.unconfirmed, nonce };
        let subject = format!("{}.{node}", self.subject);
        self.client.publish_with_reply(subject, inbox, asked.into()).await.ok()?;
        loop {
            tokio::select! { biased;
                Ok(()) = &mut confirmed, if !*is_confirmed => {
                    *is_confirmed = true;
                    ends = self.order_ends();
                }
                message = timeout_at(ends, messages.next()) => return message.ok()?,
            }
        }
    }
}

/// Forgets an order that nobody waits for any more, so that it cannot be confirmed.
struct Waiting<'a> {
    unconfirmed: &'a Unconfirmed,
    nonce: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.unconfirmed.lock().remove(&self.nonce);
    }
}

/// Message for an order whose effects were not stored in time.
const NOT_STORED: &str = "NATS has not stored what the order did in time: it may or may not take effect";
/// Message for an order without an answer.
const NOT_DONE: &str = "the owner of the channel did not answer: the order may or may not take effect";
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

fn other_version(who: &str) -> Problem {
    Problem::new(Code::ClusterVersion, format!("{who} has another version of livetape"))
}

/// The order is not executed, also not later.
fn unreachable(message: &str) -> Problem {
    Problem::new(Code::ClusterUnreachable, message)
}

/// Nobody knows whether the order is executed.
fn unconfirmed(message: &str) -> Problem {
    Problem::new(Code::Unconfirmed, message)
}

/// An order for another process.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Command {
    Replay(ReplayOrder),
    Connect(String),
    Disconnect(String),
    Inject(Box<InjectRequest>),
    Test(String),
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reply {
    Replay(ReplayState),
    /// To [`Command::Connect`] and [`Command::Disconnect`].
    Status(Box<Status>),
    Injected(Injected),
    /// To [`Command::Test`].
    Check(Check),
    Refused(Refusal),
}

/// Passes a reply to the sender of the order.
pub(super) type Replier = Box<dyn FnOnce(Reply) + Send>;

fn replier<T: 'static + Send>(answer: Answer<T>, take: fn(Reply) -> Option<T>) -> Replier {
    Box::new(move |reply| match reply {
        Reply::Refused(refusal) => answer.refuse(refusal),
        reply => match take(reply) {
            Some(result) => answer.accept(result),
            None => {
                let message = "the owner answered something else than was asked";
                answer.refuse(Problem::new(Code::ClusterMessage, message));
            }
        },
    })
}

/// The reply, once the order was executed.
pub(super) type Replied = Pin<Box<dyn Future<Output = Reply> + Send>>;

impl Command {
    /// Splits an order for another process. A mock of this process or a browser beside it cannot be there.
    pub(super) fn of(order: Order) -> Option<(Self, Replier)> {
        Some(match order {
            Order::Replay(order, answer) => (Self::Replay(order), replier(answer, Reply::replay)),
            Order::Connect(user, answer) => (Self::Connect(user), replier(answer, Reply::status)),
            Order::Disconnect(user, answer) => (Self::Disconnect(user), replier(answer, Reply::status)),
            Order::Inject(request, answer) => {
                (Self::Inject(Box::new(request)), replier(answer, Reply::injected))
            }
            Order::Test(user, answer) => (Self::Test(user), replier(answer, Reply::check)),
            Order::ConnectMock(_, answer) => {
                let problem =
                    Problem::new(Code::BadRequest, "the nodes of a cluster cannot share a mock's room");
                answer.refuse(problem.hint("run `livetape mock`, and start every node with --upstream URL"));
                return None;
            }
            Order::ConnectTab(_, answer) => {
                let problem = Problem::new(Code::BadRequest, "the nodes of a cluster cannot share a tab");
                answer.refuse(problem.hint("follow it with a server outside of the cluster"));
                return None;
            }
        })
    }

    pub(super) fn into_order(self) -> (Order, Replied) {
        let of_status = |status| Reply::Status(Box::new(status));
        match self {
            Self::Replay(order) => ask(|answer| Order::Replay(order, answer), Reply::Replay),
            Self::Connect(user) => ask(|answer| Order::Connect(user, answer), of_status),
            Self::Disconnect(user) => ask(|answer| Order::Disconnect(user, answer), of_status),
            Self::Inject(request) => ask(|answer| Order::Inject(*request, answer), Reply::Injected),
            Self::Test(user) => ask(|answer| Order::Test(user, answer), Reply::Check),
        }
    }
}

impl Reply {
    fn replay(self) -> Option<ReplayState> {
        if let Self::Replay(state) = self { Some(state) } else { None }
    }

    fn status(self) -> Option<Status> {
        if let Self::Status(status) = self { Some(*status) } else { None }
    }

    fn injected(self) -> Option<Injected> {
        if let Self::Injected(injected) = self { Some(injected) } else { None }
    }

    fn check(self) -> Option<Check> {
        if let Self::Check(check) = self { Some(check) } else { None }
    }
}

fn ask<T: Send + 'static>(
    order: impl FnOnce(Answer<T>) -> Order,
    reply: impl FnOnce(T) -> Reply + Send + 'static,
) -> (Order, Replied) {
    let (answer, answered) = Answer::new();
    let replied = Box::pin(async move {
        match answered.await {
            Ok(Ok(result)) => reply(result),
            Ok(Err(refusal)) => Reply::Refused(refusal),
            Err(_) => Reply::Refused(shutting_down().into()),
        }
    });
    (order(answer), replied)
}
