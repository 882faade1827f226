//! Waiting for deadlines: with the runtime's timer, whose steps are milliseconds, or with one of the kernel's.

use std::{io, time::Duration};

use tokio::time::Instant;

/// How long before a deadline the kernel is asked to wake us, where the end is waited for awake. A sleeping thread takes
/// some tenth of a millisecond to run again, and another where it wakes a second one.
const AWAKE: Duration = Duration::from_micros(200);

/// How to wait for a deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Waiting {
    /// By the runtime: one to two milliseconds late; many cost no more than one, and tests can pause it.
    #[default]
    Runtime,
    /// By the kernel (Linux): tenths of a millisecond late; takes a file descriptor, and for each deadline two system
    /// calls. Where the system gives no timer, by the runtime.
    Kernel,
    /// By the kernel (Linux), and awake at the end: hundredths of a millisecond late, for 0.2 ms of a processor each.
    Awake,
}

/// Waits for one deadline after the other.
#[derive(Debug)]
pub enum Timer {
    /// By the runtime.
    Runtime,
    /// By the kernel.
    #[cfg(target_os = "linux")]
    Kernel(kernel::Timer),
}

impl Timer {
    /// To be called within a runtime.
    ///
    /// # Errors
    /// With [`Waiting::Awake`], where the system has no timers of that kind, or gives none.
    pub fn new(waiting: Waiting) -> io::Result<Self> {
        match waiting {
            Waiting::Runtime => Ok(Self::Runtime),
            Waiting::Kernel => Ok(Self::of_the_kernel(Duration::ZERO).unwrap_or(Self::Runtime)),
            Waiting::Awake => Self::of_the_kernel(AWAKE),
        }
    }

    #[cfg(target_os = "linux")]
    fn of_the_kernel(awake: Duration) -> io::Result<Self> {
        kernel::Timer::new(awake).map(Self::Kernel)
    }

    #[cfg(not(target_os = "linux"))]
    fn of_the_kernel(_: Duration) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no timers of that kind"))
    }

    /// Waits until `due`; not at all if that is over.
    pub async fn sleep_until(&self, due: Instant) {
        if due <= super::now() {
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
        tokio::time::sleep_until(due).await;
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

    /// How often the clock is looked at while awake; each look takes more than ten nanoseconds.
    const LOOKS_MAX: usize = 20_000;

    /// A timer that is a file, which the runtime waits for as for a socket.
    #[derive(Debug)]
    pub struct Timer {
        file: AsyncFd<OwnedFd>,
        /// How long the end of each wait is that is not slept through.
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
                // What is waited for is a time from now, but `due` stands: nothing adds up.
                let left = due.saturating_duration_since(crate::clock::now());
                let Some(asleep) = left.checked_sub(self.awake).filter(|asleep| !asleep.is_zero()) else {
                    break;
                };
                self.set(asleep)?;
                let mut ready = self.file.readable().await?;
                // An earlier wait that was given up may have left it ready: then there is nothing to read.
                match rustix::io::read(&self.file, &mut [0; 8]) {
                    Ok(_) | Err(rustix::io::Errno::AGAIN) => ready.clear_ready(),
                    Err(error) => return Err(error.into()),
                }
            }
            stay_awake(due);
            Ok(())
        }

        fn set(&self, left: Duration) -> io::Result<()> {
            let it_value = Timespec::try_from(left).map_err(io::Error::other)?;
            let once = Itimerspec { it_interval: Timespec::default(), it_value };
            timerfd_settime(&self.file, TimerfdTimerFlags::empty(), &once)?;
            Ok(())
        }
    }

    /// Waits for what is left. A clock that stands still is not waited for.
    fn stay_awake(due: Instant) {
        for _ in 0..LOOKS_MAX {
            if crate::clock::now() >= due {
                return;
            }
            hint::spin_loop();
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;
    use crate::clock;

    #[tokio::test]
    async fn a_timer_of_the_kernel_is_never_early_and_may_be_given_up() {
        for round in 0..10 {
            let waiting = if round < 5 { Waiting::Kernel } else { Waiting::Awake };
            let timer = Timer::new(waiting).unwrap();
            assert!(matches!(timer, Timer::Kernel(_)));
            timer.sleep_until(clock::now()).await;
            assert_eq!(timer.sleep_until(clock::now() + Duration::from_secs(3600)).now_or_never(), None);
            let due = clock::now() + Duration::from_millis(3);
            assert_eq!(timer.sleep_until(due).now_or_never(), None);
            timer.sleep_until(due).await;
            assert!(clock::now() >= due);
        }
    }
}
