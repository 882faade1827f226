//! Messages between the servers of processes that share channels: bytes, whose meaning only servers know. Each may be lost,
//! and arrives at most once.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use livetape_core::error::{Code, Problem};
use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::timeout,
};

/// Maximum size of a message, in bytes.
pub const PEER_BYTES_MAX: usize = 900 << 10;
/// Maximum size of the messages that wait in one direction, in bytes.
const WAITING_BYTES_MAX: u32 = 16 << 20;
/// Maximum time for all answers.
const ANSWERS_TIME_MAX: Duration = Duration::from_secs(3);
/// What each of them counts, besides its content.
const OVERHEAD_BYTES: u32 = 512;

/// The other servers. Clones share it.
#[derive(Clone, Debug)]
pub struct Peers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    outgoing: Queue<Outgoing>,
    incoming: Mutex<Option<mpsc::UnboundedReceiver<Queued<Incoming>>>>,
    lost: Arc<AtomicU64>,
}

/// What carries the messages.
#[derive(Debug)]
pub struct PeerLink {
    outgoing: mpsc::UnboundedReceiver<Queued<Outgoing>>,
    incoming: Queue<Incoming>,
}

/// A message for all other servers.
#[derive(Debug)]
pub enum Outgoing {
    Tell(Bytes),
    Ask(Question),
}

/// A question for all other servers.
#[derive(Debug)]
pub struct Question {
    pub bytes: Bytes,
    /// Minimum number of answers to wait for, if more servers are there than are known.
    pub at_least: usize,
    pub answers: oneshot::Sender<Result<Vec<Bytes>, Problem>>,
}

/// A message from another server.
#[derive(Debug)]
pub struct Incoming {
    /// The other process.
    pub from: Arc<str>,
    pub bytes: Bytes,
    /// Where the answer goes, if it is a question.
    pub answer: Option<oneshot::Sender<Bytes>>,
}

/// A message, and the part of a queue that it takes until it is dropped.
type Queued<T> = (T, OwnedSemaphorePermit);

/// A queue that is bounded by the size of its messages.
#[derive(Debug)]
struct Queue<T> {
    sender: mpsc::UnboundedSender<Queued<T>>,
    free: Arc<Semaphore>,
    lost: Arc<AtomicU64>,
}

impl<T> Queue<T> {
    fn new(lost: &Arc<AtomicU64>) -> (Self, mpsc::UnboundedReceiver<Queued<T>>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let free = Arc::new(Semaphore::new(WAITING_BYTES_MAX as usize));
        (Self { sender, free, lost: Arc::clone(lost) }, receiver)
    }

    /// Queues a message, unless there is no room for it. Returns whether it is queued.
    fn push(&self, message: T, bytes: usize) -> bool {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).saturating_add(OVERHEAD_BYTES);
        let permit = Arc::clone(&self.free).try_acquire_many_owned(bytes.min(WAITING_BYTES_MAX));
        let is_queued = permit.is_ok_and(|permit| self.sender.send((message, permit)).is_ok());
        if !is_queued {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        is_queued
    }
}

impl Peers {
    #[must_use]
    pub fn linked() -> (Self, PeerLink) {
        let lost = Arc::default();
        let ((outgoing, to_carry), (incoming, carried)) = (Queue::new(&lost), Queue::new(&lost));
        let shared = Shared { outgoing, incoming: Mutex::new(Some(carried)), lost };
        (Self(Arc::new(shared)), PeerLink { outgoing: to_carry, incoming })
    }

    /// Tells all other servers. A message without a place in the queue is lost, and counted.
    pub fn tell(&self, bytes: Bytes) {
        let size = bytes.len();
        self.0.outgoing.push(Outgoing::Tell(bytes), size);
    }

    /// Asks all other servers, and returns the answers that arrive in time. Waits for servers that are known, and for
    /// `at_least` so many.
    ///
    /// # Errors
    /// `cluster_unreachable` if nobody can be asked.
    pub async fn ask(&self, bytes: Bytes, at_least: usize) -> Result<Vec<Bytes>, Problem> {
        let unreachable = || Problem::new(Code::ClusterUnreachable, "this node cannot ask the others");
        let (answers, answered) = oneshot::channel();
        let size = bytes.len();
        self.0.outgoing.push(Outgoing::Ask(Question { bytes, at_least, answers }), size);
        // Whatever carries it may be stuck.
        timeout(ANSWERS_TIME_MAX, answered).await.ok().and_then(Result::ok).ok_or_else(unreachable)?
    }

    /// Takes the messages of other servers, the first time.
    #[must_use]
    pub fn messages(&self) -> Option<PeerMessages> {
        self.0.incoming.lock().take().map(PeerMessages)
    }

    /// Returns the number of messages that were lost because a queue was full.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }
}

/// The messages of other servers.
#[derive(Debug)]
pub struct PeerMessages(mpsc::UnboundedReceiver<Queued<Incoming>>);

impl PeerMessages {
    /// Returns the next message; `None` if there will be none. Cancel safe.
    pub async fn next(&mut self) -> Option<Incoming> {
        self.0.recv().await.map(|(message, _)| message)
    }
}

impl PeerLink {
    /// Returns the next message to carry; `None` if there will be none. Cancel safe.
    pub async fn next(&mut self) -> Option<Outgoing> {
        self.outgoing.recv().await.map(|(message, _)| message)
    }

    /// Passes a message to the server of this process. One without a place in the queue is lost, and counted.
    pub fn pass(&self, message: Incoming) {
        let size = message.bytes.len();
        self.incoming.push(message, size);
    }

    /// Counts a message that cannot be carried.
    pub fn lose(&self) {
        self.incoming.lost.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn queues_are_bounded_by_bytes_and_losses_are_counted() {
        let (peers, mut link) = Peers::linked();
        let message = Bytes::from(vec![0; PEER_BYTES_MAX]);
        for _ in 0..30 {
            peers.tell(message.clone());
        }
        let fit = WAITING_BYTES_MAX as usize / (PEER_BYTES_MAX + OVERHEAD_BYTES as usize);
        assert_eq!(peers.lost(), 30 - fit as u64);
        for _ in 0..fit {
            assert!(matches!(link.next().await, Some(Outgoing::Tell(bytes)) if bytes == message));
        }
        peers.tell(message.clone());
        assert_eq!(peers.lost(), 30 - fit as u64, "there is room again");
        // Empty messages take room, too.
        (0..100_000)
            .for_each(|_| link.pass(Incoming { from: "a".into(), bytes: Bytes::new(), answer: None }));
        assert_eq!(peers.lost(), 30 - fit as u64 + 100_000 - u64::from(WAITING_BYTES_MAX / OVERHEAD_BYTES));
        let mut messages = peers.messages().unwrap();
        assert!(messages.next().await.is_some() && peers.messages().is_none());
    }

    #[tokio::test]
    async fn a_question_without_a_link_is_refused() {
        let (peers, link) = Peers::linked();
        drop(link);
        assert_eq!(peers.ask(Bytes::new(), 0).await.unwrap_err().code, Code::ClusterUnreachable);
    }
}
