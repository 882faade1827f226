//! A thread that sleeps, on systems without a timer that the runtime can poll. The standard library takes the most exact timer
//! of the system: on Windows one of high resolution, while the runtime's has a grain of up to 16 ms.

use std::{io, time::Duration};

use tokio::{task::spawn_blocking, time::sleep_until};

/// Maximum time that a thread sleeps, so that a cancelled wait soon leaves it. The runtime's timer, late as it is, does the rest.
const ASLEEP_MAX: Duration = Duration::from_millis(40);

#[cfg_attr(target_os = "linux", expect(unreachable_pub, reason = "elsewhere, a public type has it"))]
#[derive(Debug)]
pub struct Timer;

impl Timer {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self)
    }

    /// Waits for about this time, or less.
    #[expect(clippy::disallowed_methods, reason = "the only exact timer that these systems have")]
    pub(super) async fn sleep(&self, time: Duration) -> io::Result<()> {
        if let Some(early) = time.checked_sub(ASLEEP_MAX).filter(|early| !early.is_zero()) {
            sleep_until(super::now() + early).await;
            return Ok(());
        }
        spawn_blocking(move || std::thread::sleep(time)).await.map_err(io::Error::other)
    }
}
