//! Ctrl-C, SIGTERM and SIGHUP; on Windows Ctrl+C, Ctrl+Break, and a console or session that ends. Of a server, the first signal
//! shuts it down gracefully; after that, Ctrl-C or SIGTERM exits immediately. A tool exits at once, and removes its unfinished file.
//!
//! Signals have their own thread, because other threads may be busy with a flood from the upstream.

#[cfg_attr(windows, path = "signals/windows.rs")]
#[cfg_attr(not(windows), path = "signals/unix.rs")]
mod system;

use std::{
    sync::{Once, mpsc},
    time::Duration,
};

use livetape_core::error::exit;
use livetape_feed::control::Control;
use livetape_io::{clock, files::abandon_drafts};
use tokio::time::timeout_at;
use tracing::info;

use super::output::warn;

pub(crate) use system::Signals;

/// Longest time that a forced exit waits for recordings to be sealed.
const SEAL_WAIT: Duration = Duration::from_millis(250);
/// Part of the shutdown time after sockets are dropped, for sealing recordings and reporting.
const RESERVE: Duration = Duration::from_millis(500);

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
async fn wait(mut signals: Signals, control: &Control, mut shutdown_time: Duration) -> String {
    let started = clock::now();
    let (mut ending, mut deadline) = (Ending::default(), None);
    loop {
        tokio::select! { biased;
            signal = signals.next() => match ending.take(signal, clock::now() - started) {
                Action::Ignore => {}
                Action::End => {
                    info!("🔔 Signal received: shutting down");
                    if signal == Signal::Hangup {
                        shutdown_time = shutdown_time.min(system::HANGUP_MAX);
                    }
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

/// Waits for a signal. Without a handler, none ever comes.
async fn received(signal: Option<impl Future<Output = Option<()>>>) {
    if let Some(signal) = signal
        && signal.await.is_some()
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// Two equal signals within this time count as one: a terminal and a wrapper such as npm may both send
/// SIGINT, and `timeout` sends SIGTERM to the process and to its group.
const SAME_SIGNAL: Duration = Duration::from_millis(100);

/// A signal that asks the process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT: Ctrl+C.
    Interrupt,
    /// SIGTERM. On Windows, Ctrl+Break.
    Terminate,
    /// SIGHUP: the terminal was closed. On Windows, the console was closed, the user logs off or the system shuts down. The
    /// system and the shell may both send it, so it never forces an exit.
    Hangup,
}

impl Signal {
    /// Returns the exit code of a process that the signal ends, as shells report it.
    pub(crate) fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
            Self::Hangup => 129,
        }
    }
}

/// Reaction to a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ignore it: it belongs to the previous signal.
    Ignore,
    /// Shut down gracefully.
    End,
    /// Seal the recordings and exit immediately.
    Force,
}

/// Signals received so far.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    is_asked: bool,
    /// Time of the last signal of each kind that was not ignored.
    taken: [Option<Duration>; 3],
}

impl Ending {
    /// Handles a signal that was received `at` after the start.
    pub(crate) fn take(&mut self, signal: Signal, at: Duration) -> Action {
        let taken = &mut self.taken[signal as usize];
        if taken.is_some_and(|before| at.saturating_sub(before) <= SAME_SIGNAL) {
            return Action::Ignore;
        }
        *taken = Some(at);
        match (std::mem::replace(&mut self.is_asked, true), signal) {
            (false, _) => Action::End,
            (true, Signal::Hangup) => Action::Ignore,
            (true, _) => Action::Force,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Action::*, Signal::*};

    use super::*;

    fn actions(signals: &[(Signal, u64)]) -> Vec<Action> {
        let mut ending = Ending::default();
        signals.iter().map(|(signal, ms)| ending.take(*signal, Duration::from_millis(*ms))).collect()
    }

    #[test]
    fn the_second_signal_forces_the_end() {
        for (first, second) in [(Interrupt, Terminate), (Terminate, Interrupt)] {
            assert_eq!(actions(&[(first, 500), (second, 500)]), [End, Force], "{first:?} {second:?}");
        }
        for signal in [Interrupt, Terminate] {
            assert_eq!(actions(&[(signal, 500), (signal, 601)]), [End, Force], "{signal:?}");
        }
    }

    #[test]
    fn equal_signals_within_a_tenth_of_a_second_count_as_one() {
        for signal in [Interrupt, Terminate] {
            let thrice = [(signal, 500), (signal, 500), (signal, 600)];
            assert_eq!(actions(&thrice), [End, Ignore, Ignore], "{signal:?}");
        }
        let forced_twice = [(Terminate, 0), (Interrupt, 50), (Interrupt, 60)];
        assert_eq!(actions(&forced_twice), [End, Force, Ignore]);
    }

    #[test]
    fn a_closed_terminal_is_one_request_to_end() {
        assert_eq!(actions(&[(Hangup, 500), (Hangup, 500), (Hangup, 900)]), [End, Ignore, Ignore]);
        assert_eq!(actions(&[(Interrupt, 500), (Hangup, 900)]), [End, Ignore]);
        assert_eq!(actions(&[(Hangup, 500), (Terminate, 501)]), [End, Force]);
    }

    #[test]
    fn a_key_that_is_held_down_is_not_one_interrupt() {
        let held: Vec<_> = (0..5).map(|n| (Interrupt, n * 30)).collect();
        assert_eq!(actions(&held), [End, Ignore, Ignore, Ignore, Force]);
    }
}
