//! A thread for what needs a whole show in memory.

use std::{sync::mpsc, thread};

use livetape_core::error::{Code, Problem};
use tokio::sync::oneshot;

type Work = Box<dyn FnOnce() + Send>;

/// A thread that does one piece of work after the other. Several at a time would have as many shows in memory, and
/// each thread that has had one keeps that memory for itself.
pub(super) struct WholeShows(mpsc::Sender<Work>);

impl WholeShows {
    pub(super) fn start() -> Result<Self, Problem> {
        let (sender, work) = mpsc::channel::<Work>();
        let started = thread::Builder::new()
            .name("whole-shows".into())
            .spawn(move || work.iter().for_each(|work| work()));
        started.map_err(|error| Problem::new(Code::Io, format!("cannot start a thread: {error}")))?;
        Ok(Self(sender))
    }

    /// Returns what `work` returns.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let (sender, done) = oneshot::channel();
        let work: Work = Box::new(move || drop(sender.send(work())));
        let failed = || Problem::new(Code::Io, "cannot read the recording");
        self.0.send(work).map_err(|_| failed())?;
        done.await.map_err(|_| failed())?
    }
}
