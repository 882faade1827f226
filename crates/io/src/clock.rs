//! The only module that reads a clock, and timers. Monotonic time comes from tokio, so that tests can pause
//! it.

use std::{
    io,
    time::{Duration, SystemTime},
};

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

/// Method of waiting for a deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Waiting {
    /// The runtime's timer: one to two milliseconds late. Any number of timers cost as much as one, and tests
    /// can pause them.
    #[default]
    Runtime,
    /// A kernel timer (Linux): tenths of a millisecond late. It takes a file descriptor, and two system calls
    /// per deadline. Falls back to the runtime's timer if unavailable.
    Kernel,
    /// A kernel timer (Linux) with a final busy wait: hundredths of a millisecond late, at 0.2 ms of CPU time
    /// per deadline.
    Awake,
}

/// A timer for successive deadlines.
#[derive(Debug)]
pub enum Timer {
    Runtime,
    #[cfg(target_os = "linux")]
    Kernel(kernel::Timer),
}

impl Timer {
    /// Creates a timer. Must be called within a runtime.
    ///
    /// # Errors
    /// With [`Waiting::Awake`], if the system has no kernel timer available.
    pub fn new(waiting: Waiting) -> io::Result<Self> {
        match waiting {
            Waiting::Runtime => Ok(Self::Runtime),
            Waiting::Kernel => Ok(Self::from_kernel(Duration::ZERO).unwrap_or(Self::Runtime)),
            Waiting::Awake => Self::from_kernel(AWAKE),
        }
    }

    #[cfg(target_os = "linux")]
    fn from_kernel(awake: Duration) -> io::Result<Self> {
        kernel::Timer::new(awake).map(Self::Kernel)
    }

    #[cfg(not(target_os = "linux"))]
    fn from_kernel(_: Duration) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no timers of that kind"))
    }

    /// Waits until `due`; returns immediately if it has passed.
    pub async fn sleep_until(&self, due: Instant) {
        if due <= now() {
            return;
        }
        match self {
            Self::Runtime => {}
            #[cfg(target_os = "linux")]
            Self::Kernel(timer) => {
                if timer.sleep_until(due).await.is_ok() {
                    return;
                }
            }
        }
        sleep_until(due).await;
    }
}

#[cfg(target_os = "linux")]
mod kernel {
    use std::{hint, io, os::fd::OwnedFd, time::Duration};

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::{io::unix::AsyncFd, time::Instant};

    /// Maximum number of clock reads in a busy wait. Each takes more than ten nanoseconds.
    const CLOCK_READS_MAX: usize = 20_000;

    /// A kernel timer as a file descriptor, which the runtime polls like a socket.
    #[derive(Debug)]
    pub struct Timer {
        file: AsyncFd<OwnedFd>,
        /// Length of the busy wait at the end.
        awake: Duration,
    }

    impl Timer {
        #[expect(deprecated, reason = "its successor is unsafe; what makes it so is ruled out by `OwnedFd`")]
        pub(super) fn new(awake: Duration) -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let file = AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)?;
            Ok(Self { file, awake })
        }

        pub(super) async fn sleep_until(&self, due: Instant) -> io::Result<()> {
            loop {
                // The kernel waits for a duration, but `due` is fixed, so errors do not accumulate.
                let left = due.saturating_duration_since(super::now());
                let Some(asleep) = left.checked_sub(self.awake).filter(|asleep| !asleep.is_zero()) else {
                    break;
                };
                self.set(asleep)?;
                let mut ready = self.file.readable().await?;
                // A cancelled wait may have left the descriptor ready, with nothing to read.
                match rustix::io::read(&self.file, &mut [0; 8]) {
                    Ok(_) | Err(rustix::io::Errno::AGAIN) => ready.clear_ready(),
                    Err(error) => return Err(error.into()),
                }
            }
            busy_wait(due);
            Ok(())
        }

        fn set(&self, left: Duration) -> io::Result<()> {
            let it_value = Timespec::try_from(left).map_err(io::Error::other)?;
            let once = Itimerspec { it_interval: Timespec::default(), it_value };
            timerfd_settime(&self.file, TimerfdTimerFlags::empty(), &once)?;
            Ok(())
        }
    }

    /// Waits actively for the rest. Gives up on a paused clock.
    fn busy_wait(due: Instant) {
        for _ in 0..CLOCK_READS_MAX {
            if super::now() >= due {
                return;
            }
            hint::spin_loop();
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn a_kernel_timer_is_never_early_and_can_be_cancelled() {
        for round in 0..10 {
            let waiting = if round < 5 { Waiting::Kernel } else { Waiting::Awake };
            let timer = Timer::new(waiting).unwrap();
            assert!(matches!(timer, Timer::Kernel(_)));
            timer.sleep_until(now()).await;
            assert_eq!(timer.sleep_until(now() + Duration::from_secs(3600)).now_or_never(), None);
            let due = now() + Duration::from_millis(3);
            // Cancelled, unless the machine is so busy that it is due.
            let _ = timer.sleep_until(due).now_or_never();
            timer.sleep_until(due).await;
            assert!(now() >= due);
        }
    }
}
