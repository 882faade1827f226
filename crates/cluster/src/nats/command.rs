//! Orders and answers between processes that share a channel.

use std::{fmt, pin::Pin};

use livetape_core::{
    error::{Code, Problem},
    inject::{InjectRequest, Injected},
};
use livetape_feed::control::{
    Answer, Check, Order, Refusal, ReplayOrder, ReplayState, Status, shutting_down,
};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

/// An order for another process.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Command {
    Replay(ReplayOrder),
    Connect(String),
    Disconnect(String),
    Inject(InjectRequest),
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
pub(super) struct Replier(Box<dyn FnOnce(Reply) + Send>);

impl Replier {
    pub(super) fn send(self, reply: Reply) {
        (self.0)(reply);
    }

    fn of<T: 'static + Send>(answer: Answer<T>, take: fn(Reply) -> Option<T>) -> Self {
        Self(Box::new(move |reply| match reply {
            Reply::Refused(refusal) => answer.refuse(refusal),
            reply => match take(reply) {
                Some(result) => answer.accept(result),
                None => answer.refuse(unexpected()),
            },
        }))
    }
}

impl fmt::Debug for Replier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Replier")
    }
}

/// The reply, once the order was executed.
pub(super) type Replied = Pin<Box<dyn Future<Output = Reply> + Send>>;

impl Command {
    /// Splits an order for another process. A room of this process's mock cannot be there.
    pub(super) fn of(order: Order) -> Option<(Self, Replier)> {
        Some(match order {
            Order::Replay(order, answer) => (Self::Replay(order), Replier::of(answer, Reply::replay)),
            Order::Connect(user, answer) => (Self::Connect(user), Replier::of(answer, Reply::status)),
            Order::Disconnect(user, answer) => (Self::Disconnect(user), Replier::of(answer, Reply::status)),
            Order::Inject(request, answer) => (Self::Inject(request), Replier::of(answer, Reply::injected)),
            Order::Test(user, answer) => (Self::Test(user), Replier::of(answer, Reply::check)),
            Order::ConnectMock(_, answer) => {
                let problem =
                    Problem::new(Code::BadRequest, "the nodes of a cluster cannot share a mock's room");
                answer.refuse(problem.hint("run `livetape mock`, and start every node with --upstream URL"));
                return None;
            }
        })
    }

    pub(super) fn into_order(self) -> (Order, Replied) {
        match self {
            Self::Replay(order) => {
                let (answer, answered) = Answer::new();
                (Order::Replay(order, answer), reply(answered, Reply::Replay))
            }
            Self::Connect(user) => {
                let (answer, answered) = Answer::new();
                (Order::Connect(user, answer), reply(answered, |status| Reply::Status(Box::new(status))))
            }
            Self::Disconnect(user) => {
                let (answer, answered) = Answer::new();
                (Order::Disconnect(user, answer), reply(answered, |status| Reply::Status(Box::new(status))))
            }
            Self::Inject(request) => {
                let (answer, answered) = Answer::new();
                (Order::Inject(request, answer), reply(answered, Reply::Injected))
            }
            Self::Test(user) => {
                let (answer, answered) = Answer::new();
                (Order::Test(user, answer), reply(answered, Reply::Check))
            }
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

fn reply<T: Send + 'static>(
    answered: oneshot::Receiver<Result<T, Refusal>>,
    of: impl FnOnce(T) -> Reply + Send + 'static,
) -> Replied {
    Box::pin(async move {
        match answered.await {
            Ok(Ok(result)) => of(result),
            Ok(Err(refusal)) => Reply::Refused(refusal),
            Err(_) => Reply::Refused(shutting_down().into()),
        }
    })
}

fn unexpected() -> Problem {
    Problem::new(Code::ClusterMessage, "the owner answered something else than was asked")
}
