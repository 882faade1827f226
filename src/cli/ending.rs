//! Decides the effect of signals, including those during a shutdown.

use std::time::Duration;

/// Two SIGINTs within this time count as one Ctrl+C: a terminal and a wrapper such as npm may both send it.
const SAME_INTERRUPT: Duration = Duration::from_millis(100);

/// A signal that asks the process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// SIGINT: Ctrl+C.
    Interrupt,
    /// SIGTERM.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix has SIGTERM"))]
    Terminate,
    /// SIGHUP: the terminal was closed. The system and the shell may both send it, so it never forces an exit.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix has SIGHUP"))]
    Hangup,
}

/// Reaction to a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Ignore it: it belongs to the previous signal.
    Ignore,
    /// Shut down gracefully.
    End,
    /// Seal the recordings and exit immediately.
    Force,
}

/// Signals received so far.
#[derive(Debug, Default)]
pub(super) struct Ending {
    is_asked: bool,
    interrupted_at: Option<Duration>,
}

impl Ending {
    /// Handles a signal that was received `at` after the start.
    pub(super) fn take(&mut self, signal: Signal, at: Duration) -> Action {
        if signal == Signal::Interrupt {
            if self.interrupted_at.is_some_and(|before| at.saturating_sub(before) <= SAME_INTERRUPT) {
                return Action::Ignore;
            }
            self.interrupted_at = Some(at);
        }
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
        for (first, second) in [(Interrupt, Terminate), (Terminate, Interrupt), (Terminate, Terminate)] {
            assert_eq!(actions(&[(first, 500), (second, 500)]), [End, Force], "{first:?} {second:?}");
        }
        assert_eq!(actions(&[(Interrupt, 500), (Interrupt, 601)]), [End, Force]);
    }

    #[test]
    fn only_interrupts_within_a_tenth_of_a_second_count_as_one() {
        assert_eq!(actions(&[(Interrupt, 500), (Interrupt, 500), (Interrupt, 600)]), [End, Ignore, Ignore]);
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
