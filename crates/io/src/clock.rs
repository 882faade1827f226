//! The only module that reads a clock, and timers. Monotonic time comes from tokio, so that tests can pause
//! it.

#[cfg(target_os = "linux")]
mod linux;
// Also tested on Linux.
#[cfg(any(not(target_os = "linux"), test))]
mod thread;

use std::time::{Duration, SystemTime};

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

/// A timer for successive deadlines.
#[derive(Debug, Default)]
pub enum Timer {
    /// The runtime's: one to two milliseconds late, on Windows up to 16. Any number of timers cost as much as one, and tests
    /// can pause them.
    #[default]
    Runtime,
    /// The system's most exact one: on Linux tenths of a millisecond late. It takes a file descriptor and two system calls
    /// per deadline, on other systems a thread.
    System(system::Timer),
}

impl Timer {
    /// Returns the system's timer, or the runtime's if that is unavailable. Must be called within a runtime.
    #[must_use]
    pub fn of_system() -> Self {
        system::Timer::new().map_or(Self::Runtime, Self::System)
    }

    /// Waits until `due`; returns immediately if it has passed.
    pub async fn sleep_until(&self, due: Instant) {
        if let Self::System(timer) = self {
            // The system waits for a duration, but `due` is fixed, so errors do not accumulate.
            while due > now() {
                if timer.sleep(due.saturating_duration_since(now())).await.is_err() {
                    break;
                }
            }
        }
        if due > now() {
            sleep_until(due).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn timers_of_the_system_are_never_early_and_can_be_cancelled() {
        for _ in 0..5 {
            let timer = Timer::of_system();
            assert!(matches!(timer, Timer::System(_)));
            timer.sleep_until(now()).await;
            assert_eq!(timer.sleep_until(now() + Duration::from_secs(3600)).now_or_never(), None);
            let due = now() + Duration::from_millis(3);
            // Cancelled, unless the machine is so busy that it is due.
            let _ = timer.sleep_until(due).now_or_never();
            timer.sleep_until(due).await;
            assert!(now() >= due);
        }
    }

    /// Nothing is left of a deadline that passes while its timer is set.
    #[tokio::test]
    async fn no_time_is_waited_for_briefly() {
        let brief = Duration::from_secs(20);
        timeout(brief, system::Timer::new().unwrap().sleep(Duration::ZERO)).await.unwrap().unwrap();
        timeout(brief, thread::Timer::new().unwrap().sleep(Duration::ZERO)).await.unwrap().unwrap();
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
