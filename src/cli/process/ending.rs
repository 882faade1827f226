//! Decides the effect of signals, including those during a shutdown.

use std::time::Duration;

/// Two equal signals within this time count as one: a terminal and a wrapper such as npm may both send
/// SIGINT, and `timeout` sends SIGTERM to the process and to its group.
const SAME_SIGNAL: Duration = Duration::from_millis(100);

/// A signal that asks the process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT: Ctrl+C.
    Interrupt,
    /// SIGTERM.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix has SIGTERM"))]
    Terminate,
    /// SIGHUP: the terminal was closed. The system and the shell may both send it, so it never forces an
    /// exit.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix has SIGHUP"))]
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
    use super::{Action::*, Signal::*, *};

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
