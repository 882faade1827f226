//! What happens before a live room is connected: its limits, and what one process of a cluster may have at a time.

use std::time::Duration;

use tracing::warn;

use super::{Inherited, Next, Supervisor, live::why};
use crate::{
    clock,
    control::{Answer, QUEUE_MAX, Refusal, Status},
    log::TOKENS,
    sans_io::{error::Problem, username::normalise},
    source::live::{self, Live, Transport},
};

impl<T: Transport> Supervisor<T> {
    /// Connects to `user` and runs until the room ends or is left.
    pub(super) async fn connect(&mut self, user: String, answer: Option<Answer<Status>>) -> Next {
        let reserved = self.turn.take();
        let user = match normalise(&user) {
            Ok(user) => user,
            Err(problem) => return self.refuse(answer, problem).await,
        };
        let waits = std::mem::take(&mut self.waits) || self.inherited.is_some();
        if let Some(live) = self.follow_room(&user).await {
            return self.follow_live(&user, live, answer).await;
        }
        if self.shows(&user) {
            // Another node that has the room open for tokens then leaves it.
            self.intend(Some(&user));
        }
        let wait_max = if answer.is_some() { Duration::ZERO } else { QUEUE_MAX };
        let allowed = match reserved {
            Some(turn) => Ok(Some(turn)),
            // A room that continues waits for the end of the pause, and for its turn.
            None if waits => Ok(None),
            None => self.common.turn(&user, &self.options.live, wait_max).map(Some),
        };
        let shutdown = self.shutdown.clone();
        let allowed = match allowed {
            Ok(turn) => tokio::select! { biased;
                () = shutdown.cancelled() => return Next::Exit,
                claimed = self.take_claims(&user, waits) => claimed.map(|()| turn),
            },
            refused => refused,
        };
        let turn = match allowed {
            Ok(turn) => turn,
            Err(refusal) => {
                let Problem { code, message, .. } = &refusal.problem;
                let (code, cause, why) = (code.name(), refusal.problem.cause(), message.as_str());
                warn!(target: TOKENS, code, cause, why, "❌ TikTok Live failed for @{user}");
                if self.hub.is_relayed() && (waits || answer.is_none()) {
                    self.tell(&refusal.problem, 1).await;
                }
                return self.refuse(answer, refusal).await;
            }
        };
        let wall_anchor = self.options.live.wall_anchor.unwrap_or_else(clock::wall);
        let options = live::LiveOptions {
            user: user.clone(),
            wall_anchor: Some(wall_anchor),
            continues: matches!(self.inherited, Some(Inherited::Room)),
            turn,
            ..self.options.live.clone()
        };
        // Start the recorder before any request: if recording is impossible, do not connect.
        let recorder = match self.start_recorder(&user, live::header(&options)) {
            Ok(recorder) => recorder,
            Err(problem) => return self.refuse(answer, problem).await,
        };
        let live = Live::start(options, self.transport.clone());
        self.pass_on(&user, live, recorder, answer).await
    }

    /// Takes what one process of the cluster may have at a time, unless this one has it.
    async fn take_claims(&mut self, user: &str, waits: bool) -> Result<(), Refusal> {
        if self.claim.is_none() && !self.is_mocked {
            self.claim = Some(self.common.claim(user, waits || self.shows(user)).await?);
        }
        // The node that left the room had a slot for it.
        if self.place.is_none() {
            self.place = Some(self.common.place(waits).await?);
        }
        Ok(())
    }

    /// Whether this is the main channel, and the room of `user` has its own channel, too, which follows this one.
    pub(super) fn shows(&self, user: &str) -> bool {
        self.registry.is_some() && self.shares(user)
    }

    /// Connects again, when the cluster lets this process.
    pub(super) fn claim_again(&mut self, user: String) -> Next {
        warn!("❌ The cluster no longer lets this node connect to @{user}");
        (self.place, self.waits) = (None, true);
        // History that TikTok repeats must not be broadcast again.
        self.inherited = Some(Inherited::Room);
        let is_order = !self.options.ends_with_source;
        Next::Connect(user, is_order.then(Answer::unheard))
    }

    /// Handles a failure before the first attempt. With `answer`, it rejects the order; without one, the command ends.
    pub(super) async fn refuse(
        &mut self,
        answer: Option<Answer<Status>>,
        refusal: impl Into<Refusal>,
    ) -> Next {
        let refusal = refusal.into();
        if self.common.claims.are_shared() {
            self.followed = None;
        }
        let Some(answer) = answer else {
            self.close_with(why(Some(&refusal.problem), "")).await;
            self.ended.refused = Some(refusal.problem);
            return Next::Exit;
        };
        answer.refuse(refusal);
        Next::Idle
    }
}
