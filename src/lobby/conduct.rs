//! Rate limits of a client: its messages, and its rejected messages. Two token buckets, driven by the time
//! that the lobby is given.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter, clock::Clock, middleware::NoOpMiddleware, state::InMemoryState, state::NotKeyed,
};

use super::Limits;

/// The latest time given to the lobby, in nanoseconds since the start. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Told(Arc<AtomicU64>);

impl Told {
    pub(super) fn set(&self, uptime: Duration) {
        let nanos = u64::try_from(uptime.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_max(nanos, Ordering::Relaxed);
    }
}

impl Clock for Told {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, Told, NoOpMiddleware<Duration>>;

#[derive(Debug)]
pub(super) struct Conduct {
    messages: Bucket,
    strikes: Bucket,
}

impl Conduct {
    pub(super) fn new(limits: &Limits, time: &Told) -> Self {
        let messages = Quota::per_second(at_least_one(limits.messages_per_second))
            .allow_burst(at_least_one(limits.message_burst));
        let strikes = Quota::with_period(limits.strike_forgotten.max(Duration::from_millis(1)))
            .unwrap_or(Quota::per_second(NonZeroU32::MIN))
            .allow_burst(at_least_one(limits.strikes_max));
        Self {
            messages: Bucket::direct_with_clock(messages, time.clone()),
            strikes: Bucket::direct_with_clock(strikes, time.clone()),
        }
    }

    /// Whether the client may send one more message now.
    pub(super) fn may_talk(&self) -> bool {
        self.messages.check().is_ok()
    }

    /// Counts a rejected message. Returns whether the client may stay connected.
    pub(super) fn is_bearable(&self) -> bool {
        self.strikes.check().is_ok()
    }
}

fn at_least_one(count: u32) -> NonZeroU32 {
    NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN)
}
