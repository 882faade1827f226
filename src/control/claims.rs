//! What only one process of a cluster may have at a time: the connection to a user, and each slot for a live room.

use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Answer, ORDERS_WAITING_MAX, Refusal, give};

/// Asks the cluster for claims. Without a cluster, everything is free.
#[derive(Clone, Debug, Default)]
pub struct Claims(Option<mpsc::Sender<Wanted>>);

/// A request for a claim.
#[derive(Debug)]
pub struct Wanted {
    /// What to claim.
    pub what: What,
    /// Whether to wait for a process that is gone, or for the cluster.
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
    Place(usize),
}

/// A claim, released on drop. It may be lost before.
#[derive(Debug, Default)]
pub struct Claim {
    lost: Option<CancellationToken>,
    _held: Option<DropGuard>,
}

impl Claims {
    /// Returns the requests of a process in a cluster, too.
    #[must_use]
    pub fn shared() -> (Self, mpsc::Receiver<Wanted>) {
        let (sender, wanted) = mpsc::channel(ORDERS_WAITING_MAX);
        (Self(Some(sender)), wanted)
    }

    /// Claims something.
    ///
    /// # Errors
    /// `capacity` if other processes have it, `cluster_unreachable`.
    pub async fn take(&self, what: What, waits: bool) -> Result<Claim, Refusal> {
        match &self.0 {
            None => Ok(Claim::default()),
            Some(claims) => give(claims, |answer| Wanted { what, waits, answer }).await,
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
