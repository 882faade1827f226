//! What a room needs before it is connected: a slot, the claim on its user, a look-up.

use std::sync::Arc;

use livetape_core::error::{Cause, Problem};
use livetape_feed::control::{Claim, Claims, Refusal, What};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::Reserved;
use crate::source::live::LiveOptions;

/// What was obtained for a room so far.
#[derive(Debug, Default)]
pub(crate) struct Permit {
    pub(crate) reserved: Option<Reserved>,
    pub(crate) slot: Option<Slot>,
    pub(crate) claim: Option<Claim>,
    /// When its user may be looked up.
    pub(crate) turn: Option<Instant>,
}

/// The slots for live rooms, of this process and those that share its claims.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    claims: Claims,
    free: Arc<Semaphore>,
    max_live: usize,
}

/// A slot for a live room, released on drop.
#[derive(Debug)]
pub(crate) struct Slot {
    _here: OwnedSemaphorePermit,
    claim: Claim,
}

impl Slot {
    pub(crate) fn claim(&self) -> &Claim {
        &self.claim
    }
}

impl Slots {
    pub(crate) fn new(max_live: usize, claims: Claims) -> Self {
        let max_live = max_live.clamp(1, Semaphore::MAX_PERMITS);
        Self { claims, free: Arc::new(Semaphore::new(max_live)), max_live }
    }

    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
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
        let claim = self.claims.take(What::Slot(self.max_live), waits).await?;
        Ok(Slot { _here, claim })
    }

    /// Claims the connection to a user, so that no other process connects, too.
    pub(crate) async fn claim(&self, user: &str, waits: bool) -> Result<Claim, Refusal> {
        self.claims.take(What::User(user.to_owned()), waits).await
    }
}

/// Rejects a user whom the upstream does not know, or who is not live, according to its last answer.
pub(crate) fn check_known(user: &str, options: &LiveOptions) -> Result<(), Refusal> {
    let known = options.limit.known(user, options.wait_live.is_some());
    known.map_or(Ok(()), |known| Err(known.into()))
}
