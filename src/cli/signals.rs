//! Ctrl-C and SIGTERM: the first ends the process in order, the second at once.
//!
//! They are taken on a thread of their own: the others may be busy with what an upstream sent.

use std::{sync::mpsc, time::Duration};

use tokio::time::{Instant, sleep_until, timeout_at};
use tracing::info;

use super::{
    ending::{Action, Ending, Signal},
    output::warn,
};
use crate::{clock, control::Control, sans_io::error::exit};

/// How long a forced exit waits until the recordings are sealed.
const SEAL_WAIT: Duration = Duration::from_millis(250);
/// What is left of the time to end once sockets are dropped: to seal recordings and to say so.
const RESERVE: Duration = Duration::from_millis(500);

/// How long sockets may take to end, where the process has `shutdown_time`.
pub(super) fn drain_time(shutdown_time: Duration) -> Duration {
    shutdown_time - RESERVE.min(shutdown_time / 2)
}

/// Listens for signals for as long as the process lives: from now on none ends it without being asked. Once it is to
/// end, for whatever reason, it has `shutdown_time`.
pub(super) fn listen(control: Control, shutdown_time: Duration) {
    let (ready, listening) = mpsc::sync_channel(1);
    let spawned = std::thread::Builder::new().name("signals".into()).spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let signals = Signals::new();
            // It is waited for.
            let _ = ready.send(());
            let why = wait(signals, &control, shutdown_time).await;
            force(&control, &why).await;
        });
    });
    // Without the thread the system's own default ends the process.
    if spawned.is_ok() {
        let _ = listening.recv();
    }
}

/// Waits until the process has to exit at once, and returns why.
async fn wait(mut signals: Signals, control: &Control, shutdown_time: Duration) -> String {
    let started = clock::now();
    let (mut ending, mut deadline) = (Ending::default(), None);
    loop {
        tokio::select! { biased;
            signal = signals.next() => match ending.take(signal, clock::now() - started) {
                Action::Ignore => {}
                Action::End => {
                    info!("🔔 Signal: ending in order");
                    control.shut_down();
                }
                Action::Force => return "a second signal".to_owned(),
            },
            () = control.shutdown().cancelled(), if deadline.is_none() => {
                deadline = clock::now().checked_add(shutdown_time);
            }
            () = passed(deadline) => return format!("it did not end within {shutdown_time:?}"),
        }
    }
}

pub(super) async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Seals the recording that runs, and exits.
async fn force(control: &Control, why: &str) -> ! {
    let recorder = control.upstream().recorder;
    let sealed = async {
        if let Some(recorder) = &recorder {
            recorder.seal().await;
        }
    };
    if timeout_at(clock::now() + SEAL_WAIT, sealed).await.is_err() {
        warn("⚠️ The recording is not sealed: the disk took too long");
    }
    warn(format_args!("⚠️ Exited at once: {why}"));
    std::process::exit(i32::from(exit::INTERRUPTED));
}

/// Without a handler the system's own default ends the process.
#[cfg(unix)]
pub(super) struct Signals([Option<tokio::signal::unix::Signal>; 2]);

#[cfg(unix)]
impl Signals {
    pub(super) fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self([SignalKind::interrupt(), SignalKind::terminate()].map(|kind| signal(kind).ok()))
    }

    pub(super) async fn next(&mut self) -> Signal {
        let [interrupt, terminate] = &mut self.0;
        tokio::select! { biased;
            () = received(interrupt) => Signal::Interrupt,
            () = received(terminate) => Signal::Terminate,
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
pub(super) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(super) fn new() -> Self {
        Self
    }

    pub(super) async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}
