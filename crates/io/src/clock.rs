//! The only module that reads a clock, and timers. Monotonic time comes from tokio, so that tests can pause
//! it.

#[cfg(target_os = "linux")]
mod linux;
// Also tested on Linux.
#[cfg(any(not(target_os = "linux"), test))]
mod thread;

use std::{
    hint, io,
    time::{Duration, SystemTime},
};

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
use thread as system;
use tokio::time::{Instant, sleep_until};

/// Returns the monotonic time, which tests can pause.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn now() -> Instant {
    Instant::now()
}

/// Waits until an instant has passed; without one, never returns.
pub async fn passed(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Returns the wall time since the Unix epoch.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one place")]
pub fn wall() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// Time before a deadline at which a busy wait replaces sleeping. A sleeping thread takes about 0.1 ms to
/// wake up, and as much again if it has to wake another thread.
const AWAKE: Duration = Duration::from_micros(200);
/// Maximum number of clock reads in a busy wait. Each takes more than ten nanoseconds.
const CLOCK_READS_MAX: usize = 20_000;

/// Method of waiting for a deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Waiting {
    /// The runtime's timer: one to two milliseconds late, on Windows up to 16. Any number of timers cost as much as one, and
    /// tests can pause them.
    #[default]
    Runtime,
    /// The system's most exact timer: on Linux tenths of a millisecond late. It takes a file descriptor and two system calls
    /// per deadline, on other systems a thread. Falls back to the runtime's timer if unavailable.
    System,
    /// Like [`Waiting::System`], with a final busy wait: on Linux hundredths of a millisecond late, at 0.2 ms of CPU time per
    /// deadline.
    Awake,
}

/// A timer for successive deadlines.
#[derive(Debug)]
pub enum Timer {
    Runtime,
    System {
        timer: system::Timer,
        /// Length of the busy wait at the end.
        awake: Duration,
    },
}

impl Timer {
    /// Creates a timer. Must be called within a runtime.
    ///
    /// # Errors
    /// With [`Waiting::Awake`], if the system has no such timer available.
    pub fn new(waiting: Waiting) -> io::Result<Self> {
        let of_system = |awake| system::Timer::new().map(|timer| Self::System { timer, awake });
        match waiting {
            Waiting::Runtime => Ok(Self::Runtime),
            Waiting::System => Ok(of_system(Duration::ZERO).unwrap_or(Self::Runtime)),
            Waiting::Awake => of_system(AWAKE),
        }
    }

    /// Waits until `due`; returns immediately if it has passed.
    pub async fn sleep_until(&self, due: Instant) {
        if let Self::System { timer, awake } = self {
            loop {
                // The system waits for a duration, but `due` is fixed, so errors do not accumulate.
                let left = due.saturating_duration_since(now());
                let Some(asleep) = left.checked_sub(*awake).filter(|asleep| !asleep.is_zero()) else {
                    return busy_wait(due);
                };
                if timer.sleep(asleep).await.is_err() {
                    break;
                }
            }
        }
        if due > now() {
            sleep_until(due).await;
        }
    }
}

/// Waits actively for the rest. Gives up on a paused clock.
fn busy_wait(due: Instant) {
    for _ in 0..CLOCK_READS_MAX {
        if now() >= due {
            return;
        }
        hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn timers_of_the_system_are_never_early_and_can_be_cancelled() {
        for round in 0..10 {
            let waiting = if round < 5 { Waiting::System } else { Waiting::Awake };
            let timer = Timer::new(waiting).unwrap();
            assert!(matches!(timer, Timer::System { .. }));
            timer.sleep_until(now()).await;
            assert_eq!(timer.sleep_until(now() + Duration::from_secs(3600)).now_or_never(), None);
            let due = now() + Duration::from_millis(3);
            // Cancelled, unless the machine is so busy that it is due.
            let _ = timer.sleep_until(due).now_or_never();
            timer.sleep_until(due).await;
            assert!(now() >= due);
        }
    }

    #[tokio::test]
    async fn a_thread_sleeps_until_the_end_only() {
        let timer = thread::Timer::new().unwrap();
        let due = now() + Duration::from_millis(3);
        timer.sleep(due - now()).await.unwrap();
        assert!(now() >= due);
        // The runtime does most of a long wait: nothing is left behind when it is cancelled.
        assert!(timer.sleep(Duration::from_secs(3600)).now_or_never().is_none());
    }
}
