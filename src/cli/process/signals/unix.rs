//! SIGINT, SIGTERM and SIGHUP.

use std::time::Duration;

use tokio::signal::unix::{Signal as Handler, SignalKind, signal};

use super::{Signal, received};

/// Number of SIGHUP on every system.
const HANGUP: u32 = 1;
/// Time that the system leaves a process after [`Signal::Hangup`].
pub(super) const HANGUP_MAX: Duration = Duration::MAX;

/// Handlers of the signals. A signal without a handler has the system's default action: it ends the process or is ignored.
pub(crate) struct Signals([Option<Handler>; 3]);

impl Signals {
    pub(crate) fn new() -> Self {
        let hangup = (!ignores_hangup()).then(SignalKind::hangup);
        let kinds = [Some(SignalKind::interrupt()), Some(SignalKind::terminate()), hangup];
        Self(kinds.map(|kind| signal(kind?).ok()))
    }

    pub(crate) async fn next(&mut self) -> Signal {
        let [interrupt, terminate, hangup] =
            self.0.each_mut().map(|it| received(it.as_mut().map(Handler::recv)));
        tokio::select! { biased;
            () = interrupt => Signal::Interrupt,
            () = terminate => Signal::Terminate,
            () = hangup => Signal::Hangup,
        }
    }
}

/// Returns whether the process was started with SIGHUP ignored, as `nohup` does. Only Linux
/// reports this. On other systems, SIGHUP keeps the action that it had at the start, so that `nohup` works.
fn ignores_hangup() -> bool {
    std::fs::read_to_string("/proc/self/status").map_or(true, |status| is_ignored(&status, HANGUP))
}

/// Returns whether a signal is in the set of ignored ones, according to `/proc/PID/status`.
fn is_ignored(status: &str, signal: u32) -> bool {
    let set = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let set = set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or_default();
    set >> (signal - 1) & 1 == 1
}

#[cfg(test)]
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
