//! Loads another recording while the current one keeps playing, because reading a file can block.

use std::{pin::Pin, time::Duration};

use livetape_core::error::{Code, Problem};
use livetape_feed::control::{Answer, Refusal, ReplayPhase, ReplayState};

use super::Replay;
use crate::source::tape::{Loaded, load};

/// A recording that is being opened, and the order that asked for it.
pub(super) struct Loading {
    loaded: Pin<Box<dyn Future<Output = Result<Loaded, Problem>> + Send>>,
    answer: Answer<ReplayState>,
}

/// Waits for the recording that is being opened, if any.
pub(super) async fn finished(loading: &mut Option<Loading>) -> Result<Loaded, Problem> {
    match loading {
        Some(loading) => loading.loaded.as_mut().await,
        None => std::future::pending().await,
    }
}

impl Replay<'_> {
    /// Starts opening a recording. Only the last one requested is played.
    pub(super) fn load(&mut self, name: String, answer: Answer<ReplayState>) {
        self.forget_loading();
        let loaded = Box::pin(load(self.options.recordings.clone(), name));
        self.loading = Some(Loading { loaded, answer });
    }

    /// Rejects the pending load, because a later order replaced it.
    pub(super) fn forget_loading(&mut self) {
        if let Some(Loading { answer, .. }) = self.loading.take() {
            let problem = Problem::new(
                Code::RecordingBusy,
                "another command replaced this one before the recording was open",
            )
            .hint("load it again: POST /replay/load");
            answer.refuse(problem);
        }
    }

    /// Plays the opened recording and answers the order.
    pub(super) async fn take_loaded(&mut self, loaded: Result<Loaded, Problem>) {
        let Some(Loading { answer, .. }) = self.loading.take() else { return };
        let result = match loaded {
            Ok(loaded) => {
                self.put_in(loaded).await;
                Ok(self.state())
            }
            Err(problem) => Err(Refusal::from(problem)),
        };
        self.report();
        answer.send(result);
    }

    async fn put_in(&mut self, Loaded { tape, duration, feed }: Loaded) {
        if !matches!(self.phase, ReplayPhase::Waiting | ReplayPhase::Ended) {
            self.pipeline.finish(self.idle.position().0, Some("replaced"), self.pacing()).await;
        }
        (self.duration, self.tape) = (duration, tape);
        self.identify().await;
        self.reset();
        self.start_pass_of(feed, Duration::ZERO, Duration::ZERO).await;
        self.play_if_awaited();
    }
}
