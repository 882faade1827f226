//! State that all sources of a server share: the upstream rate limit, and the slots for live rooms.

use std::{pin::Pin, sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

use super::rooms::Rooms;
use crate::{
    control::{Claim, Claims, Limit, Refusal, What},
    sans_io::error::{Cause, Code, Problem},
    source::live::LiveOptions,
};

/// Shared by the main channel and the additional ones.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) limit: Limit,
    pub(super) rooms: Rooms,
    pub(super) claims: Claims,
    places: Arc<Semaphore>,
    max_live: usize,
}

/// A slot for a live room, released on drop.
#[derive(Debug)]
pub(super) struct Place {
    _here: OwnedSemaphorePermit,
    claim: Claim,
}

impl Common {
    pub(super) fn new(max_live: usize, limit: Limit, claims: Claims) -> Self {
        let max_live = max_live.clamp(1, Semaphore::MAX_PERMITS);
        Self { limit, rooms: Rooms::default(), claims, places: Arc::new(Semaphore::new(max_live)), max_live }
    }

    /// Rejects a user whom the upstream does not know, or who is not live, according to its last answer.
    pub(super) fn check_known(&self, user: &str, options: &LiveOptions) -> Result<(), Refusal> {
        match self.limit.known(user) {
            // The room waits for the user.
            Some(known) if options.wait_live.is_some() && known.problem.code == Code::UserOffline => Ok(()),
            Some(known) => Err(known.into()),
            None => Ok(()),
        }
    }

    /// Reserves the look-up of a user for a request, and returns when it may begin: at most `wait_max` from now.
    pub(super) fn turn(
        &self,
        user: &str,
        options: &LiveOptions,
        wait_max: Duration,
    ) -> Result<Instant, Refusal> {
        self.check_known(user, options)?;
        self.limit.admit(wait_max)
    }

    /// Takes a slot for a live room. `waits`: for processes of the cluster that are gone.
    pub(super) async fn place(&self, waits: bool) -> Result<Place, Refusal> {
        let _here = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let max = self.max_live;
            let message = match max {
                1 => "another live room is already connected, and the maximum is one".to_owned(),
                _ => format!("the maximum number of live rooms, {max}, is already connected"),
            };
            Problem::full(Cause::LiveRooms, message)
                .hint("try again when a room has ended, or raise `server.max_live`")
        })?;
        let claim = self.claims.take(What::Place(self.max_live), waits).await?;
        Ok(Place { _here, claim })
    }

    /// Claims the connection to a user, so that no other process of the cluster connects, too.
    pub(super) async fn claim(&self, user: &str, waits: bool) -> Result<Claim, Refusal> {
        self.claims.take(What::User(user.to_owned()), waits).await
    }
}

/// Returns a future that ends when one of the claims of a room is lost.
pub(super) fn lost(place: Option<&Place>, user: Option<&Claim>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    let claims = [place.map(|place| &place.claim), user].map(|claim| claim.map(Claim::lost));
    Box::pin(async move {
        let [place, user] = claims.map(|lost| async move {
            match lost {
                Some(lost) => lost.await,
                None => std::future::pending().await,
            }
        });
        tokio::select! { biased;
            () = place => {}
            () = user => {}
        }
    })
}
