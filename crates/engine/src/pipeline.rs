//! Source → tap → decode → dedup → hub: the single path that live rooms and replays share.

use std::{collections::VecDeque, time::Duration};

use livetape_core::{
    decoder::Decoder,
    error::Problem,
    event::{Data, Event},
    inject::{InjectRequest, Injected, Injector},
    recording::{Flags, Item, Snapshot, What, records::ConnClose},
};
use livetape_feed::{
    control::{Driver, shutting_down},
    hub::Hub,
};
use tokio::task::yield_now;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{log_target::UNRECORDED, recorder::Tap};

/// Decodes items and publishes their events, with an optional recorder in front of the decoder.
#[derive(Debug)]
pub struct Pipeline {
    tap: Option<Tap>,
    decoder: Decoder,
    hub: Hub,
    shutdown: CancellationToken,
    /// Number of events to discard, because another process broadcast them.
    skipped: u64,
    /// The rest of a frame that is stepped through event by event.
    held: VecDeque<Event>,
}

/// Whether to wait for slow subscribers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// Never wait; subscribers that fall behind are closed.
    Free,
    /// Wait for the slowest subscriber, so that none loses events.
    Slowest,
}

impl Pipeline {
    /// `shutdown` stops waiting for slow subscribers.
    #[must_use]
    pub fn new(decoder: Decoder, hub: Hub, shutdown: CancellationToken) -> Self {
        Self { tap: None, decoder, hub, shutdown, skipped: 0, held: VecDeque::new() }
    }

    /// Sets or removes the recorder that receives every item before it is decoded.
    pub fn set_tap(&mut self, tap: Option<Tap>) {
        self.tap = tap;
    }

    /// Discards the next `count` events, because another process broadcast them.
    pub fn skip(&mut self, count: u64) {
        self.skipped = count;
    }

    /// Whether events are still to be discarded.
    #[must_use]
    pub fn skips(&self) -> bool {
        self.skipped > 0
    }

    /// Continues the room of another process, from the JSON of its events. Announces that its connection was
    /// closed.
    pub async fn take_over(&mut self, events: &[bytes::Bytes], close: ConnClose) {
        let open = self.decoder.resume(events.iter().map(|json| &json[..]));
        if let Some(conn) = open {
            let what = What::ConnClose(close);
            self.decoder.handle(&Item { offset: Duration::ZERO, conn, flags: Flags::default(), what });
        }
        self.publish(Pacing::Free).await;
    }

    /// Decodes `item` and publishes the resulting events. Returns how many of them a subscriber with default
    /// filters sees.
    pub async fn handle(&mut self, item: &Item, pacing: Pacing) -> usize {
        self.decode(item);
        self.publish(pacing).await
    }

    /// Decodes `item` and queues the resulting events for [`Pipeline::publish`].
    pub fn decode(&mut self, item: &Item) {
        self.record(item);
        self.decoder.handle(item);
    }

    /// Passes `item` only to the recorder.
    pub fn record(&mut self, item: &Item) {
        if let Some(tap) = &self.tap {
            tap.record_with(item, self.decoder.unzipper());
        }
    }

    /// Number of queued events.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.decoder.waiting()
    }

    /// Publishes the events of an injected frame at `offset`. Returns the frame, too.
    ///
    /// # Errors
    /// `shutting_down`: readers do not get them any more, or not all.
    pub async fn inject(
        &mut self,
        injector: &mut Injector,
        request: &InjectRequest,
        offset: Duration,
        pacing: Pacing,
    ) -> Result<(Injected, Item), Problem> {
        let target = self.decoder.target(offset);
        let (item, ids) = injector.make(request, &self.hub.stream(), target);
        self.decode(&item);
        let events: Vec<Event> = self.decoder.take_events().collect();
        let delivery = tokio::select! { biased;
            () = self.shutdown.cancelled() => return Err(shutting_down()),
            delivery = self.hub.publish_injected(&events, pacing == Pacing::Slowest) => delivery,
        };
        // A hub that is closed, or no longer owned by this process, takes none.
        if delivery.seqs.len() < events.iter().filter(|event| event.injected).count() {
            return Err(shutting_down());
        }
        // A worker runs the task first that was woken last, so it would write the answer before the event.
        yield_now().await;
        let offset_ms = u64::try_from(offset.as_millis()).unwrap_or(u64::MAX);
        let delivered = delivery.clients();
        Ok((Injected { offset_ms, ids, seqs: delivery.seqs, delivered }, item))
    }

    /// Publishes events that are due at `offset`: finals of gift streaks that TikTok did not send.
    pub async fn advance(&mut self, offset: Duration, pacing: Pacing) {
        self.decoder.advance(offset);
        self.publish(pacing).await;
    }

    /// Publishes the remaining events at the end of the stream, followed by `disconnected` if a `reason` is
    /// given.
    pub async fn finish(&mut self, offset: Duration, reason: Option<&str>, pacing: Pacing) {
        self.decoder.flush(offset);
        if let Some(reason) = reason {
            self.decoder.disconnect(offset, reason);
        }
        self.publish(pacing).await;
    }

    /// Starts a new generation at `offset`; `before` contains the items that describe open connections.
    pub async fn start_generation(&mut self, offset: Duration, before: &[Item], pacing: Pacing) {
        // Ids repeat in the new generation, and a recording holds only one.
        if self.tap.take().is_some() {
            warn!(target: UNRECORDED, "⚠️ Not recording the rest: the replay begins anew, and the file holds what came before");
        }
        self.decoder.start_generation();
        self.restore(offset, before, pacing).await;
    }

    /// Restores the connections that are open at `offset`, where a replay starts.
    pub async fn restore(&mut self, offset: Duration, before: &[Item], pacing: Pacing) {
        let mut snapshot = Snapshot::default();
        for item in before {
            self.decoder.restore(item);
            snapshot.take(item);
        }
        if let Some(tap) = &self.tap {
            snapshot.openings(offset).for_each(|item| tap.record(&item));
        }
        self.decoder.announce_restored(offset);
        self.publish(pacing).await;
    }

    pub fn decoder(&mut self) -> &mut Decoder {
        &mut self.decoder
    }

    /// Copies the decoder's counters to the status.
    pub fn report(&self, driver: &Driver) {
        driver.update_status(|status| status.counts.clone_from(self.decoder.counts()));
    }

    /// Publishes queued events, after those that are held. Returns the same number as [`Pipeline::handle`].
    pub async fn publish(&mut self, pacing: Pacing) -> usize {
        if self.holds() {
            self.held.extend(self.decoder.take_events());
            let events = Vec::from(std::mem::take(&mut self.held));
            return send(&self.hub, &self.shutdown, &events, pacing).await;
        }
        let taken = self.decoder.take_events();
        let skipped = self.skipped.min(taken.len() as u64);
        self.skipped -= skipped;
        send(&self.hub, &self.shutdown, &taken.as_slice()[skipped as usize..], pacing).await
    }

    /// Publishes the next event that a subscriber with default filters sees, and holds the others. Returns the same
    /// number as [`Pipeline::handle`].
    pub async fn publish_next(&mut self, pacing: Pacing) -> usize {
        if self.skips() {
            return self.publish(pacing).await;
        }
        self.held.extend(self.decoder.take_events());
        let end = self.held.iter().position(is_ordinary).map_or(self.held.len(), |at| at + 1);
        let events = Vec::from_iter(self.held.drain(..end));
        send(&self.hub, &self.shutdown, &events, pacing).await
    }

    /// Whether [`Pipeline::publish_next`] has left events of a frame.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// Discards these events, because the next generation has them again.
    pub fn drop_held(&mut self) {
        self.held.clear();
    }

    /// Number of these events, apart from those that only some subscribers see.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.iter().filter(|event| is_ordinary(event)).count()
    }
}

async fn send(hub: &Hub, shutdown: &CancellationToken, events: &[Event], pacing: Pacing) -> usize {
    if events.is_empty() {
        return 0;
    }
    match pacing {
        Pacing::Free => {
            if hub.is_relayed() {
                tokio::select! { biased;
                    () = shutdown.cancelled() => {}
                    () = hub.relay_capacity() => {}
                }
            }
            hub.publish(events);
        }
        Pacing::Slowest => {
            tokio::select! { biased;
                () = shutdown.cancelled() => {}
                () = hub.publish_paced(events) => {}
            }
        }
    }
    events.iter().filter(|event| is_ordinary(event)).count()
}

/// Whether a subscriber with default filters sees the event.
pub(crate) fn is_ordinary(event: &Event) -> bool {
    match &event.data {
        Data::Unknown(_) => false,
        Data::Gift(gift) => !gift.inferred,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use livetape_core::{decoder::DecoderOptions, error::Code};
    use livetape_feed::hub::{CloseReason, Join, Limits};

    use super::*;

    fn request() -> InjectRequest {
        serde_json::from_str(r#"{"type":"chat","user":"eve","comment":"hi"}"#).unwrap()
    }

    #[tokio::test]
    async fn readers_get_an_injected_event_before_the_answer() {
        let hub = Hub::new("s".into(), Limits::default());
        let mut reader = hub.join(&Join::default()).unwrap();
        let reading = tokio::spawn(async move { reader.next(&mut Vec::new()).await });
        yield_now().await;
        let decoder = Decoder::new(DecoderOptions { replay: false, dedup: true });
        let mut pipeline = Pipeline::new(decoder, hub, CancellationToken::new());
        let mut injector = Injector::default();
        pipeline.inject(&mut injector, &request(), Duration::ZERO, Pacing::Free).await.unwrap();
        assert!(reading.is_finished());
    }

    #[tokio::test]
    async fn an_injection_that_no_reader_gets_is_refused() {
        let request = request();
        let (shutdown, hub) = (CancellationToken::new(), Hub::new("s".into(), Limits::default()));
        let decoder = Decoder::new(DecoderOptions { replay: false, dedup: true });
        let mut pipeline = Pipeline::new(decoder, hub.clone(), shutdown.clone());
        let mut injector = Injector::default();
        let mut inject = async || {
            let injected = pipeline.inject(&mut injector, &request, Duration::ZERO, Pacing::Free).await;
            injected.map(|(injected, _)| injected.seqs).map_err(|problem| problem.code)
        };
        assert_eq!(inject().await, Ok(vec![1]));
        hub.close(CloseReason::new(1000, "over"));
        assert_eq!(inject().await, Err(Code::ShuttingDown));
        shutdown.cancel();
        assert_eq!(inject().await, Err(Code::ShuttingDown));
    }
}
