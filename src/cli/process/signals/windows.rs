//! Events of the console, and the end of a session.

use std::time::Duration;

use tokio::signal::windows::{self, CtrlBreak, CtrlC, CtrlClose, CtrlLogoff, CtrlShutdown};

use super::{Signal, received};

/// Time that the system leaves a process after [`Signal::Hangup`]: it ends the process after five seconds.
pub(super) const HANGUP_MAX: Duration = Duration::from_secs(4);

/// Handlers of the events. An event without a handler ends the process.
pub(crate) struct Signals {
    interrupt: Option<CtrlC>,
    terminate: Option<CtrlBreak>,
    close: Option<CtrlClose>,
    logoff: Option<CtrlLogoff>,
    shutdown: Option<CtrlShutdown>,
}

impl Signals {
    pub(crate) fn new() -> Self {
        Self {
            interrupt: windows::ctrl_c().ok(),
            terminate: windows::ctrl_break().ok(),
            close: windows::ctrl_close().ok(),
            logoff: windows::ctrl_logoff().ok(),
            shutdown: windows::ctrl_shutdown().ok(),
        }
    }

    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! { biased;
            () = received(self.interrupt.as_mut().map(CtrlC::recv)) => Signal::Interrupt,
            () = received(self.terminate.as_mut().map(CtrlBreak::recv)) => Signal::Terminate,
            () = received(self.close.as_mut().map(CtrlClose::recv)) => Signal::Hangup,
            () = received(self.logoff.as_mut().map(CtrlLogoff::recv)) => Signal::Hangup,
            () = received(self.shutdown.as_mut().map(CtrlShutdown::recv)) => Signal::Hangup,
        }
    }
}
