//! Ctrl-C, SIGTERM and SIGHUP. Of a server, the first signal shuts it down gracefully; after that, Ctrl-C or
//! SIGTERM exits immediately. A tool exits at once, and removes its unfinished file.
//!
//! Signals have their own thread, because other threads may be busy with a flood from the upstream.

use std::{
    sync::{Once, mpsc},
    time::Duration,
};

use livetape_core::error::exit;
use livetape_feed::control::Control;
use livetape_io::{clock, files::abandon_drafts};
use tokio::time::timeout_at;
use tracing::info;

use super::{
    ending::{Action, Ending, Signal},
    stderr::warn,
};

/// Longest time that a forced exit waits for recordings to be sealed.
const SEAL_WAIT: Duration = Duration::from_millis(250);
/// Part of the shutdown time after sockets are dropped, for sealing recordings and reporting.
const RESERVE: Duration = Duration::from_millis(500);
/// Number of SIGHUP on every system.
#[cfg(unix)]
const HANGUP: u32 = 1;

/// Returns the time that sockets have to close during `shutdown_time`.
pub(crate) fn drain_time(shutdown_time: Duration) -> Duration {
    shutdown_time - RESERVE.min(shutdown_time / 2)
}

/// Handles signals for the rest of the process. Once a shutdown begins, for any reason, the process exits
/// within `shutdown_time`.
pub(crate) fn listen(control: Control, shutdown_time: Duration) {
    in_thread(async move |signals| {
        let why = wait(signals, &control, shutdown_time).await;
        force(&control, &why).await;
    });
}

/// Removes the unfinished file of a tool when a signal ends the process. Later calls have no effect.
pub(super) fn remove_draft_at_signal() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        in_thread(async |mut signals| {
            let signal = signals.next().await;
            if abandon_drafts() {
                warn("❌ stopped by a signal: the unfinished file was removed");
            }
            std::process::exit(i32::from(signal.exit_code()));
        });
    });
}

/// Runs `handle` on a thread, and returns once signals are caught.
fn in_thread(handle: impl AsyncFnOnce(Signals) + Send + 'static) {
    let (ready, listening) = mpsc::sync_channel(1);
    let spawned = std::thread::Builder::new().name("signals".into()).spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let signals = Signals::new();
            // The caller waits for it.
            let _ = ready.send(());
            handle(signals).await;
        });
    });
    // Without the thread, the default action of the system ends the process.
    if spawned.is_ok() {
        let _ = listening.recv();
    }
}

/// Waits until the process must exit immediately, and returns the reason.
async fn wait(mut signals: Signals, control: &Control, shutdown_time: Duration) -> String {
    let started = clock::now();
    let (mut ending, mut deadline) = (Ending::default(), None);
    loop {
        tokio::select! { biased;
            signal = signals.next() => match ending.take(signal, clock::now() - started) {
                Action::Ignore => {}
                Action::End => {
                    info!("🔔 Signal received: shutting down");
                    control.shut_down();
                }
                Action::Force => return "second signal".to_owned(),
            },
            () = control.shutdown().cancelled(), if deadline.is_none() => {
                deadline = clock::now().checked_add(shutdown_time);
            }
            () = clock::passed(deadline) => return format!("shutdown took longer than {shutdown_time:?}"),
        }
    }
}

/// Seals the current recording and exits.
async fn force(control: &Control, why: &str) -> ! {
    let recorder = control.upstream().recorder;
    let sealed = async {
        if let Some(recorder) = &recorder {
            recorder.seal().await;
        }
    };
    if timeout_at(clock::now() + SEAL_WAIT, sealed).await.is_err() {
        warn("⚠️ The recording is not sealed: the disk was too slow");
    }
    warn(format_args!("⚠️ Forced exit: {why}"));
    // An upload that was in progress.
    let _ = abandon_drafts();
    std::process::exit(i32::from(exit::INTERRUPTED));
}

/// Handlers of SIGINT, SIGTERM and SIGHUP. A signal without a handler has the system's default action: it
/// ends the process or is ignored.
#[cfg(unix)]
pub(crate) struct Signals([Option<tokio::signal::unix::Signal>; 3]);

#[cfg(unix)]
impl Signals {
    pub(crate) fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let hangup = Some(SignalKind::hangup()).filter(|_| !ignores_hangup());
        let kinds = [Some(SignalKind::interrupt()), Some(SignalKind::terminate()), hangup];
        Self(kinds.map(|kind| signal(kind?).ok()))
    }

    pub(crate) async fn next(&mut self) -> Signal {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! { biased;
            () = received(interrupt) => Signal::Interrupt,
            () = received(terminate) => Signal::Terminate,
            () = received(hangup) => Signal::Hangup,
        }
    }
}

/// Returns whether the process was started with SIGHUP ignored, as `nohup` does. Only Linux
/// reports this. On other systems, SIGHUP keeps the action that it had at the start, so that `nohup` works.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    std::fs::read_to_string("/proc/self/status").map_or(true, |status| is_ignored(&status, HANGUP))
}

/// Returns whether a signal is in the set of ignored ones, according to `/proc/PID/status`.
#[cfg(unix)]
fn is_ignored(status: &str, signal: u32) -> bool {
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let set = set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or_default();
    set >> (signal - 1) & 1 == 1
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
pub(crate) struct Signals;

#[cfg(not(unix))]
impl Signals {
    pub(crate) fn new() -> Self {
        Self
    }

    pub(crate) async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal::Interrupt
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_status_of_the_process() {
        for (set, ignored) in
            [("0000000000000001", true), ("0000000001001001", true), ("0000000001001006", false)]
        {
            assert_eq!(is_ignored(&format!("Name:\tlivetape\nSigIgn:\t{set}\n"), HANGUP), ignored, "{set}");
        }
        assert!(!is_ignored("", HANGUP));
    }
}
