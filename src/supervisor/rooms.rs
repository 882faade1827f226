//! Rooms that another channel can follow. One upstream connection then supplies both channels: the room's
//! own and the main one.
//!
//! In one process, the main channel follows the room that a token has open. In a cluster, whichever of the two connects first is
//! followed by the other.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep_until, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{Next, Supervisor};
use crate::{
    clock,
    control::{Answer, ChannelRegistry, Status},
    sans_io::recording::{Item, Snapshot, What, records::Header},
    source::live::{Live, Outcome, Transport},
};

/// Maximum number of items that wait for the following channel.
const ITEMS_WAITING_MAX: usize = 16;
/// Interval at which the main channel checks that the channel of its room is open, and that channel whether it has readers elsewhere.
const ROOM_CHECKED: Duration = Duration::from_secs(1);

/// Rooms by user. Clones share them. The lock is only held for copying.
#[derive(Clone, Debug, Default)]
pub(super) struct Rooms(Arc<Mutex<BTreeMap<String, mpsc::Sender<Follower>>>>);

/// A request for the items of a room.
#[derive(Debug)]
pub(super) struct Follower {
    items: mpsc::Sender<Item>,
    outcome: oneshot::Sender<Outcome>,
    accepted: oneshot::Sender<(Header, Instant)>,
}

/// The connected side: forwards its items to the channel that follows.
#[derive(Debug)]
pub(super) struct Followed {
    rooms: Rooms,
    user: String,
    requests: mpsc::Receiver<Follower>,
    follower: Option<(mpsc::Sender<Item>, oneshot::Sender<Outcome>)>,
    snapshot: Snapshot,
    /// Status of the last failed attempt, until one succeeds.
    failed: Option<Item>,
}

impl Rooms {
    /// Offers the room of `user` until the returned value is dropped.
    pub(super) fn offer(&self, user: &str) -> Followed {
        self.offer_in(&mut self.lock(), user)
    }

    /// Like [`offer`](Self::offer), unless another channel offers the room.
    pub(super) fn try_offer(&self, user: &str) -> Option<Followed> {
        let mut rooms = self.lock();
        let is_free = rooms.get(&user.to_lowercase()).is_none_or(mpsc::Sender::is_closed);
        is_free.then(|| self.offer_in(&mut rooms, user))
    }

    fn offer_in(&self, rooms: &mut BTreeMap<String, mpsc::Sender<Follower>>, user: &str) -> Followed {
        let (sender, requests) = mpsc::channel(1);
        rooms.insert(user.to_lowercase(), sender);
        let (rooms, user) = (self.clone(), user.to_lowercase());
        Followed { rooms, user, requests, follower: None, snapshot: Snapshot::default(), failed: None }
    }

    pub(super) fn has(&self, user: &str) -> bool {
        self.lock().contains_key(&user.to_lowercase())
    }

    /// Returns the room of `user` as a source, if it is offered.
    pub(super) async fn follow(&self, user: &str) -> Option<Live> {
        let requests = self.lock().get(&user.to_lowercase()).cloned()?;
        let (items, from) = mpsc::channel(ITEMS_WAITING_MAX);
        let ((outcome, ended), (accepted, answer)) = (oneshot::channel(), oneshot::channel());
        requests.send(Follower { items, outcome, accepted }).await.ok()?;
        // A request that was sent while the room ended stays in its channel as long as a sender exists. With
        // this one, `answer` would never resolve.
        drop(requests);
        let (header, started) = answer.await.ok()?;
        let (stop, (out, items)) = (CancellationToken::new(), mpsc::channel(ITEMS_WAITING_MAX));
        let task = tokio::spawn(pass_on(from, ended, out, stop.clone()));
        Some(Live::over(header, items, task, stop).started_at(started))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, mpsc::Sender<Follower>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Transport> Supervisor<T> {
    /// Returns the room of `user` if another channel of this process is connected to it, so that no user is connected twice.
    pub(super) async fn follow_room(&mut self, user: &str) -> Option<Live> {
        // Tokens open rooms of TikTok.
        if self.is_mocked {
            return None;
        }
        // Held as long as the main channel follows.
        let lease = self.registry.as_ref().and_then(|registry| registry.lease(user));
        let shares = self.shares(user);
        if lease.is_none() && !shares {
            return None;
        }
        while !self.shutdown.is_cancelled() {
            if shares {
                tokio::select! { biased;
                    () = self.shutdown.cancelled() => return None,
                    () = self.wanted(user) => {}
                }
                self.followed = self.common.rooms.try_offer(user);
                if self.followed.is_some() {
                    return None;
                }
            }
            let live = tokio::select! { biased;
                () = self.shutdown.cancelled() => None,
                live = self.common.rooms.follow(user) => live,
            };
            if live.is_some() {
                (self.following, self.follows, self.place, self.claim) = (lease, true, None, None);
                return live;
            }
            if !shares {
                return None;
            }
        }
        None
    }

    /// Waits until a room of a token has readers, here or elsewhere, or the main channel is connected to it. It may have been
    /// opened for the main channel, which has left it since.
    async fn wanted(&self, user: &str) {
        if self.registry.is_some() {
            return;
        }
        let is_read = || self.driver.cluster().is_some_and(|cluster| cluster.is_read_elsewhere());
        while !self.common.rooms.has(user) && !is_read() {
            let soon = clock::now() + ROOM_CHECKED;
            if timeout_at(soon, self.hub.wait_for_subscribers(1)).await.is_ok() {
                return;
            }
        }
    }

    /// Whether the room of `user` also has a channel of its own, which the processes of a cluster share.
    pub(super) fn shares(&self, user: &str) -> bool {
        let is_opened = |registry: &ChannelRegistry| registry.has_token(user);
        self.common.claims.are_shared() && !self.is_mocked && self.registry.as_ref().is_none_or(is_opened)
    }

    /// Keeps the room's own channel open at this process, so that it gets the items of the main channel. Stops on drop.
    pub(super) fn keep_room(&self, user: &str) -> Option<DropGuard> {
        let opener = self.opener.clone().filter(|_| self.shares(user))?;
        let (dropped, user) = (CancellationToken::new(), user.to_owned());
        let guard = dropped.clone().drop_guard();
        tokio::spawn(dropped.run_until_cancelled_owned(async move {
            loop {
                let _lease = opener.room(&user).await;
                // It may have ended, or NATS have been unreachable.
                sleep_until(clock::now() + ROOM_CHECKED).await;
            }
        }));
        Some(guard)
    }

    /// Runs a source that is already connected.
    pub(super) async fn follow_live(
        &mut self,
        user: &str,
        live: Live,
        answer: Option<Answer<Status>>,
    ) -> Next {
        let next = match self.start_recorder(user, live.header().clone()) {
            Ok(recorder) => self.pass_on(user, live, recorder, answer).await,
            Err(problem) => self.refuse(answer, problem).await,
        };
        (self.following, self.follows) = (None, false);
        next
    }
}

/// Forwards items until the room ends or its follower stops.
async fn pass_on(
    mut from: mpsc::Receiver<Item>,
    ended: oneshot::Receiver<Outcome>,
    out: mpsc::Sender<Item>,
    stop: CancellationToken,
) -> Outcome {
    loop {
        let item = tokio::select! { biased;
            () = stop.cancelled() => return Outcome::Stopped,
            item = from.recv() => item,
        };
        let Some(item) = item else { return ended.await.unwrap_or(Outcome::Stopped) };
        if out.send(item).await.is_err() {
            return Outcome::Stopped;
        }
    }
}

/// Waits for the next request to follow; forever, if the room is not offered. Cancel safe.
pub(super) async fn requested(followed: &mut Option<Followed>) -> Follower {
    let request = match followed {
        Some(followed) => followed.requests.recv().await,
        None => None,
    };
    match request {
        Some(follower) => follower,
        // The list holds a sender as long as the room is offered.
        None => std::future::pending().await,
    }
}

impl Followed {
    /// Starts with the current state: the open connection, or the last failure.
    pub(super) async fn accept(&mut self, follower: Follower, header: &Header, started: Instant) {
        let Follower { items, outcome, accepted } = follower;
        if accepted.send((header.clone(), started)).is_err() {
            return;
        }
        self.follower = Some((items, outcome));
        let now = clock::now().duration_since(started);
        let failed = self.failed.as_ref().map(|item| failure_at(item, now));
        for item in self.snapshot.openings(now).chain(failed).collect::<Vec<_>>() {
            self.send(item).await;
        }
    }

    /// Forwards an item, and updates the state for later followers.
    pub(super) async fn pass(&mut self, item: &Item) {
        self.snapshot.take(item);
        match &item.what {
            What::Status(_) => self.failed = Some(item.clone()),
            What::ConnOpen(_) => self.failed = None,
            _ => {}
        }
        self.send(item.clone()).await;
    }

    async fn send(&mut self, item: Item) {
        if let Some((items, _)) = &self.follower
            && items.send(item).await.is_err()
        {
            self.follower = None;
        }
    }

    /// Reports to the follower how the room ended.
    pub(super) fn end(mut self, outcome: &Outcome) {
        if let Some((_, told)) = self.follower.take() {
            // The follower may have stopped in the meantime.
            let _ = told.send(outcome.clone());
        }
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.requests.close();
        let mut rooms = self.rooms.lock();
        // Another room may have taken its place by now.
        if rooms.get(&self.user).is_some_and(mpsc::Sender::is_closed) {
            rooms.remove(&self.user);
        }
    }
}

/// Returns a failure as of `now`, with the remaining wait.
fn failure_at(failed: &Item, now: Duration) -> Item {
    let mut item = Item { offset: now, ..failed.clone() };
    if let What::Status(status) = &mut item.what {
        let over = u64::try_from(now.saturating_sub(failed.offset).as_millis()).unwrap_or(u64::MAX);
        status.retry_after_ms = status.retry_after_ms.map(|wait| wait.saturating_sub(over));
    }
    item
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    /// Rooms that end while somebody asks to follow them.
    const RACES: usize = 20_000;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_room_that_ends_during_a_request_answers_it() {
        let rooms = Rooms::default();
        for _ in 0..RACES {
            let followed = rooms.offer("ann");
            let (start, ends) = (Arc::new(Barrier::new(2)), rooms.clone());
            let waiting = Arc::clone(&start);
            let request = tokio::spawn(async move {
                waiting.wait();
                ends.follow("ann").await.is_none()
            });
            let end = tokio::task::spawn_blocking(move || {
                start.wait();
                drop(followed);
            });
            end.await.unwrap();
            let refused = tokio::time::timeout(Duration::from_secs(10), request).await;
            assert!(refused.expect("the request to be answered").unwrap());
        }
    }
}
