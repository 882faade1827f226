//! Source → tap → decode → dedup → hub: the one path that live rooms and replays share.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    control::Driver,
    hub::{Delivery, Hub},
    recorder::Tap,
    sans_io::{
        decoder::Decoder,
        event::{Data, Event},
        inject::{InjectRequest, Injected, Injector},
        recording::{Item, Standing},
    },
};

/// The decoder, what its events go to, and who listens before it.
#[derive(Debug)]
pub struct Pipeline {
    tap: Option<Tap>,
    decoder: Decoder,
    hub: Hub,
    /// Another channel that gets the same.
    along: Option<Hub>,
    shutdown: CancellationToken,
}

/// Whether to wait for slow subscribers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pacing {
    /// Wait for nobody: those who fall behind are closed.
    Free,
    /// Wait for the slowest: nothing is lost.
    Slowest,
}

impl Pipeline {
    /// A path to `hub`. Waiting for slow subscribers ends with `shutdown`.
    #[must_use]
    pub fn new(decoder: Decoder, hub: Hub, shutdown: CancellationToken) -> Self {
        Self { tap: None, decoder, hub, along: None, shutdown }
    }

    /// The same, with a recorder that gets every item before it is decoded.
    #[must_use]
    pub fn with_tap(self, tap: Tap) -> Self {
        Self { tap: Some(tap), ..self }
    }

    /// Sets or removes the recorder that gets every item before it is decoded.
    pub fn set_tap(&mut self, tap: Option<Tap>) {
        self.tap = tap;
    }

    /// The same, with a second channel that gets the events too, and is never waited for.
    #[must_use]
    pub fn with_mirror(self, hub: Hub) -> Self {
        Self { along: Some(hub), ..self }
    }

    /// Broadcasts what comes of `item`, and how many of the events subscribers see who asked for nothing special.
    pub async fn handle(&mut self, item: &Item, pacing: Pacing) -> usize {
        self.decode(item);
        self.publish(pacing).await
    }

    /// Takes `item` in; what comes of it waits for [`Pipeline::publish`], together with what came before.
    pub fn decode(&mut self, item: &Item) {
        if let Some(tap) = &self.tap {
            tap.record_with(item, self.decoder.unzipper());
        }
        self.decoder.handle(item);
    }

    /// How many events wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.decoder.waiting()
    }

    /// Broadcasts what comes of an injected frame that happens at `offset`.
    pub async fn inject(
        &mut self,
        injector: &mut Injector,
        request: &InjectRequest,
        offset: Duration,
        pacing: Pacing,
    ) -> Injected {
        let place = self.decoder.place(offset);
        let (item, ids) = injector.make(request, self.hub.stream(), place);
        self.decode(&item);
        let events: Vec<Event> = self.decoder.take_events().collect();
        let along = match &self.along {
            Some(along) => along.publish_injected(&events, false).await.clients(),
            None => 0,
        };
        let delivery = tokio::select! { biased;
            () = self.shutdown.cancelled() => Delivery::default(),
            delivery = self.hub.publish_injected(&events, pacing == Pacing::Slowest) => delivery,
        };
        let offset_ms = u64::try_from(offset.as_millis()).unwrap_or(u64::MAX);
        let delivered = delivery.clients() + along;
        Injected { offset_ms, ids, seqs: delivery.seqs, delivered }
    }

    /// Broadcasts what is due at `offset`: the finals of gift streaks that TikTok did not send.
    pub async fn advance(&mut self, offset: Duration, pacing: Pacing) {
        self.decoder.advance(offset);
        self.publish(pacing).await;
    }

    /// Broadcasts what is left at the end of the stream, and that it ended, if a `reason` is given.
    pub async fn finish(&mut self, offset: Duration, reason: Option<&str>, pacing: Pacing) {
        self.decoder.flush(offset);
        if let Some(reason) = reason {
            self.decoder.disconnect(offset, reason);
        }
        self.publish(pacing).await;
    }

    /// Starts over at `offset`: `before` tells what stands open there.
    pub async fn start_generation(&mut self, offset: Duration, before: &[Item], pacing: Pacing) {
        // Its ids come again: a recording holds one generation.
        self.tap = None;
        self.decoder.start_generation();
        self.restore(offset, before, pacing).await;
    }

    /// Takes note of what stands open at `offset`, where a replay starts.
    pub async fn restore(&mut self, offset: Duration, before: &[Item], pacing: Pacing) {
        let mut standing = Standing::default();
        for item in before {
            self.decoder.restore(item);
            standing.take(item);
        }
        if let Some(tap) = &self.tap {
            standing.openings(offset).for_each(|item| tap.record(&item));
        }
        self.decoder.announce_restored(offset);
        self.publish(pacing).await;
    }

    /// The decoder, to ask or to tell it of losses.
    pub fn decoder(&mut self) -> &mut Decoder {
        &mut self.decoder
    }

    /// Tells everybody what was counted.
    pub fn report(&self, driver: &Driver) {
        driver.update_status(|status| status.counts.clone_from(self.decoder.counts()));
    }

    /// Broadcasts what waits, as [`Pipeline::handle`].
    pub async fn publish(&mut self, pacing: Pacing) -> usize {
        let taken = self.decoder.take_events();
        let events = taken.as_slice();
        if events.is_empty() {
            return 0;
        }
        if let Some(along) = &self.along {
            along.publish(events);
        }
        match pacing {
            Pacing::Free => self.hub.publish(events),
            Pacing::Slowest => {
                tokio::select! { biased;
                    () = self.shutdown.cancelled() => {}
                    () = self.hub.publish_paced(events) => {}
                }
            }
        }
        events.iter().filter(|event| is_ordinary(event)).count()
    }
}

fn is_ordinary(event: &Event) -> bool {
    match &event.data {
        Data::Unknown(_) => false,
        Data::Gift(gift) => !gift.inferred,
        _ => true,
    }
}
