//! Ctrl-C and SIGTERM: the first ends the server in order, the second at once.

use tracing::info;

use crate::{control::Control, sans_io::error::exit};

/// Listens for signals for as long as the process lives: from now on none ends it without being asked.
pub(super) fn listen(control: Control) {
    let mut signals = Signals::new();
    tokio::spawn(async move {
        signals.next().await;
        info!("🔔 Signal: ending in order");
        control.shut_down();
        signals.next().await;
        std::process::exit(i32::from(exit::INTERRUPTED));
    });
}

/// Without a handler the system's own default ends the process.
#[cfg(unix)]
struct Signals([Option<tokio::signal::unix::Signal>; 2]);

#[cfg(unix)]
impl Signals {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self([SignalKind::interrupt(), SignalKind::terminate()].map(|kind| signal(kind).ok()))
    }

    async fn next(&mut self) {
        let [interrupt, terminate] = &mut self.0;
        tokio::select! { biased;
            () = received(interrupt) => {}
            () = received(terminate) => {}
        }
    }
}

#[cfg(unix)]
async fn received(signal: &mut Option<tokio::signal::unix::Signal>) {
    if let Some(signal) = signal
        && signal.recv().await.is_some()
    {
        return;
    }
    std::future::pending::<()>().await;
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
