//! What a process asks of the others: what only one may have at a time, and channels that all share.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Answer, Control, ORDERS_WAITING_MAX, Refusal, Term, give};
use crate::hub::Hub;

/// Asks the other processes. Without any, everything is free, and nothing is shared.
#[derive(Clone, Debug, Default)]
pub struct Claims(Option<mpsc::Sender<Asked>>);

/// A request to the other processes.
#[derive(Debug)]
pub enum Asked {
    /// For something that one process may have at a time.
    Claim(Wanted),
    /// To share the channel of a user.
    Channel(Joining),
}

/// A request to share the channel of a user with the other processes.
#[derive(Debug)]
pub struct Joining {
    pub user: String,
    /// This process's hub of the channel, [relayed](Hub::relayed).
    pub hub: Hub,
    /// The handle of its source. The process leaves when it is shut down.
    pub control: Control,
    /// Answered when the stream has a name.
    pub answer: Answer<Joined>,
}

/// Membership of this process in the channel of a user.
#[derive(Debug)]
pub struct Joined {
    /// The times in which this process owns the channel.
    pub terms: mpsc::Receiver<Term>,
    /// What the owner is doing, in its own words.
    pub intent: watch::Receiver<Option<Arc<str>>>,
}

/// A request for a claim.
#[derive(Debug)]
pub struct Wanted {
    pub what: What,
    /// Whether to wait for a process that is gone, or for an answer.
    pub waits: bool,
    /// Takes the claim. A claim that nobody waits for any more is released.
    pub answer: Answer<Claim>,
}

/// What to claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The connection to this user.
    User(String),
    /// One of this many slots.
    Slot(usize),
}

/// A claim, released on drop. It may be lost before.
#[derive(Debug, Default)]
pub struct Claim {
    lost: Option<CancellationToken>,
    _held: Option<DropGuard>,
}

impl Claims {
    /// Returns claims of a process with others, and the requests for them.
    #[must_use]
    pub fn shared() -> (Self, mpsc::Receiver<Asked>) {
        let (sender, asked) = mpsc::channel(ORDERS_WAITING_MAX);
        (Self(Some(sender)), asked)
    }

    /// Whether there are other processes.
    #[must_use]
    pub fn are_shared(&self) -> bool {
        self.0.is_some()
    }

    /// Shares the channel of a user. Returns when its stream has a name; `None` without other processes.
    ///
    /// # Errors
    /// If the other processes cannot be reached.
    pub async fn join(&self, user: &str, hub: &Hub, control: &Control) -> Result<Option<Joined>, Refusal> {
        let Some(others) = &self.0 else { return Ok(None) };
        let (user, hub, control) = (user.to_owned(), hub.clone(), control.clone());
        let asked = |answer| Asked::Channel(Joining { user, hub, control, answer });
        give(others, asked).await.map(Some)
    }

    /// # Errors
    /// `capacity` if other processes have it, another code if they cannot be reached.
    pub async fn take(&self, what: What, waits: bool) -> Result<Claim, Refusal> {
        match &self.0 {
            None => Ok(Claim::default()),
            Some(claims) => give(claims, |answer| Asked::Claim(Wanted { what, waits, answer })).await,
        }
    }
}

impl Wanted {
    /// Whether nobody waits for the claim any more.
    #[must_use]
    pub fn is_unheard(&self) -> bool {
        self.answer.is_unheard()
    }
}

impl Claim {
    /// Creates a claim: the first token is cancelled when the claim is lost, the second when it is dropped.
    #[must_use]
    pub fn new(lost: CancellationToken, dropped: CancellationToken) -> Self {
        Self { lost: Some(lost), _held: Some(dropped.drop_guard()) }
    }

    /// Returns a future that ends when the claim is lost.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + use<> {
        let lost = self.lost.clone();
        async move {
            match lost {
                Some(lost) => lost.cancelled_owned().await,
                None => std::future::pending().await,
            }
        }
    }
}
