//! Looks up another user for the main channel, while the current room stays connected.

use std::{pin::Pin, time::Duration};

use tokio::time::Instant;

use super::{Leaving, Supervisor, common::Place};
use crate::{
    control::{Answer, Claim, Refusal, Status},
    sans_io::error::{Code, Problem},
    source::live::{self, Check, Transport},
};

/// A user who is being looked up, and the order to connect.
pub(super) struct Candidate {
    pub(super) user: String,
    pub(super) answer: Answer<Status>,
    search: Pin<Box<dyn Future<Output = Result<Found, Refusal>> + Send>>,
}

/// A user who was looked up.
pub(super) struct Found {
    /// The claim on the user, unless it is taken when the current room has been left.
    claim: Option<Claim>,
    /// Slot for the new room, if the current room holds none because a token owns it.
    place: Option<Place>,
    check: Check,
}

/// Waits for the look-up in progress; forever, if there is none.
pub(super) async fn looked_up(candidate: &mut Option<Candidate>) -> Result<Found, Refusal> {
    match candidate {
        Some(candidate) => candidate.search.as_mut().await,
        None => std::future::pending().await,
    }
}

impl<T: Transport> Supervisor<T> {
    /// Starts to look up `user`, one look-up at a time. If a token already has that room open, it replaces
    /// the current room at once.
    pub(super) fn look_up(
        &self,
        user: String,
        answer: Answer<Status>,
        candidate: &mut Option<Candidate>,
    ) -> Option<Leaving> {
        if self.common.rooms.has(&user) {
            return Some(Leaving::Replaced(user, answer));
        }
        let turn = match self.may_look_up(&user, candidate.as_ref()) {
            Ok(turn) => Some(turn),
            Err(refusal) => {
                answer.refuse(refusal);
                return None;
            }
        };
        let options = live::LiveOptions { user: user.clone(), turn, ..self.options.live.clone() };
        let transport = self.transport.clone();
        let (common, has_place) = (self.common.clone(), self.place.is_some());
        let claims_later = self.shows(&options.user);
        let search = Box::pin(async move {
            let place = if has_place { None } else { Some(common.place(false).await?) };
            let claim = if claims_later { None } else { Some(common.claim(&options.user, false).await?) };
            Ok(Found { claim, place, check: live::check(&options, &transport).await })
        });
        *candidate = Some(Candidate { user, answer, search });
        None
    }

    fn may_look_up(&self, user: &str, before: Option<&Candidate>) -> Result<Instant, Refusal> {
        if let Some(Candidate { user, .. }) = before {
            let problem = Problem::new(Code::Capacity, format!("`{user}` is being looked up"));
            return Err(problem.hint(format!("wait for the response to POST /connect/{user}")).into());
        }
        self.common.turn(user, &self.options.live, Duration::ZERO)
    }

    /// Replaces the current room, or rejects the order if the user cannot be connected to.
    pub(super) fn take_found(
        &mut self,
        candidate: Option<Candidate>,
        found: Result<Found, Refusal>,
    ) -> Option<Leaving> {
        let Candidate { user, answer, .. } = candidate?;
        let Found { claim, place, check: Check { why, wait, .. } } = match found {
            Ok(found) => found,
            Err(refusal) => {
                answer.refuse(refusal);
                return None;
            }
        };
        let Some(problem) = why else {
            self.place = place.or_else(|| self.place.take());
            self.claim = claim;
            // The current room ends for it.
            self.turn = Some(self.common.limit.overdraw());
            return Some(Leaving::Replaced(user, answer));
        };
        if let Some(wait) = wait {
            self.common.limit.set(wait);
        }
        answer.refuse(Refusal { problem, retrying: false, retry_after: wait });
        None
    }
}
