//! Waiting for deadlines: with the runtime's timer, whose steps are milliseconds, or with one of the kernel's.

use std::io;

use tokio::time::Instant;

/// Waits for one deadline after the other.
#[derive(Debug, Default)]
pub enum Timer {
    /// A millisecond late at most times; many cost no more than one, and tests can pause it.
    #[default]
    Runtime,
    /// Hundredths of a millisecond late; takes a file descriptor, and for each deadline two system calls and up to
    /// 0.2 ms of a processor.
    #[cfg(target_os = "linux")]
    Kernel(kernel::Timer),
}

impl Timer {
    /// One of the kernel's. To be called within a runtime.
    ///
    /// # Errors
    /// Where the system has none, or gives none.
    pub fn precise() -> io::Result<Self> {
        #[cfg(target_os = "linux")]
        return kernel::Timer::new().map(Self::Kernel);
        #[cfg(not(target_os = "linux"))]
        return Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no timers of that kind"));
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

    /// How long before a deadline the kernel is asked to wake us. A sleeping thread takes some tenth of a millisecond to
    /// run again, and another where it wakes a second one; what is left then is waited for awake.
    const AWAKE: Duration = Duration::from_micros(200);
    /// How often the clock is looked at meanwhile; each look takes more than ten nanoseconds.
    const LOOKS_MAX: usize = 20_000;

    /// A timer that is a file, which the runtime waits for as for a socket.
    #[derive(Debug)]
    pub struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        #[expect(deprecated, reason = "its successor is unsafe; what makes it so is ruled out by `OwnedFd`")]
        pub(super) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?).map(Self)
        }

        pub(super) async fn sleep_until(&self, due: Instant) -> io::Result<()> {
            loop {
                // What is waited for is a time from now, but `due` stands: nothing adds up.
                let left = due.saturating_duration_since(crate::clock::now());
                let Some(asleep) = left.checked_sub(AWAKE).filter(|asleep| !asleep.is_zero()) else { break };
                self.set(asleep)?;
                let mut ready = self.0.readable().await?;
                // An earlier wait that was given up may have left it ready: then there is nothing to read.
                match rustix::io::read(&self.0, &mut [0; 8]) {
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
            timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
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
    async fn a_precise_timer_is_never_early_and_may_be_given_up() {
        let timer = Timer::precise().unwrap();
        timer.sleep_until(clock::now()).await;
        for _ in 0..5 {
            assert_eq!(timer.sleep_until(clock::now() + Duration::from_secs(3600)).now_or_never(), None);
            let due = clock::now() + Duration::from_millis(3);
            assert_eq!(timer.sleep_until(due).now_or_never(), None);
            timer.sleep_until(due).await;
            assert!(clock::now() >= due);
        }
    }
}
