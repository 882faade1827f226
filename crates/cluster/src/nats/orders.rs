//! Passes orders to the owner of the channel: to the source of this process, or to another node.
//!
//! ```text
//! this node ── ticket? ──► owner     until here, this node knows that nothing is executed
//!           ◄── ticket ──
//!           ── order ────►           NATS may deliver it late: tickets expire
//!           ◄── answer ──
//! ```
//!
//! Each ticket admits one order: a copy of an order is never executed. An owner that shuts down issues no more of them, and
//! waits for the orders of those that it has issued.

use std::{collections::HashMap, pin::Pin, sync::Arc, time::Duration};

use async_nats::{Client, Request, RequestErrorKind};
use futures_util::StreamExt as _;
use livetape_core::{
    error::{Code, Problem},
    inject::InjectRequest,
};
use livetape_feed::{
    control::{Answer, Order, Refusal, ReplayOrder},
    hub::Hub,
};
use livetape_io::clock;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::{
    sync::{Semaphore, mpsc, watch},
    time::{Instant, sleep_until, timeout, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::store::{REFUSED_HINT, Refusals, SILENT, SILENT_HINT};

/// Version of the messages.
const VERSION: u8 = 1;
/// Maximum time for the owner to execute an order, beyond the patience: looking a user up and connecting
/// takes several requests.
const ORDER_TIME: Duration = Duration::from_secs(60);
/// Time for which a ticket admits an order.
const TICKET_TIME: Duration = Duration::from_secs(5);
/// Maximum number of tickets that are valid at once.
const TICKETS_MAX: usize = 1_024;
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
struct Asked {
    version: u8,
    /// An order with its ticket. Without one, asks for a ticket.
    order: Option<(u64, Command)>,
}

#[derive(Deserialize, Serialize)]
struct Answered {
    version: u8,
    /// Absent from a node that is not the owner.
    ticket: Option<u64>,
    /// Absent if the order was not executed: the node is not the owner, or the ticket is not valid.
    reply: Option<Reply>,
}

impl Answered {
    fn new(ticket: Option<u64>, reply: Option<Reply>) -> Self {
        Self { version: VERSION, ticket, reply }
    }
}

/// When each ticket of this process was issued. They are random, so that nobody can guess them.
type Tickets = Arc<watch::Sender<HashMap<u64, Instant>>>;

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
    pub(super) tickets: Tickets,
    /// Maximum time to wait for an owner.
    pub(super) patience: Duration,
    /// What this process still owes to other nodes when it shuts down.
    pub(super) owed: TaskTracker,
    pub(super) shutdown: CancellationToken,
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
            router.owed.clone().track_future(async move {
                let Some(inbox) = message.reply else { return };
                let answered = match serde_json::from_slice(&message.payload) {
                    Ok(Asked { version: VERSION, order: None }) => Answered::new(router.issue(), None),
                    Ok(Asked { version: VERSION, order: Some((ticket, command)) }) => {
                        let is_valid = router.redeem(ticket);
                        let reply = if is_valid { router.execute_here(command).await } else { None };
                        Answered::new(None, reply)
                    }
                    _ => Answered::new(None, Some(refused(other_version("the owner")))),
                };
                let answered = serde_json::to_vec(&answered).unwrap_or_default();
                // The node that asked stops waiting by itself. This process may be about to end.
                drop(router.client.publish(inbox, answered.into()).await);
                drop(router.client.flush().await);
            })
        }));
        let (shutdown, mut tickets) = (self.shutdown.clone(), self.tickets.subscribe());
        self.owed.spawn(async move {
            shutdown.cancelled().await;
            drop(timeout(TICKET_TIME, tickets.wait_for(HashMap::is_empty)).await);
        });
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
        if let Some(why) = self.refusals.borrow().why().filter(|why| **why != *SILENT) {
            let problem = unreachable(&format!("JetStream refuses messages: {why}"));
            return Some(refused(problem.hint(REFUSED_HINT)));
        }
        // Otherwise its source is about to end, and what it publishes is discarded.
        let term = self.hub.relay_term()?;
        let (is_check, is_injection) =
            (matches!(command, Command::Test(_)), matches!(command, Command::Inject(_)));
        let (order, replied) = command.into_order();
        self.to_source.send(order).await.ok()?;
        let Ok(reply) = timeout_at(self.order_ends(), replied).await else {
            return Some(refused(unconfirmed(NOT_DONE)));
        };
        match &reply {
            Err(Refusal { problem, .. }) if problem.code == Code::ShuttingDown => {
                // Its source ended without taking it. What one begins to inject may be stored all the same.
                is_injection.then(|| refused(unconfirmed(NOT_STORED)))
            }
            Ok(_) if !is_check && !self.is_stored(term, is_injection).await => {
                Some(refused(unconfirmed(NOT_STORED)))
            }
            _ => Some(reply),
        }
    }

    /// Waits until the effects of an order are stored, and its events broadcast. Returns whether they are
    /// stored.
    async fn is_stored(&self, term: u64, is_injection: bool) -> bool {
        let (events, ends) = (self.hub.relay_settled(term), clock::now() + self.patience);
        if is_injection {
            return timeout_at(ends, events).await == Ok(true);
        }
        // Then the next owner knows what to do, and its events follow.
        let is_stored = timeout_at(ends, self.hub.relay_marked(term)).await == Ok(true);
        if is_stored {
            drop(timeout_at(clock::now() + EVENTS_TIME, events).await);
        }
        is_stored
    }

    fn issue(&self) -> Option<u64> {
        let (mut ticket, now) = ([0; 8], clock::now());
        getrandom::fill(&mut ticket).ok()?;
        let ticket = u64::from_ne_bytes(ticket);
        let is_owner = self.owner.borrow().is_here;
        let is_issued = self.tickets.send_if_modified(|tickets| {
            tickets.retain(|_, issued| *issued + TICKET_TIME > now);
            let may_issue = is_owner && !self.shutdown.is_cancelled() && tickets.len() < TICKETS_MAX;
            may_issue && tickets.insert(ticket, now).is_none()
        });
        is_issued.then_some(ticket)
    }

    fn redeem(&self, ticket: u64) -> bool {
        let mut issued = None;
        self.tickets.send_modify(|tickets| issued = tickets.remove(&ticket));
        issued.is_some_and(|issued| issued + TICKET_TIME > clock::now())
    }

    /// Asks another node. Returns `None` if it does not execute the order.
    async fn ask(&self, node: &str, command: &Command, ends: Instant) -> Option<Reply> {
        let Answered { ticket, reply, .. } = self.request(node, None, ends).await?;
        let Some(ticket) = ticket else { return reply };
        match self.request(node, Some((ticket, command.clone())), self.order_ends()).await {
            Some(answered) => answered.reply,
            None => Some(refused(unconfirmed(NOT_DONE))),
        }
    }

    /// Returns `None` if no answer arrives in time, or none can be expected any more.
    async fn request(&self, node: &str, order: Option<(u64, Command)>, ends: Instant) -> Option<Answered> {
        let (mut connected, mut owner) = (self.is_connected.clone(), self.owner.clone());
        let asked = serde_json::to_vec(&Asked { version: VERSION, order }).ok()?;
        let request = Request::new().timeout(None).payload(asked.into());
        let answer = tokio::select! { biased;
            answer = self.client.send_request(format!("{}.{node}", self.subject), request) => answer,
            _ = connected.wait_for(|is_connected| !is_connected) => return None,
            () = async {
                drop(owner.wait_for(|owner| owner.node.as_deref() != Some(node)).await);
                sleep_until(clock::now() + PATIENCE_MIN).await;
            } => return None,
            () = sleep_until(ends) => return None,
        };
        match answer {
            Ok(message) => Some(match serde_json::from_slice(&message.payload) {
                Ok(answered @ Answered { version: VERSION, .. }) => answered,
                _ => Answered::new(None, Some(refused(other_version("the owner of the channel")))),
            }),
            // It is gone.
            Err(error) if error.kind() == RequestErrorKind::NoResponders => Some(Answered::new(None, None)),
            Err(_) => None,
        }
    }

    fn order_ends(&self) -> Instant {
        clock::now() + ORDER_TIME + self.patience
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

fn refused<T>(problem: Problem) -> Result<T, Refusal> {
    Err(problem.into())
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
enum Command {
    Replay(ReplayOrder),
    Connect(String),
    Disconnect(String),
    Inject(Box<InjectRequest>),
    Test(String),
}

/// The answer to a command: its result, or why there is none.
type Reply = Result<Value, Refusal>;

/// Passes a reply to the sender of the order.
type Replier = Box<dyn FnOnce(Reply) + Send>;

fn replier<T: DeserializeOwned + Send + 'static>(answer: Answer<T>) -> Replier {
    let other = || Problem::new(Code::ClusterMessage, "the owner answered something else than was asked");
    let read = move |result| serde_json::from_value(result).map_err(|_| other().into());
    Box::new(move |reply| answer.send(reply.and_then(read)))
}

/// The reply, once the order was executed.
type Replied = Pin<Box<dyn Future<Output = Reply> + Send>>;

impl Command {
    /// Splits an order for another process. A mock of this process or a browser beside it cannot be there.
    fn of(order: Order) -> Option<(Self, Replier)> {
        Some(match order {
            Order::Replay(order, answer) => (Self::Replay(order), replier(answer)),
            Order::Connect(user, answer) => (Self::Connect(user), replier(answer)),
            Order::Disconnect(user, answer) => (Self::Disconnect(user), replier(answer)),
            Order::Inject(request, answer) => (Self::Inject(Box::new(request)), replier(answer)),
            Order::Test(user, answer) => (Self::Test(user), replier(answer)),
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

    fn into_order(self) -> (Order, Replied) {
        match self {
            Self::Replay(order) => ask(|answer| Order::Replay(order, answer)),
            Self::Connect(user) => ask(|answer| Order::Connect(user, answer)),
            Self::Disconnect(user) => ask(|answer| Order::Disconnect(user, answer)),
            Self::Inject(request) => ask(|answer| Order::Inject(*request, answer)),
            Self::Test(user) => ask(|answer| Order::Test(user, answer)),
        }
    }
}

fn ask<T: Serialize + Send + 'static>(order: impl FnOnce(Answer<T>) -> Order) -> (Order, Replied) {
    let (answer, answered) = Answer::new();
    let replied = Box::pin(async move {
        // The source ended before it answered, but the next one may continue what it did.
        let result = answered.await.unwrap_or_else(|_| refused(unconfirmed(NOT_STORED)))?;
        Ok(serde_json::to_value(result).unwrap_or_default())
    });
    (order(answer), replied)
}
