//! Opens a recording without letting a slow disk block other orders.

use std::{path::PathBuf, time::Duration};

use livetape_core::error::{Code, Problem};
use livetape_io::clock;
use tokio::time::timeout_at;

use super::{Feed, Tape};

/// Maximum time for opening a recording and finding its first record.
const OPEN_WAIT: Duration = Duration::from_secs(5);

/// A recording that is ready to be played.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) tape: Tape,
    pub(crate) duration: Option<Duration>,
    /// Positioned at the start, with the first chunk read.
    pub(crate) feed: Feed,
}

/// Opens a recording by name, like [`Tape::find_by_name`].
pub(crate) async fn load(folder: PathBuf, name: String) -> Result<Loaded, Problem> {
    let called = name.clone();
    in_time(&called, move || {
        let tape = Tape::find_by_name(&folder, &name)?;
        let (duration, mut feed) = (tape.duration(), tape.feed(Duration::ZERO)?);
        feed.fill();
        Ok(Loaded { tape, duration, feed })
    })
    .await
}

/// Runs file access on a thread for blocking work, and waits at most [`OPEN_WAIT`] for it.
pub(crate) async fn in_time<T: Send + 'static>(
    called: &str,
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let io = |why: &str| Problem::new(Code::Io, format!("cannot open {called}: {why}"));
    match timeout_at(clock::now() + OPEN_WAIT, tokio::task::spawn_blocking(work)).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(io("reading failed")),
        Err(_) => Err(io(&format!("the disk did not respond within {} s", OPEN_WAIT.as_secs()))),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_does_not_respond_times_out() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let opened = in_time("show", move || {
            let _ = held.recv();
            Ok(())
        });
        let mut opened = std::pin::pin!(opened);
        assert!(futures_util::poll!(&mut opened).is_pending());
        tokio::time::advance(OPEN_WAIT).await;
        let problem = opened.now_or_never().expect("it waits longer").unwrap_err();
        assert_eq!(problem.message, "cannot open show: the disk did not respond within 5 s");
        drop(release);
    }
}
