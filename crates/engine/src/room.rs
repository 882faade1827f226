//! A room is one connection upstream: a live room or a browser tab, whose items any number of
//! [channels](crate::channels) receive.
//!
//! The channel that opens a room decides when it ends; others are guests, who come and leave at any time. A
//! guest starts with the current state: the open connection, or the last failure. Each channel decodes the
//! items itself, because its events have their own numbers and history.
//!
//! ```text
//!              reserve            Room::new               the opener leaves, or a claim is lost
//!   (no room) ─────────► Reserved ─────────► Open ───────────────────────────────────────► Leaving
//!       ▲                   │                 │ ▲                                             │
//!       └─ dropped: guests ─┘                 │ └─ attach: as often as channels ask           │ the source has
//!          that wait try again                └──────────── the source has ended ───► End ◄───┘ closed its socket
//! ```
//!
//! ARCHITECTURE.md lists who ends a room, and what its clients get.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Arc, OnceLock},
    time::Duration,
};

use futures_util::future::select_all;
use livetape_core::{
    error::{Cause, Code, Problem},
    recording::{Item, Snapshot, What, records::Header},
};
use livetape_feed::control::{self, Claim, Claims, Limit, Refusal};
use livetape_io::clock;
use parking_lot::Mutex;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::source::live::{Batches, Live, LiveOptions, Outcome};

/// Maximum number of injections that wait for the room.
const INJECTIONS_WAITING_MAX: usize = 16;
/// Number of the channel that opened a room; those of guests are higher.
const OPENER: u64 = 0;

/// A request to become a guest.
type Request = oneshot::Sender<Attachment>;

/// An injected item, and the number of the channel that it is from.
type Injection = (u64, Item);

/// The rooms of this process, by user, and the limits on them. Clones share them. The lock is only held for
/// copying.
#[derive(Clone, Debug)]
pub(crate) struct Rooms {
    reserved: Arc<Mutex<BTreeMap<String, mpsc::Sender<Request>>>>,
    pub(crate) slots: Slots,
}

impl Rooms {
    pub(crate) fn new(max_live: usize, claims: Claims) -> Self {
        Self { reserved: Arc::default(), slots: Slots::new(max_live, claims) }
    }

    /// Whether several processes share the slots, and the channels of tokens.
    pub(crate) fn are_shared(&self) -> bool {
        self.slots.claims.are_shared()
    }

    /// Reserves the room of `user`, unless another channel has it.
    pub(crate) fn reserve(&self, user: &str) -> Option<Reserved> {
        let user = user.to_lowercase();
        let mut reserved = self.reserved.lock();
        if reserved.get(&user).is_some_and(|requests| !requests.is_closed()) {
            return None;
        }
        let (sender, requests) = mpsc::channel(1);
        reserved.insert(user.clone(), sender);
        Some(Reserved { rooms: self.clone(), user, requests })
    }

    /// Obtains what a permit lacks, in this order: a look-up is only used up by a room that can be opened. What fails is
    /// refused with
    ///
    /// 1. the failure of the last look-up, if the upstream answered it a moment ago;
    /// 2. `capacity`, if another process is connected to the user (the claim);
    /// 3. `capacity`, if all live rooms are taken (the slot);
    /// 4. `rate_limited`, or `capacity` if the look-ups of this minute are used up (the turn).
    pub(crate) async fn obtain(
        &self,
        mut permit: Permit,
        options: &LiveOptions,
        needs: Needs,
    ) -> Result<Permit, Refused> {
        let turn_max = needs.turn_max.filter(|_| permit.turn.is_none());
        if turn_max.is_some()
            && let Some(known) = options.limit.known(&options.user, options.wait_live.is_some())
        {
            return Err(Refused::ByUpstream(known.into()));
        }
        if needs.claim && permit.claim.is_none() {
            let user = control::What::User(options.user.clone());
            permit.claim = Some(self.slots.claims.take(user, needs.waits).await?);
        }
        // A process that left the room had a slot for it, and releases it after the claim.
        if needs.slot && permit.slot.is_none() {
            permit.slot = Some(self.slots.take(needs.waits).await?);
        }
        if let Some(wait_max) = turn_max {
            permit.turn = Some(options.admit(wait_max).map_err(|refusal| match refusal.problem.code {
                Code::RateLimited => Refused::ByUpstream(refusal),
                _ => Refused::Here(refusal),
            })?);
        }
        Ok(permit)
    }

    /// Whether a channel has the room of `user`, open or reserved.
    pub(crate) fn has(&self, user: &str) -> bool {
        self.reserved.lock().contains_key(&user.to_lowercase())
    }

    /// Attaches to the room of `user` as a guest, as soon as it is open. Returns `None` if no channel has it,
    /// or it ends before.
    pub(crate) async fn attach(&self, user: &str) -> Option<Attachment> {
        let requests = self.reserved.lock().get(&user.to_lowercase()).cloned()?;
        let (request, answer) = oneshot::channel();
        requests.send(request).await.ok()?;
        // A request that was sent while the room ended stays in its channel as long as a sender exists. With
        // this one, `answer` would never resolve.
        drop(requests);
        answer.await.ok()
    }
}

/// The right to open the room of a user, until it is dropped. Requests of guests wait in it.
#[derive(Debug)]
pub(crate) struct Reserved {
    rooms: Rooms,
    user: String,
    requests: mpsc::Receiver<Request>,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.requests.close();
        let mut reserved = self.rooms.reserved.lock();
        // Another channel may have reserved the room by now.
        if reserved.get(&self.user).is_some_and(mpsc::Sender::is_closed) {
            reserved.remove(&self.user);
        }
    }
}

/// A room that has not started, and its state afterwards, in a task of its own.
pub(crate) struct Room {
    live: Live,
    /// Whether the source was stopped. Its last items still arrive, but no channel can attach.
    is_leaving: bool,
    permit: Permit,
    /// The limiter that learns how long the upstream asks to wait.
    limit: Limit,
    stop: CancellationToken,
    /// How the room ends for guests, if the opener decided that.
    told: Arc<OnceLock<Outcome>>,
    channels: Vec<Member>,
    last_number: u64,
    injections: (mpsc::Sender<Injection>, mpsc::Receiver<Injection>),
    snapshot: Snapshot,
    /// Status of the last failed attempt, until one succeeds.
    failed: Option<Item>,
}

/// The room's end of a channel.
struct Member {
    number: u64,
    batches: mpsc::Sender<Vec<Item>>,
    end: oneshot::Sender<End>,
}

/// How a room ended for a channel.
#[derive(Debug)]
pub(crate) struct End {
    pub(crate) outcome: Outcome,
    /// The slot of the room, if this channel opened it.
    pub(crate) slot: Option<Slot>,
}

impl Room {
    /// Creates a room from its source. Channels can attach by user if the permit contains the reservation.
    pub(crate) fn new(live: Live, permit: Permit, limit: Limit) -> Self {
        Self {
            live,
            is_leaving: false,
            permit,
            limit,
            stop: CancellationToken::new(),
            told: Arc::default(),
            channels: Vec::new(),
            last_number: OPENER,
            injections: mpsc::channel(INJECTIONS_WAITING_MAX),
            snapshot: Snapshot::default(),
            failed: None,
        }
    }

    /// Attaches a guest. One that attaches before the start misses nothing.
    pub(crate) fn attach(&mut self) -> Attachment {
        self.last_number += 1;
        self.attach_as(self.last_number, None)
    }

    /// Attaches the channel that opened the room, and starts to pass on items.
    pub(crate) fn start(mut self) -> Attachment {
        let (told, stop) = (Arc::clone(&self.told), self.stop.clone());
        let opener = EndsRoom { told, stop: stop.clone(), _dropped: stop.drop_guard() };
        let attachment = self.attach_as(OPENER, Some(opener));
        tokio::spawn(self.run());
        attachment
    }

    fn attach_as(&mut self, number: u64, opener: Option<EndsRoom>) -> Attachment {
        let ((sender, batches), (end, ended)) = (Batches::channel(), oneshot::channel());
        self.channels.push(Member { number, batches: sender, end });
        Attachment {
            number,
            header: self.live.header.clone(),
            started: self.live.started,
            batches,
            injections: self.injections.0.clone(),
            end: Some(ended),
            opener,
        }
    }

    async fn run(mut self) {
        let stop = self.stop.clone();
        let mut lost = self.permit.lost();
        loop {
            let is_open = !self.is_leaving;
            tokio::select! { biased;
                () = stop.cancelled(), if is_open => self.leave(),
                _ = &mut lost, if is_open => self.leave(),
                Some((from, item)) = self.injections.1.recv() => self.pass(vec![item], Some(from)).await,
                request = requested(&mut self.permit.reserved), if is_open => self.admit(request).await,
                items = self.live.next_batch() => match items {
                    Some(items) => self.take(items).await,
                    None => break,
                }
            }
        }
        self.end().await;
    }

    fn leave(&mut self) {
        self.is_leaving = true;
        self.live.stop();
    }

    /// Attaches a guest while the room is open: it gets the current state first.
    async fn admit(&mut self, request: Request) {
        if request.send(self.attach()).is_err() {
            self.channels.pop();
            return;
        }
        let now = clock::now().duration_since(self.live.started);
        let failed = self.failed.as_ref().map(|item| failure_at(item, now));
        let state = self.snapshot.openings(now).chain(failed).collect();
        if let Some(guest) = self.channels.last() {
            // A guest that has left is removed with the next items.
            let _ = guest.batches.send(state).await;
        }
    }

    async fn take(&mut self, items: Vec<Item>) {
        for item in &items {
            self.snapshot.take(item);
            match &item.what {
                What::Status(status) => {
                    let is_limited = status.code == Code::RateLimited.name();
                    if let Some(wait) = status.retry_after_ms.filter(|_| is_limited) {
                        self.limit.set(Duration::from_millis(wait));
                    }
                    self.failed = Some(item.clone());
                }
                What::ConnOpen(_) => self.failed = None,
                _ => {}
            }
        }
        self.pass(items, None).await;
    }

    /// Passes items on to all channels but the one that they are from.
    async fn pass(&mut self, items: Vec<Item>, from: Option<u64>) {
        let mut at = 0;
        while let Some(channel) = self.channels.get(at) {
            if from == Some(channel.number) || channel.batches.send(items.clone()).await.is_ok() {
                at += 1;
            } else {
                self.channels.remove(at);
            }
        }
    }

    async fn end(self) {
        let Permit { reserved, claim, mut slot, .. } = self.permit;
        // Before anybody is told of the end: guests may have to open the room again.
        drop((reserved, claim));
        let outcome = self.live.outcome().await;
        let told = self.told.get().unwrap_or(&outcome);
        for Member { number, end, .. } in self.channels {
            let is_opener = number == OPENER;
            let (outcome, slot) = if is_opener { (&outcome, slot.take()) } else { (told, None) };
            // It may have left in the meantime.
            let _ = end.send(End { outcome: outcome.clone(), slot });
        }
    }
}

/// A channel's end of a room.
pub(crate) struct Attachment {
    number: u64,
    /// Header for a decoder and a recording.
    pub(crate) header: Header,
    /// Time of offset 0.
    pub(crate) started: Instant,
    batches: Batches,
    injections: mpsc::Sender<Injection>,
    /// `None` for a guest that has left.
    end: Option<oneshot::Receiver<End>>,
    opener: Option<EndsRoom>,
}

/// What ends the room, also on drop.
struct EndsRoom {
    told: Arc<OnceLock<Outcome>>,
    stop: CancellationToken,
    _dropped: DropGuard,
}

impl Attachment {
    pub(crate) fn is_opener(&self) -> bool {
        self.opener.is_some()
    }

    /// Returns the next item, or `None` at the end. Cancel safe.
    pub(crate) async fn next(&mut self) -> Option<Item> {
        self.batches.next().await
    }

    /// Passes an injected item to the other channels of the room.
    pub(crate) async fn inject(&mut self, item: Item) {
        let mut passed = pin!(self.injections.send((self.number, item)));
        loop {
            tokio::select! { biased;
                _ = &mut passed => return,
                // The room may wait for this channel to take items.
                Some(()) = self.batches.receive() => {}
            }
        }
    }

    /// Leaves the room, which ends it if this channel opened it: for guests with `told`, or else as if they
    /// were stopped. The remaining items still follow.
    pub(crate) fn leave(&mut self, told: Option<Outcome>) {
        match &self.opener {
            Some(opener) => {
                told.into_iter().for_each(|told| drop(opener.told.set(told)));
                opener.stop.cancel();
            }
            None => {
                self.batches.close();
                self.end = None;
            }
        }
    }

    /// Returns how the room ended for this channel, after [`Attachment::next`] has returned `None`.
    pub(crate) async fn end(self) -> End {
        drop(self.batches);
        let Some(end) = self.end else { return End { outcome: Outcome::Stopped, slot: None } };
        end.await.unwrap_or_else(|_| {
            let problem = Problem::new(Code::ConnectionLost, "the task of the room has failed");
            End { outcome: Outcome::Failed(problem), slot: None }
        })
    }
}

/// The right to open a room, or the part of it that was obtained so far. See [`Rooms::reserve`] and [`Rooms::obtain`].
#[derive(Debug, Default)]
pub(crate) struct Permit {
    /// The user, in this process. A tab without a user has none.
    pub(crate) reserved: Option<Reserved>,
    /// The user, in all processes.
    pub(crate) claim: Option<Claim>,
    /// One of the live rooms. A room that is replaced leaves it to the next one.
    pub(crate) slot: Option<Slot>,
    /// When its user may be looked up.
    pub(crate) turn: Option<Instant>,
}

impl Permit {
    /// Returns a future that ends when another process takes the user or the slot.
    fn lost(&self) -> impl Future<Output: Send> + Send + Unpin + use<> {
        let never = Claim::default();
        let slot = self.slot.as_ref().map_or(&never, |slot| &slot.claim);
        let claims = [slot, self.claim.as_ref().unwrap_or(&never)];
        select_all(claims.map(|claim| Box::pin(claim.lost())))
    }
}

/// What [`Rooms::obtain`] is to obtain, unless the permit has it.
pub(crate) struct Needs {
    pub(crate) claim: bool,
    pub(crate) slot: bool,
    /// Whether to wait for processes that are gone, or leave the user to this one.
    pub(crate) waits: bool,
    /// Maximum time until its turn; `None` if it needs none.
    pub(crate) turn_max: Option<Duration>,
}

/// Why a permit is incomplete.
pub(crate) enum Refused {
    /// What the upstream answered a moment ago.
    ByUpstream(Refusal),
    /// A limit of this process, or another process.
    Here(Refusal),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Here(refusal)
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::ByUpstream(refusal) | Refused::Here(refusal) => refusal,
        }
    }
}

/// The slots for live rooms, of this process and those that share its claims.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    pub(crate) claims: Claims,
    free: Arc<Semaphore>,
    max_live: usize,
}

/// A slot for a live room, released on drop.
#[derive(Debug)]
pub(crate) struct Slot {
    _here: OwnedSemaphorePermit,
    claim: Claim,
}

impl Slots {
    pub(crate) fn new(max_live: usize, claims: Claims) -> Self {
        let max_live = max_live.clamp(1, Semaphore::MAX_PERMITS);
        Self { claims, free: Arc::new(Semaphore::new(max_live)), max_live }
    }

    /// Takes a slot for a live room. `waits`: for processes that are gone.
    pub(crate) async fn take(&self, waits: bool) -> Result<Slot, Refusal> {
        let _here = Arc::clone(&self.free).try_acquire_owned().map_err(|_| {
            let max = self.max_live;
            let message = match max {
                1 => "another live room is already connected, and the maximum is one".to_owned(),
                _ => format!("the maximum number of live rooms, {max}, is already connected"),
            };
            Problem::capacity(Cause::LiveRooms, message)
                .hint("try again when a room has ended, or raise `server.max_live`")
        })?;
        let claim = self.claims.take(control::What::Slot(self.max_live), waits).await?;
        Ok(Slot { _here, claim })
    }
}

/// Waits for the next request of a guest; forever, if none can come. Cancel safe.
async fn requested(reserved: &mut Option<Reserved>) -> Request {
    let request = match reserved {
        Some(reserved) => reserved.requests.recv().await,
        None => None,
    };
    match request {
        Some(request) => request,
        // The map holds a sender as long as the room is reserved.
        None => std::future::pending().await,
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

    /// Rooms that end while another channel asks for them.
    const RACES: usize = 5000;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_room_that_ends_during_a_request_answers_it() {
        let rooms = Rooms::new(1, Claims::default());
        for _ in 0..RACES {
            let reserved = rooms.reserve("ann").unwrap();
            let (start, ends) = (Arc::new(Barrier::new(2)), rooms.clone());
            let waiting = Arc::clone(&start);
            let request = tokio::spawn(async move {
                waiting.wait();
                ends.attach("ann").await.is_none()
            });
            let end = tokio::task::spawn_blocking(move || {
                start.wait();
                drop(reserved);
            });
            end.await.unwrap();
            assert!(request.await.unwrap());
        }
    }
}
