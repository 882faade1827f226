//! Ctrl-C and SIGTERM: the first ends the server in order, the second at once.

use crate::{control::Control, sans_io::error::exit};

/// Listens for signals for as long as the process lives.
pub(super) fn listen(control: Control) {
    tokio::spawn(async move {
        signal().await;
        control.shut_down();
        signal().await;
        std::process::exit(i32::from(exit::INTERRUPTED));
    });
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminate = signal(SignalKind::terminate());
    let Ok(mut terminate) = terminate else { return interrupt().await };
    tokio::select! { biased;
        () = interrupt() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn signal() {
    interrupt().await;
}

async fn interrupt() {
    if tokio::signal::ctrl_c().await.is_err() {
        // Without a handler the system's own default ends the process.
        std::future::pending::<()>().await;
    }
}
