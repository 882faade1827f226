//! Another user for the main channel, looked up before the room that is connected is left.

use std::pin::Pin;

use tokio::sync::OwnedSemaphorePermit;

use super::{Leaving, Supervisor};
use crate::{
    control::{Answer, Refusal, Status},
    sans_io::error::{Code, Problem},
    source::live::{self, Check, Transport},
};

/// A user who is being looked up, and the order to connect them.
pub(super) struct Candidate {
    pub(super) user: String,
    pub(super) answer: Answer<Status>,
    /// For the case that the present room needs none: it is a token's.
    place: Option<OwnedSemaphorePermit>,
    check: Pin<Box<dyn Future<Output = Check> + Send>>,
}

/// The result of the look-up under way; never, if there is none.
pub(super) async fn looked_up(candidate: &mut Option<Candidate>) -> Check {
    match candidate {
        Some(candidate) => candidate.check.as_mut().await,
        None => std::future::pending().await,
    }
}

impl<T: Transport> Supervisor<T> {
    /// Starts to look `user` up, one at a time. A token's room is connected already, and replaces the present one at once.
    pub(super) fn look_up(
        &self,
        user: String,
        answer: Answer<Status>,
        candidate: &mut Option<Candidate>,
    ) -> Option<Leaving> {
        if self.common.rooms.has(&user) {
            return Some(Leaving::Replaced(user, answer));
        }
        let place = match self.may_look_up(candidate.as_ref()) {
            Ok(place) => place,
            Err(refusal) => {
                answer.refuse(refusal);
                return None;
            }
        };
        let options = live::LiveOptions { user: user.clone(), ..self.options.live.clone() };
        let transport = self.transport.clone();
        let check = Box::pin(async move { live::check(&options, &transport).await });
        *candidate = Some(Candidate { user, answer, place, check });
        None
    }

    fn may_look_up(&self, before: Option<&Candidate>) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
        if let Some(Candidate { user, .. }) = before {
            let problem = Problem::new(Code::Capacity, format!("`{user}` is being looked up"));
            return Err(problem.hint(format!("wait for the answer to POST /connect/{user}")).into());
        }
        self.common.limit.check()?;
        Ok(if self.place.is_some() { None } else { Some(self.common.place()?) })
    }

    /// Replaces the room, or answers why not.
    pub(super) fn take_found(&mut self, candidate: Option<Candidate>, found: Check) -> Option<Leaving> {
        let Candidate { user, answer, place, .. } = candidate?;
        let Check { why, wait, .. } = found;
        let Some(problem) = why else {
            self.place = place.or_else(|| self.place.take());
            return Some(Leaving::Replaced(user, answer));
        };
        if let Some(wait) = wait {
            self.common.limit.set(wait);
        }
        answer.refuse(Refusal { problem, retrying: false, retry_after: wait });
        None
    }
}
