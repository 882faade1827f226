//! Looks up another user for the main channel, while the current room stays connected.

use std::{pin::Pin, time::Duration};

use livetape_core::error::{Cause, Problem};
use livetape_feed::control::{Answer, Refusal, Status};

use super::{Channel, Leaving};
use crate::{
    room::{Permit, check_known},
    source::live::{self, Check},
};

/// A user who is being looked up, and the order to connect.
pub(super) struct Candidate {
    pub(super) user: String,
    pub(super) answer: Answer<Status>,
    search: Pin<Box<dyn Future<Output = Result<FoundUser, Refusal>> + Send>>,
}

pub(super) struct FoundUser {
    permit: Permit,
    check: Check,
}

/// Waits for the look-up in progress; forever, if there is none.
pub(super) async fn looked_up(candidate: &mut Option<Candidate>) -> Result<FoundUser, Refusal> {
    match candidate {
        Some(candidate) => candidate.search.as_mut().await,
        None => std::future::pending().await,
    }
}

impl Channel {
    /// Starts to look up `user`, one look-up at a time. If a token already has that room open, it replaces
    /// the current room at once. `has_slot`: the current room leaves its slot to the next one.
    pub(super) fn look_up(
        &self,
        user: String,
        answer: Answer<Status>,
        has_slot: bool,
        candidate: &mut Option<Candidate>,
    ) -> Option<Leaving> {
        if self.rooms.has(&user) {
            return Some(Leaving::Replaced(user, answer, Permit::default()));
        }
        if let Err(refusal) = self.may_look_up(&user, candidate.as_ref()) {
            answer.refuse(refusal);
            return None;
        }
        let mut options = live::LiveOptions { user: user.clone(), ..self.options.live.clone() };
        let transport = self.transport.clone();
        let slots = self.rooms.slots.clone();
        // Another process may have to leave the room first.
        let claims_later = self.is_shared_with_token(&options.user);
        let search = Box::pin(async move {
            let slot = if has_slot { None } else { Some(slots.take(false).await?) };
            let claim = if claims_later { None } else { Some(slots.claim(&options.user, false).await?) };
            let permit = Permit { slot, claim, ..Permit::default() };
            options.turn = Some(options.limit.admit(Duration::ZERO)?);
            Ok(FoundUser { permit, check: live::check(&options, transport).await })
        });
        *candidate = Some(Candidate { user, answer, search });
        None
    }

    fn may_look_up(&self, user: &str, before: Option<&Candidate>) -> Result<(), Refusal> {
        if let Some(Candidate { user, .. }) = before {
            let problem = Problem::capacity(Cause::LookupRunning, format!("`{user}` is being looked up"));
            return Err(problem.hint(format!("wait for the response to POST /connect/{user}")).into());
        }
        check_known(user, &self.options.live)
    }

    /// Replaces the current room, or rejects the order if the user cannot be connected to.
    pub(super) fn take_found(
        &self,
        candidate: Option<Candidate>,
        found: Result<FoundUser, Refusal>,
    ) -> Option<Leaving> {
        let Candidate { user, answer, .. } = candidate?;
        let FoundUser { permit, check: Check { why, wait, .. } } = match found {
            Ok(found) => found,
            Err(refusal) => {
                answer.refuse(refusal);
                return None;
            }
        };
        let limit = &self.options.live.limit;
        let Some(problem) = why else {
            // The current room ends for it.
            let permit = Permit { turn: Some(limit.overdraw()), ..permit };
            return Some(Leaving::Replaced(user, answer, permit));
        };
        if let Some(wait) = wait {
            limit.set(wait);
        }
        answer.refuse(Refusal { problem, retrying: false, retry_after: wait });
        None
    }
}
