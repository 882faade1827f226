//! `/inject` without a replay: into a live room if allowed, or while idle.

use std::time::Duration;

use super::Supervisor;
use crate::{
    clock,
    control::{Answer, Driver, InjectRequest, Injected},
    pipeline::{Pacing, Pipeline},
    sans_io::{
        decoder::{Decoder, DecoderOptions},
        error::{Code, Problem},
        recording::{Flags, Item, What, records::Header},
    },
};

impl<T> Supervisor<T> {
    /// Injects while nothing is connected, for trying out an overlay. Uses the current time and no room.
    pub(super) async fn inject_idle(&mut self, request: &InjectRequest, answer: Answer<Injected>) {
        let counts = self.driver.status().counts;
        let decoder = Decoder::new(DecoderOptions { replay: false, dedup: true }).with_counts(counts);
        let mut pipeline = Pipeline::new(decoder, self.hub.clone(), self.shutdown.clone());
        let wall_anchor_ns = i64::try_from(clock::wall().as_nanos()).ok();
        let what = What::Header(Header { wall_anchor_ns, ..Header::default() });
        let anchor = Item { offset: Duration::ZERO, conn: 0, flags: Flags::default(), what };
        pipeline.handle(&anchor, Pacing::Free).await;
        let (injected, _) =
            pipeline.inject(self.driver.injector(), request, Duration::ZERO, Pacing::Free).await;
        pipeline.report(&self.driver);
        answer.accept(injected);
    }
}

/// Injects into the live room at `offset`, without recording it. Returns the frame.
pub(super) async fn inject_live(
    pipeline: &mut Pipeline,
    driver: &mut Driver,
    (request, answer): (InjectRequest, Answer<Injected>),
    offset: Duration,
    allowed: bool,
) -> Option<Item> {
    if !allowed {
        let problem = Problem::new(Code::InjectRefused, "injecting into a live room is not allowed");
        answer.refuse(problem);
        return None;
    }
    let (injected, item) = pipeline.inject(driver.injector(), &request, offset, Pacing::Free).await;
    pipeline.report(driver);
    answer.accept(injected);
    Some(item)
}
